"""markdown: for an issue, a wiki page, or the summary of a CI job.

Text from repositories appears in code spans only, as in the reports of a scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.fleet.overview import ListedFinding, Overview
from detector.fleet.reports._headings import (
    FAILED_HEADING,
    HEADINGS,
    INCOMPLETE_HEADING,
    MAX_SHOWN,
    SHARED_HEADING,
    explain_limit,
    explain_unread,
    format_headline,
    format_location,
    list_gaps,
)
from detector.text.markdown import escape_markup, format_code

_HEAD = "| Severity | Rule | Value | Location | Owner | Due |\n|---|---|---|---|---|---|\n"


def render(overview: Overview, include_open: bool) -> Iterator[str]:
    """Yield the report in pieces."""
    yield "## leakfirst sweep\n\n"
    yield from (f"{escape_markup(line)}\n\n" for line in format_headline(overview).splitlines())
    for kind, heading in HEADINGS.items():
        yield from _render_table(heading, [change.finding for change in overview.changes if change.kind == kind])
    yield from _render_table("Overdue", overview.overdue)
    if overview.shared:
        yield f"### {SHARED_HEADING}\n\n"
        for finding, repositories in overview.shared:
            names = ", ".join(format_code(name) for name in repositories)
            yield f"* {format_code(finding.fingerprint)} ({escape_markup(finding.rule)}): {names}\n"
        yield "\n"
    for heading, gaps in list_gaps(overview.coverage):
        yield f"### {heading} ({len(gaps)})\n\n"
        yield from (f"* {format_code(name)}: {escape_markup(why)}\n" for name, why in gaps)
        yield "\n"
    for heading, group in ((FAILED_HEADING, overview.failed), (INCOMPLETE_HEADING, overview.incomplete)):
        if group:
            yield f"### {heading}\n\n"
            yield from (f"* {format_code(one.repository)}: {escape_markup(explain_unread(one))}\n" for one in group)
            yield "\n"
    if include_open:
        yield from _render_table("Open", overview.findings)


def _render_table(heading: str, findings: Sequence[ListedFinding]) -> Iterator[str]:
    if not findings:
        return
    limit = explain_limit(len(findings))
    yield f"### {heading} ({len(findings)})\n\n{f'{limit}{chr(10) * 2}' if limit else ''}{_HEAD}"
    for finding in findings[:MAX_SHOWN]:
        cells = [
            finding.severity,
            format_code(finding.rule),
            format_code(finding.redacted),
            format_code(format_location(finding)),
            format_code(finding.owner) if finding.owner else "",
            finding.deadline[:10],
        ]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    yield "\n"
