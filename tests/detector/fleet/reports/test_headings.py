"""What all formats of the report have in common."""

from detector.fleet.lifecycle import EventKind
from detector.fleet.reports._headings import HEADINGS, format_headline, format_location
from tests.golden.sweep.sample import FINDINGS, OVERVIEW


def test_every_kind_of_event_has_a_heading() -> None:
    assert set(HEADINGS) == set(EventKind)


def test_the_headline_says_how_the_last_sweep_ended() -> None:
    assert format_headline(OVERVIEW._replace(run={})) == "No sweep yet."
    running = {**OVERVIEW.run, "ended": "", "status": "running", "counters": {}}
    assert format_headline(OVERVIEW._replace(run=running)).startswith("Sweep 3, not completed\nFindings: ")
    completed = "Sweep 3, completed 2026-02-01T03:04:05+00:00: 4 repositories, 1 unchanged, 1 failed"
    assert format_headline(OVERVIEW).splitlines()[0] == completed


def test_a_finding_without_a_location_is_in_its_repository() -> None:
    assert format_location(FINDINGS[0]) == "acme/app:config/1.env:1"
    assert format_location(FINDINGS[0]._replace(path="")) == "acme/app"
