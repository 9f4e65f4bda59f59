"""html: one file for a browser; it loads nothing and runs no scripts."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256

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
from detector.text.untrusted import make_printable

_STYLE = """body{margin:1rem auto;max-width:75rem;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#1b1f24}
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{border-bottom:1px solid #d1d9e0;padding:.3rem .5rem;
text-align:left;vertical-align:top;overflow-wrap:break-word;max-width:26rem}
td:last-child{white-space:nowrap}code{font:.9em ui-monospace,monospace}
.critical{color:#a40e26}.high{color:#bc4c00}.medium{color:#7d5a00}.low{color:#0550ae}"""


def render(overview: Overview, include_open: bool) -> Iterator[str]:
    """Yield the page in pieces, in ASCII."""
    for piece in _render_page(overview, include_open):
        yield piece.encode("ascii", "xmlcharrefreplace").decode()


def _render_page(overview: Overview, include_open: bool) -> Iterator[str]:
    style = b64encode(sha256(_STYLE.encode()).digest()).decode()
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{style}'\">"
    yield '<meta name="viewport" content="width=device-width"><title>leakfirst sweep</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>leakfirst sweep</h1>"
    yield from (f"<p>{_escape(line)}</p>" for line in format_headline(overview).splitlines())
    for kind, heading in HEADINGS.items():
        yield from _render_table(heading, [change.finding for change in overview.changes if change.kind == kind])
    yield from _render_table("Overdue", overview.overdue)
    if overview.shared:
        yield f"<h2>{SHARED_HEADING}</h2><table>"
        for finding, repositories in overview.shared:
            names = ", ".join(_escape(name) for name in repositories)
            yield f"<tr><td><code>{_escape(finding.fingerprint)}</code><td>{_escape(finding.rule)}<td>{names}</tr>"
        yield "</table>"
    for heading, gaps in list_gaps(overview.coverage):
        yield f"<h2>{heading} ({len(gaps)})</h2><table>"
        yield from (f"<tr><td>{_escape(name)}<td>{_escape(why)}</tr>" for name, why in gaps)
        yield "</table>"
    for heading, group in ((FAILED_HEADING, overview.failed), (INCOMPLETE_HEADING, overview.incomplete)):
        if group:
            yield f"<h2>{heading}</h2><table>"
            yield from (f"<tr><td>{_escape(one.repository)}<td>{_escape(explain_unread(one))}</tr>" for one in group)
            yield "</table>"
    if include_open:
        yield from _render_table("Open", overview.findings)
    yield "</body></html>\n"


def _render_table(heading: str, findings: Sequence[ListedFinding]) -> Iterator[str]:
    if not findings:
        return
    yield f"<h2>{_escape(heading)} ({len(findings)})</h2>"
    if limit := explain_limit(len(findings)):
        yield f"<p>{_escape(limit)}</p>"
    yield "<table><tr><th>Severity<th>Rule<th>Value<th>Location<th>Owner<th>Due</tr>"
    for finding in findings[:MAX_SHOWN]:
        severity = _escape(finding.severity)
        yield f'<tr><td class="{severity}">{severity}'
        for text in (finding.rule, finding.redacted, format_location(finding)):
            yield f"<td><code>{_escape(text)}</code>"
        yield f"<td>{_escape(finding.owner)}<td>{_escape(finding.deadline[:10])}</tr>"
    yield "</table>"


def _escape(text: str) -> str:
    return html.escape(make_printable(text))
