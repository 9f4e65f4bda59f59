"""html: one file for a browser, which asks nobody for anything and runs nothing."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256

from detector.fleet.overview import Line, Overview
from detector.fleet.reports.text import HEADS, headline
from detector.text.untrusted import make_printable

_STYLE = """body{margin:1rem auto;max-width:75rem;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#1b1f24}
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{border-bottom:1px solid #d1d9e0;padding:.3rem .5rem;
text-align:left;vertical-align:top;overflow-wrap:break-word;max-width:26rem}
td:last-child{white-space:nowrap}code{font:.9em ui-monospace,monospace}
.critical{color:#a40e26}.high{color:#bc4c00}.medium{color:#7d5a00}.low{color:#0550ae}"""


def write(overview: Overview, everything: bool) -> Iterator[str]:
    """Return the page in pieces, in ASCII."""
    for piece in _page(overview, everything):
        yield piece.encode("ascii", "xmlcharrefreplace").decode()


def _page(overview: Overview, everything: bool) -> Iterator[str]:
    style = b64encode(sha256(_STYLE.encode()).digest()).decode()
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{style}'\">"
    yield '<meta name="viewport" content="width=device-width"><title>leakfirst sweep</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>leakfirst sweep</h1>"
    yield from (f"<p>{_text(line)}</p>" for line in headline(overview).splitlines())
    for what, title in HEADS.items():
        lines = [change.finding for change in overview.changes if change.what == what]
        yield from _table(f"{title[0].upper()}{title[1:]}", lines)
    yield from _table("Overdue", overview.overdue)
    if overview.shared:
        yield "<h2>The same credential in several repositories</h2><table>"
        for shared in overview.shared:
            names = ", ".join(_text(name) for name in shared.repositories)
            finding = shared.finding
            yield f"<tr><td><code>{_text(finding.fingerprint)}</code><td>{_text(finding.rule)}<td>{names}</tr>"
        yield "</table>"
    for title, group in (("Could not be read", overview.failing), ("Not read to the end", overview.incomplete)):
        if group:
            yield f"<h2>{title}</h2><table>"
            yield from (f"<tr><td>{_text(one.repository)}<td>{_text(one.why)}</tr>" for one in group)
            yield "</table>"
    if everything:
        yield from _table("Open", overview.findings)
    yield "</body></html>\n"


def _table(title: str, lines: Sequence[Line]) -> Iterator[str]:
    if not lines:
        return
    yield f"<h2>{_text(title)} ({len(lines)})</h2>"
    yield "<table><tr><th>Severity<th>Rule<th>Value<th>Where<th>Owner<th>Due</tr>"
    for line in lines:
        where = f"{line.repository}:{line.path}:{line.line}" if line.path else line.repository
        cells = (
            f"<td><code>{_text(line.rule)}</code><td><code>{_text(line.shown)}</code><td><code>{_text(where)}</code>"
        )
        severity = _text(line.severity)
        yield f'<tr><td class="{severity}">{severity}{cells}<td>{_text(line.owner)}<td>{_text(line.deadline[:10])}</tr>'
    yield "</table>"


def _text(text: str) -> str:
    return html.escape(make_printable(text))
