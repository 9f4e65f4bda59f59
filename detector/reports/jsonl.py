"""jsonl: one JSON object a line, for pipes and logs.

The first line is the header, the last the summary; a report without a summary
was cut off and must not be taken for a clean one.
"""

from __future__ import annotations

import json
from typing import TextIO

from detector.model import Finding, Scan
from detector.reports._document import dropped_records, finding_record, head, ignored_records, outcome, rule_records
from detector.reports._options import Options
from detector.reports._order import by_urgency

TITLE = "JSON lines: header, one finding a line, summary"
STREAMS = True


def header(options: Options) -> str:
    """Return the first line."""
    return json.dumps({"kind": "header", **head(options)})


def line(finding: Finding, options: Options) -> str:
    """Return the line of one finding. It never shows the secret."""
    return json.dumps({"kind": "finding", **finding_record(finding, options._replace(show_secrets=False))})


def summary(scan: Scan, options: Options) -> str:
    """Return the last line, after the ignored findings if `show_ignored` is set."""
    lines = []
    if options.show_ignored:
        hidden = options._replace(show_secrets=False)
        lines += [{"kind": "ignored", **record} for record in ignored_records(scan, hidden)]
        lines += [{"kind": "dropped", **record} for record in dropped_records(scan)]
    end = {"kind": "summary", "ruleset": scan.ruleset, "found": len(scan.findings), "ignored": len(scan.ignored)}
    lines.append({**end, **outcome(scan), "rules": rule_records(scan.findings)})
    return "\n".join(map(json.dumps, lines))


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print all lines, the most urgent finding first."""
    out.write(header(options) + "\n")
    for finding in by_urgency(scan.findings):
        out.write(line(finding, options) + "\n")
    out.write(summary(scan, options) + "\n")
