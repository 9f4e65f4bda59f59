"""gitlab: the secret detection report of GitLab, schema 15.

GitLab requires a commit for every location; a file of the working tree gets the
null commit. Times are in UTC, without a zone.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO
from uuid import NAMESPACE_URL, uuid5

from detector.model import Finding, Scan
from detector.reports._document import write_list
from detector.reports._locations import resolve_path
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.reports._places import Place, list_places
from detector.text.untrusted import format_skipped, make_printable, name_content, replace_surrogates

SCHEMA_VERSION = "15.0.7"
NO_COMMIT = "0" * 40


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print the report, one vulnerability per credential and line."""
    end = datetime.fromisoformat(options.when) if options.when else datetime.now(UTC)
    start = end - timedelta(seconds=scan.stats.seconds)
    tool = {"id": "leakfirst", "name": "leakfirst", "version": options.version, "vendor": {"name": "leakfirst"}}
    messages = [
        {
            "level": "info" if skipped.expected else "warn",
            "value": f"Not scanned: {format_skipped(skipped)}",
        }
        for skipped in scan.skipped
    ]
    run = {
        "type": "secret_detection",
        "analyzer": tool,
        "scanner": tool,
        "start_time": f"{start:%Y-%m-%dT%H:%M:%S}",
        "end_time": f"{end:%Y-%m-%dT%H:%M:%S}",
        "status": "success" if scan.complete and not scan.interrupted else "failure",
        "messages": messages + [{"level": "info", "value": make_printable(note)} for note in scan.notes if note],
    }
    seen: Counter[str] = Counter()
    out.write(f'{{"version": "{SCHEMA_VERSION}", "scan": {json.dumps(run)},\n "vulnerabilities": ')
    write_list(
        out,
        (
            _build_vulnerability(finding, place, options)
            for finding in sort_by_urgency(scan.findings)
            for place in list_places(finding, scan.alert_keys, seen)
        ),
    )
    out.write("}\n")


def _build_vulnerability(finding: Finding, place: Place, options: ReportOptions) -> dict[str, Any]:
    rule, location = finding.rule, place.location
    origin = location.origin._replace(path=resolve_path(location.origin, options))
    finds = replace_surrogates(rule.finds) or rule.id
    commit = {"sha": origin.commit or NO_COMMIT}
    if origin.author:
        commit["author"] = replace_surrogates(origin.author)
    if origin.when:
        commit["date"] = origin.when
    where: dict[str, Any] = {"file": replace_surrogates(origin.path) or name_content(origin), "commit": commit}
    if location.line > 0:
        where |= {"start_line": location.line, "end_line": max(location.end_line, location.line)}
    verdict = f"Verdict: {finding.verdict.state}. {make_printable(finding.verdict.why)}".strip()
    reason = replace_surrogates(finding.severity_reason)
    why = f"Severity {finding.severity}: {reason}." if reason else ""
    description = [f"{finds} {finding.secret.redacted}.", replace_surrogates(rule.harm), why, verdict]
    return {
        "id": str(uuid5(NAMESPACE_URL, f"leakfirst {place.identity}")),
        "category": "secret_detection",
        "name": finds[:255],
        "description": "\n\n".join(filter(None, description)),
        "severity": finding.severity.capitalize(),
        "confidence": finding.confidence.capitalize(),
        "solution": (replace_surrogates(rule.revoke) or "Revoke it where it was issued, then issue a new one.")[:7000],
        "location": where,
        "identifiers": [
            {"type": "leakfirst_rule_id", "name": f"leakfirst rule {rule.id}", "value": rule.id},
            {"type": "leakfirst_alert", "name": f"leakfirst alert {place.identity}", "value": place.identity},
        ],
        "links": [{"url": replace_surrogates(link)} for link in rule.links if link.startswith(("https://", "http://"))],
        "raw_source_code_extract": replace_surrogates(location.snippet) or finding.secret.redacted,
    }
