"""What every action works with: a wrong configuration is an error before anything is opened."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from detector.cli._respond_session import Session
from detector.errors import UsageError
from detector.fleet.state import open_state
from detector.incident.ledger import IncidentLocked, open_incident
from detector.incident.model import Exposure, ExposureKind
from detector.incident.settings import IncidentSettings
from detector.incident.spread import EmptyFleet, InventoryFleet
from tests.detector.incident.running import OPTIONS

EXPOSURE = Exposure(ExposureKind.ARTEFACT, ("/leaked",))


def make_session(state: object, operator: dict | None = None, **options: object) -> Session:
    return Session(state, operator or {}, IncidentSettings(), argparse.Namespace(**{**OPTIONS, **options}))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))


def test_who_works_is_the_user_and_host_unless_named() -> None:
    assert make_session(None).by == "ada"
    assert "@" in make_session(None, by="").by


def test_the_fleet_depends_on_the_inventory(tmp_path: Path) -> None:
    with open_state(str(tmp_path / "state.db")) as state:
        session = make_session(state)
        assert isinstance(session.make_tools(EXPOSURE).fleet, EmptyFleet)
        inventory = EXPOSURE._replace(inventory=(f"folder:{tmp_path}",))
        assert isinstance(session.make_tools(inventory).fleet, InventoryFleet)


@pytest.mark.parametrize(
    ("operator", "options", "message"),
    [
        ({"notify": {"x": {"channel": "pigeon"}}}, {}, "unknown channel 'pigeon'"),
        ({"notify": []}, {}, "must consist of tables"),
        ({}, {"policy": "none.toml"}, "none.toml: cannot be read"),
    ],
)
def test_a_wrong_configuration_is_refused(operator: dict, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_session(None, operator, **options).make_tools(EXPOSURE)


def test_a_context_locks_its_incident(tmp_path: Path) -> None:
    with open_state(str(tmp_path / "state.db")) as state:
        session = make_session(state)
        facts = {"exposure": EXPOSURE.to_json(), "due_at": "2999-01-01T00:00:00+00:00"}
        name = open_incident(state, "a leak", facts, session.clock, "ada")
        with session.open_context("") as context:
            assert context.incident.id == session.load_incident(name[-6:]).id == name
            with pytest.raises(IncidentLocked), session.open_context(name):
                pass
