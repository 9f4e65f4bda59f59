"""`leakfirst respond` from the command line: one line per error, exit codes, no credential in any output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from leakfirst._program import main

TOKENS = [expand("ATBB{alnum:24}{check:atlassian-crc32}", 40 + number) for number in range(2)]
"""Of a kind without a probe, so that no provider is asked."""


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


def open_incident(leaked: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict:
    assert respond("open", "--json", leaked, *more) == 4
    found: dict = json.loads(capsys.readouterr().out)
    return found


def test_a_credential_without_a_probe_waits_for_a_person(leaked, capsys) -> None:
    status = open_incident(leaked, capsys)
    assert status["counts"]["credentials"] == 2 and status["counts"]["live"] == 0
    assert {step["state"] for step in status["steps"].values()} == {"done"}
    assert respond("close", "--reason", "enough") == 4
    assert "still open" in capsys.readouterr().err
    respond("status")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "respond accept" in line]
    both = line.split()[5:7]
    assert {one["fingerprint"][:16] for one in status["credentials"]} == set(both)
    assert line.strip().startswith("or leakfirst respond accept"), "the command that ends them comes first"
    assert respond("accept", status["incident"], both[0], "lf1:nobody", "--reason", "a sample") == 2
    assert respond("status") == 4, "one name is unknown, so nothing was accepted"
    respond("accept", status["incident"], *both, "--reason", "a sample")
    capsys.readouterr()
    assert respond("status") == 0
    assert respond("close", "--reason", "samples") == 0
    assert respond("status") == 0 and "closed, samples" in capsys.readouterr().out
    assert respond("report") == 0
    assert "Closed: samples" in capsys.readouterr().out


def test_no_output_contains_a_credential(leaked, capfd, home) -> None:
    respond("open", "-v", leaked)
    for words in (["status"], ["status", "--json"], ["log"], ["log", "--json"], ["report"], ["next", "-v"], ["take"]):
        respond(*words)
    respond("report", "--html", home / "r.html", "--markdown", home / "r.md")
    text = "".join(capfd.readouterr()).encode()
    text += b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"ATBB" in text, "the redacted form is there"
    for token in TOKENS:
        assert token.encode() not in text and token[4:28].encode() not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["open"], "name what leaked"),
        (["open", "nowhere.tgz"], "no such file or folder"),
        (["open", "leaked.env", "--range", "a..b"], "apply only to a repository"),
        (["open", "leaked.env", "--deadline", "soon"], "is not a duration"),
        (["open", "leaked.env", "--found-at", "yesterday"], "is not a time"),
        (["open", "leaked.env", "--found-at", "2999-01-01T00:00:00+00:00"], "is in the future"),
        (["open", "leaked.env", "--package", "npm:a b"], "is not a package"),
        (["open", "leaked.env", "--config", "bad.toml"], "incident.owner in the operator's configuration is unknown"),
        (["open", "leaked.env", "--policy", "none.toml"], "none.toml: cannot be read"),
        (["status", "2020"], "no incident is named '2020'"),
        (["next"], "create one with leakfirst respond open"),
        (["run", "notify", "--state", "mysql://x/y"], "SQLite"),
    ],
)
def test_an_error_is_one_line(words: list[str], message: str, leaked, capsys, tmp_path) -> None:
    (tmp_path / "bad.toml").write_text('[incident]\nowner = "x"\n')
    assert respond(*words) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1, err


def test_a_wrong_configuration_opens_no_incident(leaked, capsys) -> None:
    assert respond("open", leaked, "--policy", "none.toml") == 2
    capsys.readouterr()
    assert respond("status") == 0 and capsys.readouterr().out == ""


def test_an_unknown_credential_is_one_line(leaked, capsys) -> None:
    name = open_incident(leaked, capsys)["incident"]
    assert respond("accept", name, "zzz", "--reason", "drill") == 2
    assert f"no credential of {name} matches 'zzz'" in capsys.readouterr().err
