"""The playbook on both databases: continued by another person, but never by two at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.fleet.state import open_state
from detector.incident.ledger import list_incidents, lock_incident
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


def test_another_person_can_continue(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    specs = ["--inventory", f"folder:{leaked.parent / 'fleet'}"]
    assert respond(place, "open", "--only-open", "--by", "ada", leaked, *specs) == 0
    assert respond(place, "run", "detect", "--by", "ada") == 0
    assert respond(place, "next", "--by", "grace") == 4
    found = status(place, capsys)
    assert [(at["repository"], at["path"], at["at_head"]) for at in found["locations"]] == [("app", "copy.env", True)]
    assert {name: step["by"] for name, step in found["steps"].items() if name in ("detect", "spread")} == {
        "detect": "ada",
        "spread": "grace",
    }
    assert (
        respond(place, "accept", found["incident"], found["credentials"][0]["fingerprint"], "--reason", "a sample") == 0
    )
    assert respond(place, "log", "--check") == 0


def test_a_locked_incident_is_not_run(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    respond(place, "open", "--only-open", leaked)
    capsys.readouterr()
    with open_state(place) as state, lock_incident(state, list_incidents(state)[0]):
        assert respond(place, "next") == 2
        assert "another process is working on" in capsys.readouterr().err
        assert respond(place, "status") == 0, "reading is allowed"
        assert respond(place, "next", "--all") == 0, "cron skips it"
    assert respond(place, "next") == 4


def test_a_removed_copy_is_no_longer_at_a_tip(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    respond(place, "open", leaked, "--inventory", f"folder:{leaked.parent / 'fleet'}")
    stream = Stream(2)
    stream.commit("main", {"copy.env": None}, "Without", onto="refs/heads/main^0")
    stream.into(leaked.parent / "fleet" / "app")
    respond(place, "next")
    (at,) = status(place, capsys)["locations"]
    assert at["at_head"] is False, "it stays in the history and in the report"


def test_a_lock_file_that_cannot_be_read_makes_the_step_incomplete(
    place: str, leaked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = Stream(3)
    lock = json.dumps({"lockfileVersion": 3, "packages": {"node_modules/acme": {"version": "1.2.3"}}})
    stream.commit("main", {"package-lock.json": lock[:-2], "README": "r\n"}, "Cut", onto="refs/heads/main^0")
    app = leaked.parent / "fleet" / "app"
    stream.into(app)
    specs = ["--inventory", f"folder:{leaked.parent / 'fleet'}"]
    respond(place, "open", leaked, "--package", "npm:acme@1.2.3", *specs)
    found = status(place, capsys)
    assert found["steps"]["dependents"]["state"] == "incomplete", "the lock file is truncated"
    stream.commit("main", {"package-lock.json": lock}, "Whole")
    stream.into(app)
    respond(place, "next")
    found = status(place, capsys)
    assert [row["repository"] for row in found["dependents"]] == ["app"] and list(found["scanned"]) == ["app"]
    assert found["steps"]["dependents"]["state"] == "done"


def test_an_incident_with_missing_steps_cannot_be_closed(
    place: str, leaked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    respond(place, "open", "--only-open", leaked)
    respond(place, "run", "detect")
    assert respond(place, "close", "--reason", "done") == 4
    assert "verify: was never run" in capsys.readouterr().err
