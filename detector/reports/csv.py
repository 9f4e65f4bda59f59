"""csv: a table for spreadsheets, one row per location.

A cell that a spreadsheet would read as a formula gets a leading apostrophe.
Content that could not be scanned has rows too, and the last row says whether the
scan was complete, so that an incomplete scan, or a file that was cut off, is never
mistaken for a clean one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from detector.model import Finding, Location, Origin, Scan
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.text.numbers import format_count
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
    for note in scan.notes:
        table.writerow({**dict.fromkeys(COLUMNS, ""), "kind": "note", "remark": _escape_cell(note)}.values())
    table.writerow(_make_scan_row(scan, options).values())


def _make_scan_row(scan: Scan, options: ReportOptions) -> dict[str, object]:
    """Return the last row: what was asked for, how much of it was read, and whether that was all of it."""
    row: dict[str, object] = dict.fromkeys(COLUMNS, "")
    row["kind"] = "scan"
    row["verdict"] = "interrupted" if scan.interrupted else "complete" if scan.complete else "incomplete"
    row["path"] = _escape_cell(strip_url_credentials(options.target))
    read = f"{scan.stats.bytes} bytes in {format_count(scan.stats.blobs, 'object')}"
    row["remark"] = f"{format_count(len(scan.findings), 'finding')}; {len(scan.ignored)} ignored; {read}"
    return row


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
