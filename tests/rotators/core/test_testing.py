"""The tests for others notice what they are for."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pytest

from detector.secret import Secret
from rotators.core import catalogue
from rotators.core.contracts import Handles, Values
from rotators.core.journalled_run import Outcome
from rotators.core.model import Leak, RunState
from rotators.core.testing import OLD, Location, Operator, Time, check_kills, check_store, killed_at, make_policy
from rotators.stores import env_file

LEAK = Leak("acme.key", "lf1:x", Secret(b"canary"))


def test_a_clock_jumps_instead_of_sleeping() -> None:
    time = Time()
    before = time.now()
    time.sleep(3600)
    assert time.clock.now() - before >= 3600 and time.slept == [3600]


def test_a_store_that_keeps_its_promises_and_one_that_does_not(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text(f"TOKEN={OLD}\n")
    settings = {"path": str(path), "fields": {"value": "TOKEN"}}
    place = Location(settings, lambda: path.read_text().strip().removeprefix("TOKEN="))
    check_store(lambda case: catalogue.open_store("env-file", case), place)

    def change_nothing(self: env_file.Store, token: str, values: Values) -> Handles:
        return {}

    monkeypatch.setattr(env_file.Store, "promote", change_nothing)
    with pytest.raises(AssertionError, match="promote did not make"):
        check_store(lambda case: catalogue.open_store("env-file", case), place)


def make_operator(folder: pathlib.Path) -> Operator:
    return Operator(str(folder), make_policy("runbook", {}), LEAK)


def test_a_run_is_killed_at_every_line(tmp_path: pathlib.Path) -> None:
    operator = make_operator(tmp_path / "whole")
    plan = operator.approved(rotator_name="runbook")
    assert killed_at(0, lambda: operator.run(plan).apply())
    assert operator.steps(plan) == ["approve done"]
    assert not killed_at(1000, lambda: operator.run(plan).apply())


def test_an_ending_that_is_not_right_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def is_right(outcome: Outcome) -> bool:
        seen.append(outcome.state)
        return len(seen) < 3

    def begin(number: int) -> Operator:
        return make_operator(tmp_path / str(number))

    monkeypatch.setattr(catalogue, "find_rotator", lambda rule: "runbook")
    with pytest.raises(AssertionError, match="killed at 2, it ended as"):
        check_kills(begin, is_right)
    assert set(seen) == {RunState.NEEDS_PERSON}


def test_the_names_of_a_policy_are_its_destinations() -> None:
    places: Mapping[str, tuple[str, Mapping[str, str]]] = {"env": ("env-file", {"path": "x"})}
    made = make_policy("acme", {}, places)
    assert made.clauses[0].destinations == ("env",) and "reissue" in made.clauses[0].may
