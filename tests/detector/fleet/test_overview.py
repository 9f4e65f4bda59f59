"""What a report of the fleet is made of."""

import pytest

from detector.fleet.lifecycle import FindingState
from detector.fleet.overview import load_overview
from detector.fleet.state import open_state
from detector.fleet.state.run_status import RunStatus
from tests.detector.fleet.conftest import KEY
from tests.detector.fleet.state.test_store import AT, finding, record


@pytest.fixture
def state(place):
    with open_state(place, KEY) as opened:
        yield opened


def fill(state) -> int:
    """Two repositories of one name share a credential; one was read incompletely, a third one failed."""
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    for key in ("file:/a", "file:/b"):
        shared = finding("1", severity="critical")
        state.record_result(record(rules, shared, finding(key[-1]), key=key)._replace(name="app"), run, {"critical": 0})
    skipped = (("x.zip", "has a password"), ("y.zip", "has a password"))
    state.record_result(record(rules, key="file:/c", skipped=skipped), run)
    state.record_failure("file:/d", "d", "unreachable", run)
    state.end_run(run, RunStatus.COMPLETED, {"repositories": 4, "unchanged": 0, "failed": 1})
    return run


def test_an_empty_state_has_no_run(state):
    overview = load_overview(state)
    assert (overview.run, overview.changes, overview.findings) == ({}, (), ())
    assert overview.counts == {"repositories": 0, "states": {}, "unresolved": {}, "overdue": 0, "lost_sight_of": 0}


def test_every_part_comes_from_the_state(state):
    fill(state)
    overview = load_overview(state)
    assert overview.run["status"] == "completed" and overview.run["counters"]["repositories"] == 4
    assert overview.counts["states"] == {"open": 4}
    assert overview.counts["unresolved"] == {"critical": 2, "high": 2}
    assert [change.kind for change in overview.changes] == ["opened"] * 4
    assert [one.repositories for one in overview.shared] == [("file:/a", "file:/b")]  # both are called app
    assert [(one.repository, one.reason, one.failures) for one in overview.failed] == [("d", "unreachable", 1)]
    assert [(one.repository, one.reason) for one in overview.incomplete] == [
        ("file:/c", "x.zip: has a password (and 1 more)")
    ]
    assert len(overview.findings) == 4
    assert {(one.path, one.line) for one in overview.findings} == {(AT.path, AT.line)}


def test_a_location_at_a_branch_head_is_shown_rather_than_the_oldest(state):
    rules = state.save_ruleset({"a": "1"})
    old = AT._replace(path="old.env", at_head=False)
    state.record_result(record(rules, finding("1", locations=(old, AT))), state.begin_run(rules))
    (shown,) = load_overview(state).findings
    assert shown.path == AT.path


def test_changes_are_those_of_one_run_and_of_people_since_it_began(state):
    first = fill(state)
    second = state.begin_run(state.save_ruleset({"a": "1"}))
    assert load_overview(state).changes == ()
    assert len(load_overview(state, first).changes) == 4
    state.resolve(finding("a").fingerprint, FindingState.CLOSED, "false-positive", "ada")
    (change,) = load_overview(state, second).changes
    assert (change.kind, change.detail, change.actor) == ("closed", "false-positive", "ada")
    assert len(load_overview(state).findings) == 3


def test_what_is_overdue_is_unresolved_and_past_its_deadline(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    late, later = finding("1", severity="critical"), finding("2", severity="low")
    state.record_result(record(rules, late, later), run, {"critical": -1, "low": 90})
    assert [one.fingerprint for one in load_overview(state).overdue] == [late.fingerprint]
    state.resolve(late.fingerprint, FindingState.ROTATED, "", "ada")
    assert load_overview(state).overdue == ()
