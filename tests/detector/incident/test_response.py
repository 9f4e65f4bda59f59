"""The playbook on both databases, taken over by somebody else, and by nobody twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.fleet.state import open_state
from detector.incident.ledger import alone, known
from detector.rules.shapes import expand
from leakfirst._program import main
from tests.detector.fleet.making import Stream, git

TOKEN = expand("ATBB{alnum:24}{check:atlassian-crc32}", 70)


@pytest.fixture
def leaked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    file = tmp_path / "leaked.env"
    file.write_text(f"BITBUCKET={TOKEN}\n")
    repository = tmp_path / "fleet" / "app"
    repository.mkdir(parents=True)
    git(repository, "init", "-q", "--bare", "-b", "main", ".")
    stream = Stream(1)
    stream.commit("main", {"copy.env": f"BITBUCKET={TOKEN}\n"}, "Copy")
    stream.into(repository)
    return file


def respond(place: str, *words: object) -> int:
    return main(["respond", *map(str, words), "--state", place])


def status(place: str, capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    respond(place, "status", "--json")
    found: dict = json.loads(capsys.readouterr().out)
    return found


def test_somebody_else_goes_on(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    specs = ["--inventory", f"folder:{leaked.parent / 'fleet'}"]
    assert respond(place, "open", "--only-open", "--by", "ada", leaked, *specs) == 0
    assert respond(place, "run", "detect", "--by", "ada") == 0
    assert respond(place, "next", "--by", "grace") == 4
    case = status(place, capsys)
    assert [(at["repository"], at["path"], at["tip"]) for at in case["places"]] == [("app", "copy.env", True)]
    assert {name: step["by"] for name, step in case["steps"].items() if name in ("detect", "spread")} == {
        "detect": "ada",
        "spread": "grace",
    }
    assert (
        respond(place, "accept", case["incident"], case["credentials"][0]["fingerprint"], "--reason", "a sample") == 0
    )
    assert respond(place, "log", "--check") == 0


def test_nobody_plays_it_twice_at_once(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    respond(place, "open", "--only-open", leaked)
    capsys.readouterr()
    with open_state(place) as state, alone(state, known(state)[0]):
        assert respond(place, "next") == 2
        assert "somebody else is working on" in capsys.readouterr().err
        assert respond(place, "status") == 0, "looking is allowed"
        assert respond(place, "next", "--all") == 0, "and cron comes again"
    assert respond(place, "next") == 4


def test_a_removed_copy_is_noticed(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    respond(place, "open", leaked, "--inventory", f"folder:{leaked.parent / 'fleet'}")
    stream = Stream(2)
    stream.commit("main", {"copy.env": None}, "Without", onto="refs/heads/main^0")
    stream.into(leaked.parent / "fleet" / "app")
    respond(place, "next")
    (at,) = status(place, capsys)["places"]
    assert at["tip"] is False, "it stays in the history, and in the account"


def test_what_cannot_be_looked_at_is_no_answer(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = Stream(3)
    lock = json.dumps({"lockfileVersion": 3, "packages": {"node_modules/acme": {"version": "1.2.3"}}})
    stream.commit("main", {"package-lock.json": lock[:-2], "README": "r\n"}, "Cut", onto="refs/heads/main^0")
    app = leaked.parent / "fleet" / "app"
    stream.into(app)
    specs = ["--inventory", f"folder:{leaked.parent / 'fleet'}"]
    respond(place, "open", leaked, "--package", "npm:acme@1.2.3", *specs)
    case = status(place, capsys)
    assert case["steps"]["dependents"]["state"] == "incomplete", "a lock file that is cut off says nothing"
    stream.commit("main", {"package-lock.json": lock}, "Whole")
    stream.into(app)
    respond(place, "next")
    case = status(place, capsys)
    assert [row["repository"] for row in case["dependents"]] == ["app"] and list(case["scanned"]) == ["app"]
    assert case["steps"]["dependents"]["state"] == "done"


def test_what_was_begun_is_not_closed_before_its_end(
    place: str, leaked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    respond(place, "open", "--only-open", leaked)
    respond(place, "run", "detect")
    assert respond(place, "close", "--reason", "done") == 4
    assert "verify: was never done" in capsys.readouterr().err
