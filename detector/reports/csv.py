"""csv: a table for spreadsheets, one row per location.

A cell that a spreadsheet would read as a formula gets a leading apostrophe.
Content that could not be scanned has rows too, so that an incomplete scan is
never mistaken for a clean one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from detector.model import Finding, Location, Origin, Scan
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.text.untrusted import make_printable, strip_url_credentials

COLUMNS = (
    "kind", "severity", "confidence", "verdict", "rule", "service", "finds", "redacted", "origin", "repository", "path",
    "line", "column", "commit", "author", "date", "fingerprint", "remark", "place",
    "severity_reason",
)  # fmt: skip


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print the table with a header row."""
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for finding in sort_by_urgency(scan.findings):
        table.writerows(_make_rows("finding", finding, finding.verdict.why))
    if options.show_ignored:
        for ignored in scan.ignored:
            table.writerows(_make_rows("ignored", ignored.finding, ignored.by))
    for skipped in scan.skipped:
        row = dict.fromkeys(COLUMNS, "")
        row["kind"] = "skipped" if skipped.expected else "incomplete"
        row["path"] = _escape_cell(strip_url_credentials(skipped.where))
        row["remark"] = _escape_cell(skipped.reason)
        table.writerow(row.values())


def _make_rows(kind: str, finding: Finding, remark: str) -> Iterator[tuple[object, ...]]:
    for location in finding.locations or (Location(Origin(""), 0, 0, 0, 0, 0, 0),):
        origin = location.origin
        yield (
            kind,
            finding.severity,
            finding.confidence,
            finding.verdict.state,
            _escape_cell(finding.rule.id),
            _escape_cell(finding.rule.service),
            _escape_cell(finding.rule.finds),
            _escape_cell(finding.secret.redacted),
            origin.kind,
            _escape_cell(strip_url_credentials(origin.repository)),
            _escape_cell(origin.path),
            location.line or "",
            location.column or "",
            origin.commit or "",
            _escape_cell(origin.author or ""),
            origin.when or "",
            finding.fingerprint,
            _escape_cell(remark),
            finding.place,
            _escape_cell(finding.severity_reason),
        )


def _escape_cell(text: str) -> str:
    text = make_printable(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
