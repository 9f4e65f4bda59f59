"""The output of `leakfirst respond`: exit codes, combined commands and file options."""

from __future__ import annotations

import argparse

import pytest

from detector.cli._respond_output import choose_exit_code, format_file_options, show_incident, to_json
from detector.cli._respond_session import Session
from tests.detector.incident.making import DUE, IncidentLog


def live(log: IncidentLog, name: str = "lf1:a1") -> IncidentLog:
    return log.found(name)("step", "verify", state="done")("verdict", name, state="live", why="", owner="")


def test_a_closed_incident_with_an_open_task_has_exit_code_4() -> None:
    log = live(IncidentLog())("step", "contain", state="done")("dead", "lf1:a1", at=DUE, result="dead")
    assert choose_exit_code(log("closed", "", reason="all dead").incident) == 0
    assert choose_exit_code(log("dead", "lf1:a1", at=None, result="alive", why="signs in").incident) == 4


def test_an_incomplete_step_has_exit_code_3() -> None:
    log = IncidentLog()("step", "spread", state="incomplete", why="1 could not be read")
    assert choose_exit_code(log.incident) == 3
    assert choose_exit_code(log("step", "spread", state="done", why="").incident) == 0


def test_named_files_are_appended_to_shown_commands() -> None:
    args = argparse.Namespace(state="a b.db", config="", policy="p.toml", rotations="", clones="")
    assert format_file_options(args) == " --state 'a b.db' --policy p.toml"


def test_alike_tasks_have_one_command_and_untrusted_text_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    log = IncidentLog()("step", "verify", state="done")
    for name in ("lf1:a1", "lf1:b2"):
        log.found(name)("verdict", name, state="unknown", why="no probe")
    args = argparse.Namespace(json=False, state="", config="", policy="", rotations="", clones="")
    incident = log.incident._replace(title="evil\x1b[2J")
    assert show_incident(Session(None, {}, None, args), incident, args) == 4  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert shown.count("respond accept") == 1 and "lf1:a1 lf1:b2 --reason WHY" in shown
    assert "\x1b" not in shown and "for On call:" not in shown and "for Ada:" in shown


def test_the_json_has_a_schema_and_no_location_of_the_value() -> None:
    data = to_json(live(IncidentLog()).incident)
    assert data["schema"] == "leakfirst/incident/1" and data["due"] == DUE
    (credential,) = data["credentials"]
    assert credential["live"] is True and "where" not in credential
