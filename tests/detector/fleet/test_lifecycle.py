"""The life of a finding, whatever happens to it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from detector.fleet import lifecycle as lives
from detector.fleet.lifecycle import Life, Seen, advance, deadline, reopen, settle

START = datetime(2026, 1, 1, tzinfo=UTC)

seen = st.builds(
    Seen,
    at_tip=st.booleans(),
    ignored=st.sampled_from(["", "", "", ".leakfirst-baseline"]),
    verdict=st.sampled_from(["", "", "live", "dead", "unknown"]),
)
looks = st.one_of(st.none(), seen)
decisions = st.tuples(
    st.sampled_from([*lives.SETTLED, "reopen"]),
    st.sampled_from(["false-positive", "accepted-risk: a sample", "removed"]),
)


def at(number: int) -> str:
    return (START + timedelta(days=number)).isoformat(timespec="seconds")


def live_through(turns: list[object]) -> list[tuple[Life, tuple[lives.Event, ...]]]:
    """Play *turns*; what happened before the finding was opened is left out."""
    told: list[tuple[Life, tuple[lives.Event, ...]]] = []
    life: Life | None = None
    for number, turn in enumerate(turns):
        if isinstance(turn, Seen) or turn is None:
            life, happened = advance(life, turn, at(number))
        elif life is None:
            continue
        elif turn[0] == "reopen":
            life, happened = reopen(life, at(number), "by hand")
        else:
            life, happened = settle(life, turn[0], turn[1], "ada")
        if life is not None:
            told.append((life, happened))
    return told


@given(st.lists(st.one_of(looks, decisions), max_size=20))
def test_every_change_of_state_is_told_and_nothing_else_is(turns):
    before = None
    for life, happened in live_through(turns):
        assert life.state in (*lives.UNSETTLED, *lives.SETTLED)
        if before is None:
            assert happened[0].what == "opened"
        else:
            changed = (life.state, life.reason) != (before.state, before.reason)
            assert bool(happened) == changed
        assert all(event.what in lives.EVENTS for event in happened)
        before = life


@given(st.lists(st.one_of(looks, decisions), max_size=20))
def test_it_is_first_seen_once_and_last_seen_ever_later(turns):
    lived = [life for life, _ in live_through(turns)]
    assert len({life.first_seen for life in lived}) <= 1
    assert all(one.last_seen <= other.last_seen for one, other in pairwise(lived))
    assert all(life.first_seen <= life.opened for life in lived)


@given(st.lists(st.one_of(looks, decisions), max_size=20), looks)
def test_the_same_look_twice_changes_nothing_but_the_date(turns, look):
    lived = live_through([*turns, look])
    if lived:
        once = lived[-1][0]
        twice, happened = advance(once, look, at(99))
        assert twice is not None
        assert happened == ()
        assert twice._replace(last_seen="") == once._replace(last_seen="")


def test_what_nothing_sets_aside_any_more_and_the_issuer_refuses_is_dead_at_once():
    lived = live_through([Seen(True), Seen(True, ignored="policy"), Seen(True, verdict="dead")])
    assert (lived[-1][0].state, lived[-1][0].by) == ("dead", "")


@given(st.lists(looks, max_size=20), st.lists(looks, min_size=1, max_size=20))
def test_a_false_alarm_stays_closed(before, after):
    lived = live_through([Seen(True), *before, ("closed", "false-positive"), *after])
    assert all(life.state == "closed" for life, _ in lived[-len(after) :])


def test_the_turns_one_by_one():
    first, happened = advance(None, Seen(True), at(0))
    assert (first.state, [event.what for event in happened]) == ("open", ["opened"])
    gone, happened = advance(first, Seen(False), at(1))
    assert (gone.state, [event.what for event in happened]) == ("history", ["gone"])
    back, happened = advance(gone, Seen(True), at(2))
    assert (back.state, [event.what for event in happened]) == ("open", ["back"])
    absent, happened = advance(back, None, at(3))
    assert (absent.state, absent.last_seen) == ("absent", at(2))
    closed, happened = settle(absent, "closed", "removed", "ada")
    assert [event.what for event in happened] == ["closed"]
    again, happened = advance(closed, Seen(True), at(4))
    assert (again.state, again.opened, happened[0]) == ("open", at(4), ("reopened", "it is back at a tip"))


def test_an_issuer_that_accepts_a_dead_credential_opens_it_again():
    life, _ = advance(None, Seen(True, verdict="dead"), at(0))
    assert life.state == "dead"
    life, happened = advance(life, Seen(True, verdict="live"), at(1))
    assert (life.state, happened[0].what) == ("open", "reopened")


def test_what_a_baseline_sets_aside_opens_again_without_it():
    life, _ = advance(None, Seen(True), at(0))
    life, _ = advance(life, Seen(True, ignored=".leakfirst-baseline.json"), at(1))
    assert (life.state, life.by, life.reason) == ("closed", lives.POLICY, ".leakfirst-baseline.json")
    life, happened = advance(life, Seen(True), at(2))
    assert (life.state, happened[0].what) == ("open", "reopened")


def test_the_deadline_counts_from_opening():
    assert deadline(at(0), "high", lives.DEADLINES) == at(7)
    assert deadline(at(0), "info", lives.DEADLINES) == ""
