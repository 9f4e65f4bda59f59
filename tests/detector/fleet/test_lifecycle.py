"""The status of a finding, whatever is observed and decided."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from detector.fleet.lifecycle import (
    DEADLINES,
    POLICY,
    RESOLVED,
    Event,
    EventKind,
    FindingState,
    FindingStatus,
    Observation,
    Transition,
    advance,
    compute_deadline,
    reopen,
    resolve,
)

START = datetime(2026, 1, 1, tzinfo=UTC)

observations = st.one_of(
    st.none(),
    st.builds(
        Observation,
        at_head=st.booleans(),
        ignored=st.sampled_from(["", "", "", ".leakfirst-baseline"]),
        verdict=st.sampled_from(["", "", "live", "dead", "unknown"]),
    ),
)
decisions = st.tuples(
    st.sampled_from([*RESOLVED, "reopen"]), st.sampled_from(["false-positive", "accepted-risk: a sample", "removed"])
)


def at(number: int) -> str:
    return (START + timedelta(days=number)).isoformat(timespec="seconds")


def play(turns: list[object]) -> list[Transition]:
    """Return the status and events after each of *turns*, from the opening of the finding on."""
    transitions: list[Transition] = []
    status: FindingStatus | None = None
    for number, turn in enumerate(turns):
        if isinstance(turn, Observation) or turn is None:
            status, events = advance(status, turn, at(number))
        elif status is None:
            continue
        elif turn[0] == "reopen":
            status, events = reopen(status, at(number), "by hand")
        else:
            status, events = resolve(status, turn[0], turn[1], "ada")
        if status is not None:
            transitions.append((status, events))
    return transitions


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [event.kind for event in events]


@given(st.lists(st.one_of(observations, decisions), max_size=20))
def test_every_change_of_state_has_an_event_and_nothing_else_has(turns):
    before = None
    for status, events in play(turns):
        assert status.state in FindingState
        if before is None:
            assert events[0].kind == ("closed" if status.resolved_by == POLICY else "opened")
        else:
            changed = (status.state, status.reason) != (before.state, before.reason)
            assert bool(events) == changed
        assert all(event.kind in EventKind for event in events)
        before = status


@given(st.lists(st.one_of(observations, decisions), max_size=20))
def test_first_seen_never_changes_and_last_seen_only_grows(turns):
    statuses = [status for status, _ in play(turns)]
    assert len({status.first_seen for status in statuses}) <= 1
    assert all(one.last_seen <= other.last_seen for one, other in pairwise(statuses))
    assert all(status.first_seen <= status.opened for status in statuses)


@given(st.lists(st.one_of(observations, decisions), max_size=20), observations)
def test_repeating_an_observation_changes_nothing_but_the_date(turns, observation):
    transitions = play([*turns, observation])
    if transitions:
        once = transitions[-1][0]
        twice, events = advance(once, observation, at(99))
        assert twice is not None
        assert events == ()
        assert twice._replace(last_seen="") == once._replace(last_seen="")


def test_a_credential_that_is_no_longer_ignored_and_that_the_provider_rejects_is_dead():
    transitions = play([Observation(True), Observation(True, ignored="policy"), Observation(True, verdict="dead")])
    assert (transitions[-1][0].state, transitions[-1][0].resolved_by) == ("dead", "")


@given(st.lists(observations, max_size=20), st.lists(observations, min_size=1, max_size=20))
def test_a_false_positive_stays_closed(before, after):
    transitions = play([Observation(True), *before, (FindingState.CLOSED, "false-positive"), *after])
    assert all(status.state == "closed" for status, _ in transitions[-len(after) :])


def test_each_transition():
    first, events = advance(None, Observation(True), at(0))
    assert (first.state, kinds(events)) == ("open", ["opened"])
    removed, events = advance(first, Observation(False), at(1))
    assert (removed.state, kinds(events)) == ("history", ["removed"])
    returned, events = advance(removed, Observation(True), at(2))
    assert (returned.state, kinds(events)) == ("open", ["returned"])
    absent, events = advance(returned, None, at(3))
    assert (absent.state, absent.last_seen) == ("absent", at(2))
    closed, events = resolve(absent, FindingState.CLOSED, "removed", "ada")
    assert kinds(events) == ["closed"]
    again, events = advance(closed, Observation(True), at(4))
    assert (again.state, again.opened, events[0]) == ("open", at(4), ("reopened", "it is at a branch head again"))


def test_a_dead_credential_that_the_provider_accepts_is_reopened():
    status, _ = advance(None, Observation(True, verdict="dead"), at(0))
    assert status.state == "dead"
    status, events = advance(status, Observation(True, verdict="live"), at(1))
    assert (status.state, events[0].kind) == ("open", "reopened")


def test_a_finding_that_a_baseline_ignores_is_closed_and_reopened_without_it():
    status, _ = advance(None, Observation(True), at(0))
    status, _ = advance(status, Observation(True, ignored=".leakfirst-baseline.json"), at(1))
    assert (status.state, status.resolved_by, status.reason) == ("closed", POLICY, ".leakfirst-baseline.json")
    status, events = advance(status, Observation(True), at(2))
    assert (status.state, events[0].kind) == ("open", "reopened")


def test_the_deadline_counts_from_opening():
    assert compute_deadline(at(0), "high", DEADLINES) == at(7)
    assert compute_deadline(at(0), "info", DEADLINES) == ""
