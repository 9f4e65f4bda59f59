"""Headings, the headline and the location of a finding, the same in every format."""

from __future__ import annotations

from detector.fleet.lifecycle import EventKind
from detector.fleet.overview import ListedFinding, Overview
from detector.text.numbers import format_count

HEADINGS = {
    EventKind.OPENED: "New",
    EventKind.REOPENED: "Reopened",
    EventKind.RETURNED: "Back at a branch head",
    EventKind.REMOVED: "Removed from all branch heads, still in the history",
    EventKind.ABSENT: "Removed from the history",
    EventKind.ROTATED: "Rotated",
    EventKind.DEAD: "Dead",
    EventKind.CLOSED: "Closed",
}
"""The heading for each kind of event, the most urgent first."""

SHARED_HEADING = "The same credential in several repositories"
FAILED_HEADING = "Could not be scanned"
INCOMPLETE_HEADING = "Not scanned completely"


def format_headline(overview: Overview) -> str:
    """Return the state of the fleet in one or two lines."""
    run, counts = overview.run, overview.counts
    if not run:
        return "No sweep yet."
    counters = run["counters"]
    ended = f"{run['status']} {run['ended']}" if run["ended"] else "not completed"
    states = ", ".join(f"{number} {state}" for state, number in sorted(counts["states"].items()))
    scanned = (
        f": {format_count(counters['repositories'], 'repository', 'repositories')}, "
        f"{counters['unchanged']} unchanged, {counters['failed']} failed"
        if counters
        else ""
    )
    return f"Sweep {run['id']}, {ended}{scanned}\nFindings: {states or 'none'}; {counts['overdue']} overdue"


def format_location(finding: ListedFinding) -> str:
    """Return repository, path and line. They come from the repository and may contain anything."""
    if not finding.path:
        return finding.repository
    return f"{finding.repository}:{finding.path}:{finding.line}"
