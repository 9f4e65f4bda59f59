"""Headings, the headline and the location of a finding, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator

from detector.fleet.coverage import Coverage, Gap, GapKind, format_coverage, format_since
from detector.fleet.lifecycle import EventKind
from detector.fleet.overview import LOST_SIGHT_OF, ListedFinding, Overview, UnreadRepository
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

GAP_HEADINGS = {
    GapKind.LOST: "Not listed any more",
    GapKind.ARCHIVED: "Archived and left out, with open findings",
    GapKind.NOT_LISTED: "Could not be listed",
    GapKind.EMPTY: "Lists without a repository",
}
"""The headings of what a sweep did not look at; repositories that could not be read have headings of their own."""

MAX_SHOWN = 10_000
"""Findings that one table of a page shows; a browser is slow with more."""


def format_headline(overview: Overview) -> str:
    """Return the state of the fleet in a few lines."""
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
    lost = f", {counts['lost_sight_of']} {LOST_SIGHT_OF}" if counts.get("lost_sight_of") else ""
    findings = f"Findings: {states or 'none'}; {counts['overdue']} overdue{lost}"
    return f"Sweep {run['id']}, {ended}{scanned}\n{format_coverage(overview.coverage)}\n{findings}"


def list_gaps(coverage: Coverage) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield a heading, and name and explanation of each gap below it."""
    for kind, heading in GAP_HEADINGS.items():
        gaps = coverage.select(kind)
        if gaps:
            yield heading, [(gap.name, _explain_gap(gap)) for gap in gaps]
    if coverage.stale:
        yield "Stale", [(name, "was not checked for days") for name in coverage.stale]


def _explain_gap(gap: Gap) -> str:
    if gap.kind in (GapKind.NOT_LISTED, GapKind.EMPTY):
        return gap.problems[0] + format_since("", gap.acknowledged_until)
    found = format_count(gap.open_findings, "open finding")
    lost = f" {LOST_SIGHT_OF}" if gap.kind == GapKind.LOST and gap.open_findings else ""
    return f"{found}{lost}{format_since(gap.since, gap.acknowledged_until)}"


def explain_unread(unread: UnreadRepository) -> str:
    """Return why a repository could not be read, how often and since when."""
    times = f" ({unread.failures} times)" if unread.failures > 1 else ""
    return f"{unread.reason}{times}{format_since(unread.since, unread.acknowledged_until)}"


def explain_limit(total: int) -> str:
    """Return how many of *total* findings a page shows, or "" if it shows all."""
    if total <= MAX_SHOWN:
        return ""
    return f"The {MAX_SHOWN:,} most severe of {total:,} are shown; the formats text and json show all."


def format_location(finding: ListedFinding) -> str:
    """Return repository, path and line. They come from the repository and may contain anything."""
    if not finding.path:
        return finding.repository
    return f"{finding.repository}:{finding.path}:{finding.line}"
