"""text: for a terminal, and for the mail that cron sends."""

from __future__ import annotations

from collections.abc import Iterator

from detector.fleet.overview import LOST_SIGHT_OF, FindingChange, ListedFinding, Overview
from detector.fleet.reports._headings import (
    FAILED_HEADING,
    HEADINGS,
    INCOMPLETE_HEADING,
    SHARED_HEADING,
    explain_unread,
    format_headline,
    format_location,
    list_gaps,
)
from detector.model import SEVERITIES
from detector.text.untrusted import make_printable


def render(overview: Overview, include_open: bool) -> Iterator[str]:
    """Yield the report line by line."""
    yield format_headline(overview) + "\n"
    yield from list_changes(overview)
    if overview.overdue:
        yield f"\nOverdue ({len(overview.overdue)}):\n"
        for finding in overview.overdue:
            yield f"  since {finding.deadline[:10]}  {_format_finding(finding)}\n"
    if overview.shared:
        yield f"\n{SHARED_HEADING} ({len(overview.shared)}):\n"
        for finding, repositories in overview.shared:
            names = ", ".join(make_printable(name) for name in repositories)
            yield f"  {finding.fingerprint}  {finding.rule}  {len(repositories)}: {names}\n"
    yield from list_missing(overview)
    if include_open and overview.findings:
        yield f"\nOpen ({len(overview.findings)}):\n"
        for finding in overview.findings:
            yield f"  {_format_finding(finding)}\n"


def list_changes(overview: Overview) -> Iterator[str]:
    """Yield what changed by kind of event, the most severe findings first."""
    for kind, heading in HEADINGS.items():
        group = sorted((change for change in overview.changes if change.kind == kind), key=_by_severity)
        if group:
            yield f"\n{heading} ({len(group)}):\n"
        for change in group:
            yield f"  {_format_finding(change.finding)}{_format_detail(change)}\n"


def list_missing(overview: Overview) -> Iterator[str]:
    """Yield what was not looked at: lists and repositories that could not be read, or are gone."""
    for heading, gaps in list_gaps(overview.coverage):
        yield f"\n{heading} ({len(gaps)}):\n"
        for name, why in gaps:
            yield f"  {make_printable(name)}: {make_printable(why)}\n"
    for heading, group in ((FAILED_HEADING, overview.failed), (INCOMPLETE_HEADING, overview.incomplete)):
        if group:
            yield f"\n{heading} ({len(group)}):\n"
        for unread in group:
            yield f"  {make_printable(unread.repository)}: {make_printable(explain_unread(unread))}\n"


def _by_severity(change: FindingChange) -> tuple[int, str, str, int]:
    finding = change.finding
    rank = [str(severity) for severity in SEVERITIES].index(finding.severity) if finding.severity in SEVERITIES else 0
    return -rank, finding.repository, finding.path, finding.line


def _format_finding(finding: ListedFinding) -> str:
    owner = f"  {finding.owner}" if finding.owner else ""
    due = f"  due {finding.deadline[:10]}" if finding.deadline else ""
    due = f"  {LOST_SIGHT_OF}" if finding.state == LOST_SIGHT_OF else due
    what = f"{finding.severity:8} {finding.rule}  {finding.redacted}"
    return make_printable(f"{what}  {format_location(finding)}{owner}{due}  {finding.fingerprint}")


def _format_detail(change: FindingChange) -> str:
    parts = [part for part in (change.detail, f"by {change.actor}" if change.actor else "") if part]
    return make_printable(f"  ({', '.join(parts)})") if parts else ""
