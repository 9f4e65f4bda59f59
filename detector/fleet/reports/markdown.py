"""markdown: for an issue, a wiki page, or the summary of a job.

Foreign text stands in code spans only, as in the reports of a scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.fleet.overview import Line, Overview
from detector.fleet.reports.text import HEADS, headline
from detector.reports.markdown import escape_markup, format_code

_HEAD = "| Severity | Rule | Value | Where | Owner | Due |\n|---|---|---|---|---|---|\n"


def write(overview: Overview, everything: bool) -> Iterator[str]:
    """Return the report in pieces."""
    yield "## leakfirst sweep\n\n"
    yield from (f"{escape_markup(line)}\n\n" for line in headline(overview).splitlines())
    for what, title in HEADS.items():
        lines = [change.finding for change in overview.changes if change.what == what]
        yield from _table(f"{title[0].upper()}{title[1:]}", lines)
    yield from _table("Overdue", overview.overdue)
    if overview.shared:
        yield "### The same credential in several repositories\n\n"
        for shared in overview.shared:
            names = ", ".join(format_code(name) for name in shared.repositories)
            yield f"* {format_code(shared.finding.fingerprint)} ({escape_markup(shared.finding.rule)}): {names}\n"
        yield "\n"
    for title, group in (("Could not be read", overview.failing), ("Not read to the end", overview.incomplete)):
        if group:
            yield f"### {title}\n\n"
            yield from (f"* {format_code(trouble.repository)}: {escape_markup(trouble.why)}\n" for trouble in group)
            yield "\n"
    if everything:
        yield from _table("Open", overview.findings)


def _table(title: str, lines: Sequence[Line]) -> Iterator[str]:
    if not lines:
        return
    yield f"### {title} ({len(lines)})\n\n{_HEAD}"
    for line in lines:
        where = format_code(f"{line.repository}:{line.path}:{line.line}" if line.path else line.repository)
        owner = format_code(line.owner) if line.owner else ""
        cells = [line.severity, format_code(line.rule), format_code(line.shown), where, owner, line.deadline[:10]]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    yield "\n"
