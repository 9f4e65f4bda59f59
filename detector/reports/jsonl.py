"""jsonl: one JSON object a line, for pipes and logs.

The first line is the header, the last the summary; a report without a summary
is truncated and must not be read as clean.
"""

from __future__ import annotations

import json
from typing import TextIO

from detector.model import Finding, Scan
from detector.reports._document import (
    build_finding,
    build_header,
    build_ignored,
    build_rejected,
    build_rules,
    build_summary,
)
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency


def _format_header(options: ReportOptions) -> str:
    """Return the first line."""
    return json.dumps({"kind": "header", **build_header(options)})


def _format_finding(finding: Finding, options: ReportOptions) -> str:
    """Return the line of one finding. It never shows the secret."""
    return json.dumps({"kind": "finding", **build_finding(finding, options._replace(show_secrets=False))})


def _format_summary(scan: Scan, options: ReportOptions) -> str:
    """Return the last line, after the ignored findings if `show_ignored` is set."""
    lines = []
    if options.show_ignored:
        hidden = options._replace(show_secrets=False)
        lines += [{"kind": "ignored", **record} for record in build_ignored(scan, hidden)]
        lines += [{"kind": "rejected", **record} for record in build_rejected(scan)]
    end = {"kind": "summary", "ruleset": scan.ruleset, "found": len(scan.findings), "ignored": len(scan.ignored)}
    lines.append({**end, **build_summary(scan), "rules": build_rules(scan.findings)})
    return "\n".join(map(json.dumps, lines))


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print all lines, the most urgent finding first."""
    out.write(_format_header(options) + "\n")
    for finding in sort_by_urgency(scan.findings):
        out.write(_format_finding(finding, options) + "\n")
    out.write(_format_summary(scan, options) + "\n")
