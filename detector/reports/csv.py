"""csv: a table for spreadsheets, one row per place.

A cell that a spreadsheet would take for a formula gets an apostrophe in front.
What could not be looked at has rows too, so that a table is never mistaken
for a clean result.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from detector.model import Finding, Location, Origin, Scan
from detector.reports._options import Options
from detector.reports._order import by_urgency
from detector.text.untrusted import printable, without_password

TITLE = "table, one row per place"
STREAMS = False

COLUMNS = (
    "kind", "severity", "confidence", "verdict", "rule", "service", "finds", "redacted", "origin", "repository", "path",
    "line", "column", "commit", "author", "date", "fingerprint", "remark",
)  # fmt: skip


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print the table with a header row."""
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for finding in by_urgency(scan.findings):
        table.writerows(_rows("finding", finding, finding.verdict.why))
    if options.show_ignored:
        for ignored in scan.ignored:
            table.writerows(_rows("ignored", ignored.finding, ignored.by))
    for skipped in scan.skipped:
        row = dict.fromkeys(COLUMNS, "")
        row["kind"] = "skipped" if skipped.expected else "incomplete"
        row["path"] = _cell(without_password(skipped.where))
        row["remark"] = _cell(skipped.reason)
        table.writerow(row.values())


def _rows(kind: str, finding: Finding, remark: str) -> Iterator[tuple[object, ...]]:
    for location in finding.locations or (Location(Origin(""), 0, 0, 0, 0, 0, 0),):
        origin = location.origin
        yield (
            kind,
            finding.severity,
            finding.confidence,
            finding.verdict.state,
            _cell(finding.rule.id),
            _cell(finding.rule.service),
            _cell(finding.rule.finds),
            _cell(finding.secret.redacted),
            origin.kind,
            _cell(without_password(origin.repository)),
            _cell(origin.path),
            location.line or "",
            location.column or "",
            origin.commit or "",
            _cell(origin.author or ""),
            origin.when or "",
            finding.fingerprint,
            _cell(remark),
        )


def _cell(text: str) -> str:
    text = printable(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
