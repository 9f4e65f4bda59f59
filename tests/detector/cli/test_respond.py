"""The command: one clear line for what is wrong, exit codes that mean something, nothing plain anywhere."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from leakfirst._program import main

TOKENS = [expand("ATBB{alnum:24}{check:atlassian-crc32}", 40 + number) for number in range(2)]
"""Of a kind that nobody can be asked about, so that nothing is asked of anybody."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def leaked(tmp_path: Path) -> Path:
    file = tmp_path / "leaked.env"
    file.write_text("".join(f"BITBUCKET_{number}={token}\n" for number, token in enumerate(TOKENS)))
    return file


def respond(*words: object) -> int:
    return main(["respond", *map(str, words)])


def opened(leaked: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict:
    assert respond("open", "--json", leaked, *more) == 4
    found: dict = json.loads(capsys.readouterr().out)
    return found


def test_what_nobody_can_be_asked_about_waits_for_a_person(leaked, capsys) -> None:
    case = opened(leaked, capsys)
    assert case["counts"]["credentials"] == 2 and case["counts"]["live"] == 0
    assert {step["state"] for step in case["steps"].values()} == {"done"}
    assert respond("close", "--reason", "enough") == 4
    assert "still open" in capsys.readouterr().err
    respond("status")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "respond accept" in line]
    both = line.split()[4:6]
    assert {one["fingerprint"][:16] for one in case["credentials"]} == set(both)
    assert respond("accept", case["incident"], both[0], "lf1:nobody", "--reason", "a sample") == 2
    assert respond("status") == 4, "one name was wrong, so nothing was accepted"
    respond("accept", case["incident"], *both, "--reason", "a sample")
    capsys.readouterr()
    assert respond("status") == 0
    assert respond("close", "--reason", "samples") == 0
    assert respond("status") == 0 and "closed, samples" in capsys.readouterr().out
    assert respond("report") == 0
    assert "Closed: samples" in capsys.readouterr().out


def test_a_step_alone_and_again(leaked, capsys) -> None:
    assert respond("open", "--only-open", leaked) == 0
    for step in ("detect", "verify", "contain", "spread", "dependents", "prove", "tell"):
        respond("run", step)
        respond("run", step)
    capsys.readouterr()
    respond("log", "--json")
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds.count("credential") == 2 and kinds.count("step") == 7
    assert respond("run", "detection") == 2
    assert "known: detect, verify" in capsys.readouterr().err
    assert respond("log", "--check") == 0


def test_the_clock_may_have_run_before_and_is_escalated(leaked, capsys, tmp_path, monkeypatch) -> None:
    from tests.fakes import receivers

    with receivers.receiving() as there:
        monkeypatch.setenv("ROUTING_KEY", receivers.ROUTING)
        config = tmp_path / "config.toml"
        table = '[notify.oncall]\nchannel = "pagerduty"\nrouting_key_env = "ROUTING_KEY"\n'
        config.write_text(f'{table}endpoint = "{there.url}"\nphases = ["escalated"]\n')
        before = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 30 * 3600))
        for _ in range(2):
            code = (
                respond("open", leaked, "--found-at", before, "--config", config)
                if not there.pages
                else respond("next", "--all", "--config", config)
            )
            assert code == 4
    (page,) = there.pages
    assert "left, and people have 2 things to do" in page["payload"]["summary"]
    assert page["payload"]["severity"] == "critical"


def test_who_cannot_be_reached_is_named_and_stops_nothing(leaked, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SLACK_URL", "http://127.0.0.1:9/services/x/url-canary")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    config = tmp_path / "config.toml"
    config.write_text('[notify.room]\nchannel = "slack"\nurl_env = "SLACK_URL"\n')
    assert respond("open", leaked, "--config", config) == 4
    said = capsys.readouterr()
    assert "room was not told" in said.err and "url-canary" not in said.err + said.out
    assert respond("run", "tell", "--dry-run", "--config", config) == 0
    said = capsys.readouterr()
    assert "-- room (slack)" in said.out and "url-canary" not in said.out


def test_it_shows_no_credential_anywhere(leaked, capfd, home) -> None:
    respond("open", "-v", leaked)
    for words in (["status"], ["status", "--json"], ["log"], ["log", "--json"], ["report"], ["next", "-v"], ["take"]):
        respond(*words)
    respond("report", "--html", home / "r.html", "--markdown", home / "r.md")
    text = "".join(capfd.readouterr()).encode()
    text += b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"ATBB" in text, "the redacted form is there"
    for token in TOKENS:
        assert token.encode() not in text and token[4:28].encode() not in text


def test_a_gone_artefact_is_said(leaked, capsys) -> None:
    respond("open", "--only-open", leaked)
    leaked.unlink()
    capsys.readouterr()
    assert respond("run", "detect") == 3
    assert "not there any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["open"], "name what leaked"),
        (["open", "nowhere.tgz"], "no such file or folder"),
        (["open", "leaked.env", "--range", "a..b"], "go with a repository"),
        (["open", "leaked.env", "--deadline", "soon"], "is no duration"),
        (["open", "leaked.env", "--found-at", "yesterday"], "is no time"),
        (["open", "leaked.env", "--found-at", "2999-01-01T00:00:00+00:00"], "is still to come"),
        (["open", "leaked.env", "--package", "npm:a b"], "is not a package"),
        (["open", "leaked.env", "--config", "bad.toml"], "incident.owner in the operator's file is unknown"),
        (["open", "leaked.env", "--policy", "none.toml"], "cannot read the rotation policy"),
        (["status", "2020"], "no incident is called '2020'"),
        (["next"], "open one with leakfirst respond open"),
        (["run", "tell", "--state", "mysql://x/y"], "SQLite"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], said: str, leaked, capsys, tmp_path) -> None:
    (tmp_path / "bad.toml").write_text('[incident]\nowner = "x"\n')
    assert respond(*words) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1, err


def test_nothing_is_opened_when_something_is_wrong(leaked, capsys) -> None:
    assert respond("open", leaked, "--policy", "none.toml") == 2
    capsys.readouterr()
    assert respond("status") == 0 and capsys.readouterr().out == ""


def test_several_incidents_are_listed(leaked, capsys) -> None:
    for title in ("first", "second"):
        respond("open", "--only-open", "--title", title, leaked)
    capsys.readouterr()
    assert respond("status") == 0
    out = capsys.readouterr().out
    assert "first" in out and "second" in out and "1 d 23 h left" in out
    for words in (["next"], ["take"], ["run", "tell"], ["close", "--reason", "drill"]):
        assert respond(*words) == 2, "which one?"
        err = capsys.readouterr().err
        assert "2 incidents are open; name one: " in err and "(first)" in err and "(second)" in err, err


def test_a_credential_that_is_not_there_is_one_line(leaked, capsys) -> None:
    name = opened(leaked, capsys)["incident"]
    assert respond("accept", name, "zzz", "--reason", "drill") == 2
    assert f"no credential of {name} is called 'zzz'" in capsys.readouterr().err


def test_after_a_drill_the_open_one_is_meant(leaked, capsys) -> None:
    respond("open", "--only-open", leaked)
    assert respond("close", "--reason", " ") == 2
    assert "say why" in capsys.readouterr().err
    assert respond("close", "--reason", "drill") == 0
    capsys.readouterr()
    name = opened(leaked, capsys)["incident"]
    assert respond("run", "prove") == 4
    capsys.readouterr()
    assert respond("status") == 4
    assert capsys.readouterr().out.startswith(name)
