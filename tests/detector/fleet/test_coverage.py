"""What a sweep looked at, what it did not, and who knows of it."""

import pytest

from detector.errors import UsageError
from detector.fleet.coverage import (
    EMPTY_LIST,
    Coverage,
    CoverageLimits,
    GapKind,
    acknowledge,
    collect_not_listed,
    load_coverage,
    record_listing,
)
from detector.fleet.inventory import EndOfListing, RepositoryKind
from detector.fleet.overview import LOST_SIGHT_OF, load_overview
from detector.fleet.state import open_state
from detector.fleet.state.run_status import RunStatus
from detector.model import Skipped
from tests.detector.fleet.conftest import KEY
from tests.detector.fleet.state.test_store import finding, record

SPEC = "github:acme"


@pytest.fixture
def state(place):
    with open_state(place, KEY) as opened:
        yield opened


def fill(state, number: int = 20, with_findings: tuple[int, ...] = ()) -> set[str]:
    """Record a sweep of *number* repositories, and return their keys."""
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    keys = [f"github.com#{index}" for index in range(number)]
    for index, key in enumerate(keys):
        found = (finding(str(index), severity="critical"),) if index in with_findings else ()
        made = record(rules, *found, key=key)._replace(name=f"acme/r{index}", listed={"spec": SPEC})
        state.record_result(made, run, {"critical": -1})
    return set(keys)


def list_again(state, keys: set[str], left_out=None, complete: bool = True, **changes) -> int:
    """Record a sweep that lists *keys*, all unchanged."""
    run = state.begin_run(state.save_ruleset({"a": "1"}))
    end = EndOfListing(SPEC, complete, len(keys))._replace(**changes)
    record_listing(state, run, end, keys, left_out or {})
    state.mark_unchanged(sorted(keys), run)
    state.end_run(run, RunStatus.COMPLETED, {"unchanged": len(keys)})
    return run


def count(coverage: Coverage, *names: str) -> list[int]:
    counts = coverage.to_counts()
    return [counts[name] for name in names]


def test_everything_that_is_listed_was_looked_at(state):
    run = list_again(state, fill(state))
    coverage = load_coverage(state, run)
    assert coverage.complete
    assert count(coverage, "known", "listed", "unchanged", "lost", "stale", "failing") == [20, 20, 20, 0, 0, 0]


def test_one_of_many_without_findings_is_said_and_fails_nothing(state):
    keys = fill(state)
    coverage = load_coverage(state, list_again(state, keys - {"github.com#3"}))
    assert [gap.name for gap in coverage.select(GapKind.LOST)] == ["acme/r3"]
    assert coverage.complete


def test_one_with_open_findings_fails_and_its_findings_are_lost_sight_of(state):
    keys = fill(state, with_findings=(3, 4))
    assert load_overview(state).counts["overdue"] == 2
    run = list_again(state, keys - {"github.com#3"})
    coverage = load_coverage(state, run)
    (gap,) = coverage.gaps
    assert (gap.kind, gap.open_findings, gap.fails) == (GapKind.LOST, 1, True)
    overview = load_overview(state, run)
    assert (overview.counts["overdue"], overview.counts["lost_sight_of"]) == (1, 1)
    assert sorted(one.state for one in overview.findings) == [LOST_SIGHT_OF, "open"]
    back = list_again(state, keys)
    assert load_coverage(state, back).complete
    assert load_overview(state, back).counts["overdue"] == 2


def test_a_list_that_shrinks_by_a_tenth_fails(state):
    keys = fill(state)
    assert load_coverage(state, list_again(state, keys - {"github.com#1"})).complete
    shrunk = list_again(state, keys - {"github.com#1", "github.com#2"})
    assert count(load_coverage(state, shrunk), "lost", "failing") == [2, 2]
    assert load_coverage(state, shrunk, CoverageLimits(max_shrink=0.5)).complete


def test_what_an_incomplete_list_does_not_name_is_not_lost(state):
    keys = fill(state, with_findings=(3,))
    run = list_again(state, set(), complete=False)
    assert load_coverage(state, run, not_listed=[Skipped(SPEC, "HTTP 500")]).gaps[0].kind == GapKind.NOT_LISTED
    assert load_coverage(state, list_again(state, keys)).gaps == ()


def test_a_list_of_another_specification_loses_nothing(state):
    fill(state, with_findings=(3,))
    run = state.begin_run(state.save_ruleset({"a": "1"}))
    record_listing(state, run, EndOfListing("folder:/srv", True, 0), (), {})
    assert load_coverage(state, run).gaps == ()


def test_an_archived_repository_with_open_findings_is_a_gap_and_stays_overdue(state):
    keys = fill(state, with_findings=(3,))
    archived = {"github.com#3": "archived", "github.com#4": "archived", "github.com#5": "forks"}
    run = list_again(state, keys - set(archived), archived)
    coverage = load_coverage(state, run)
    assert [(gap.kind, gap.name, gap.fails) for gap in coverage.gaps] == [(GapKind.ARCHIVED, "acme/r3", True)]
    assert dict(coverage.left_out) == {"archived": 2, "forks": 1}
    assert load_overview(state, run).counts["overdue"] == 1


def test_wikis_that_are_not_requested_any_more_are_not_lost(state):
    rules = state.save_ruleset({"a": "1"})
    made = record(rules, finding("1"), key="github.com#1.wiki")
    run = state.begin_run(rules)
    state.record_result(made._replace(listed={"spec": SPEC, "kind": "wiki"}), run)
    run = list_again(state, set(), without=(RepositoryKind.WIKI,))
    assert load_coverage(state, run).gaps == ()


def test_only_the_acknowledged_gap_stops_failing_and_only_for_a_while(state):
    keys = fill(state, with_findings=(3, 4))
    run = list_again(state, keys - {"github.com#3"})
    (gap,) = acknowledge(state, ["acme/r3"], "deleted on purpose", "ada", 30, run)
    assert gap.name == "acme/r3"
    assert load_coverage(state, run).complete
    assert load_coverage(state, run).gaps[0].acknowledged_until
    assert load_coverage(state, list_again(state, keys - {"github.com#3"})).complete
    assert not load_coverage(state, list_again(state, keys - {"github.com#3", "github.com#4"})).complete
    acknowledge(state, ["acme/r3"], "", "ada", 0)
    assert count(load_coverage(state, 0), "failing", "acknowledged") == [2, 0]


def test_a_repository_that_returns_and_is_lost_again_is_another_gap(state, monkeypatch):
    keys = fill(state, with_findings=(3,))
    list_again(state, keys - {"github.com#3"})
    acknowledge(state, ["acme/r3"], "moved", "ada", 30)
    list_again(state, keys)
    monkeypatch.setattr("detector.fleet.state.store.utc_now", lambda: "2999-01-01T00:00:00+00:00")
    run = list_again(state, keys - {"github.com#3"})
    monkeypatch.undo()
    assert not load_coverage(state, run).complete


def test_an_acknowledged_failure_covers_no_other_reason(state):
    run = state.begin_run(state.save_ruleset({"a": "1"}))
    state.record_failure("k", "acme/large", "is larger than 5 bytes", run)
    acknowledge(state, ["k"], "known", "ada", 1)
    assert load_coverage(state, run).complete
    state.record_failure("k", "acme/large", "not found", run)
    (gap,) = load_coverage(state, run).gaps
    assert gap.fails and gap.since


def test_what_is_new_among_unread_parts_is_not_acknowledged(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    state.record_result(record(rules, skipped=(("x.zip", "has a password"),)), run)
    acknowledge(state, ["file:/a"], "known", "ada", 1)
    assert load_coverage(state, run).complete
    both = (("x.zip", "has a password"), ("y.zip", "has a password"))
    state.record_result(record(rules, after=1, skipped=both), run)
    assert not load_coverage(state, run).complete


@pytest.mark.parametrize("days", [-1, 367, float("nan"), float("inf")])
def test_nothing_is_acknowledged_for_ever(state, days):
    fill(state)
    with pytest.raises(UsageError, match="nothing is acknowledged for ever"):
        acknowledge(state, [], "x", "ada", days)


def test_a_name_without_a_gap_is_refused(state):
    fill(state)
    with pytest.raises(UsageError, match="acme/r1: nothing is missing there"):
        acknowledge(state, ["acme/r1"], "x", "ada", 1)


def test_an_old_check_is_stale(state):
    keys = fill(state)
    assert load_coverage(state, list_again(state, keys), CoverageLimits(stale_days=-1)).to_counts()["stale"] == 20


def test_an_empty_list_and_a_row_that_was_refused_are_stored_with_the_run(state):
    run = state.begin_run(state.save_ruleset({"a": "1"}))
    skipped = [Skipped(SPEC, EMPTY_LIST), Skipped("acme", "left out, forks: 1", expected=True)]
    state.end_run(run, RunStatus.COMPLETED, {"not_listed": collect_not_listed(skipped)})
    (gap,) = load_coverage(state, 0).gaps
    assert (gap.kind, gap.name, gap.fails) == (GapKind.EMPTY, SPEC, True)
    acknowledge(state, [SPEC], "nothing yet", "ada", 1)
    assert load_coverage(state, 0).complete
