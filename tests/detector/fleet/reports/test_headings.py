"""What all formats of the report have in common."""

from detector.fleet.lifecycle import EventKind
from detector.fleet.reports._headings import (
    HEADINGS,
    MAX_SHOWN,
    explain_limit,
    format_coverage,
    format_headline,
    format_location,
    list_gaps,
)
from tests.golden.sweep.sample import FINDINGS, OVERVIEW


def test_every_kind_of_event_has_a_heading() -> None:
    assert set(HEADINGS) == set(EventKind)


def test_the_headline_says_how_the_last_sweep_ended() -> None:
    assert format_headline(OVERVIEW._replace(run={})) == "No sweep yet."
    running = {**OVERVIEW.run, "ended": "", "status": "running", "counters": {}}
    assert format_headline(OVERVIEW._replace(run=running)).startswith("Sweep 3, not completed\nCoverage: ")
    completed = "Sweep 3, completed 2026-02-01T03:04:05+00:00: 4 repositories, 1 unchanged, 1 failed"
    assert format_headline(OVERVIEW).splitlines()[0] == completed
    assert "4 listed, 2 scanned, 1 unchanged, 1 failed" in format_coverage(OVERVIEW.coverage)


def test_a_page_says_how_many_findings_it_leaves_out() -> None:
    assert explain_limit(MAX_SHOWN) == ""
    assert explain_limit(12_001).startswith("The 10,000 most severe of 12,001 are shown")


def test_every_gap_is_explained_under_a_heading() -> None:
    gaps = dict(list_gaps(OVERVIEW.coverage))
    assert gaps["Not listed any more"] == [("acme/<lost>", "2 open findings lost sight of, since 2026-01-30")]
    assert gaps["Lists without a repository"] == [("gitea:x", "lists no repository, acknowledged until 2026-02-01")]


def test_a_finding_without_a_location_is_in_its_repository() -> None:
    assert format_location(FINDINGS[0]) == "acme/app:config/1.env:1"
    assert format_location(FINDINGS[0]._replace(path="")) == "acme/app"
