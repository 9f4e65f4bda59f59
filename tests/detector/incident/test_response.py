"""The playbook on both databases: continued by another person, but never by two at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.fleet.state import open_state
from detector.incident import response
from detector.incident.context import Context
from detector.incident.ledger import list_incidents, lock_incident
from tests.detector.incident.fleet import make_leak_with_fleet, respond, status


@pytest.fixture
def leaked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    return make_leak_with_fleet(tmp_path)


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


def test_people_may_act_while_the_other_repositories_are_searched(
    place: str, leaked: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []

    def act(context: Context) -> None:
        name = context.incident.credentials[0].fingerprint
        codes.append(respond(place, "accept", context.ledger.incident_id, name, "--reason", "a sample"))

    monkeypatch.setattr(response, "spread", act)
    respond(place, "open", leaked, "--inventory", f"folder:{leaked.parent / 'fleet'}")
    assert codes == [4] or codes == [0]
    assert "0 of 0 live credentials are contained" in capsys.readouterr().err
    found = status(place, capsys)
    assert found["steps"]["notify"]["state"] == "done", "the rest is done afterwards"
