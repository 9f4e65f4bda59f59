"""gitlab: the secret detection report of GitLab, schema 15.

GitLab wants a commit for every place; for a file of the working tree it is
the null commit. Its times are UTC without a zone.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO
from uuid import NAMESPACE_URL, uuid5

from detector.model import Finding, Location, Scan
from detector.reports._document import one_a_line
from detector.reports._options import Options
from detector.reports._order import by_urgency
from detector.text.untrusted import clean, from_here, name_of, printable, without_password

TITLE = "GitLab secret detection report"
STREAMS = False

SCHEMA_VERSION = "15.0.7"
NO_COMMIT = "0" * 40


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print the report, one vulnerability per place."""
    end = datetime.fromisoformat(options.when) if options.when else datetime.now(UTC)
    start = end - timedelta(seconds=scan.stats.seconds)
    tool = {"id": "leakfirst", "name": "leakfirst", "version": options.version, "vendor": {"name": "leakfirst"}}
    messages = [
        {
            "level": "info" if skipped.expected else "warn",
            "value": f"Not scanned: {printable(without_password(skipped.where))}: {printable(skipped.reason)}",
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
        "messages": messages + [{"level": "info", "value": printable(note)} for note in scan.notes if note],
    }
    out.write(f'{{"version": "{SCHEMA_VERSION}", "scan": {json.dumps(run)},\n "vulnerabilities": ')
    one_a_line(
        out,
        (
            _vulnerability(finding, place, number)
            for finding in by_urgency(scan.findings)
            for number, place in enumerate(from_here(finding, options).locations)
        ),
    )
    out.write("}\n")


def _vulnerability(finding: Finding, location: Location, number: int) -> dict[str, Any]:
    rule, origin = finding.rule, location.origin
    finds = clean(rule.finds) or rule.id
    commit = {"sha": origin.commit or NO_COMMIT}
    if origin.author:
        commit["author"] = clean(origin.author)
    if origin.when:
        commit["date"] = origin.when
    where: dict[str, Any] = {"file": clean(origin.path) or name_of(origin), "commit": commit}
    if location.line > 0:
        where |= {"start_line": location.line, "end_line": max(location.end_line, location.line)}
    verdict = f"Verdict: {finding.verdict.state}. {printable(finding.verdict.why)}".strip()
    name = f"{finding.fingerprint} {origin.commit} {where['file']} {number}"
    return {
        "id": str(uuid5(NAMESPACE_URL, name)),
        "category": "secret_detection",
        "name": finds[:255],
        "description": "\n\n".join(filter(None, [f"{finds} {finding.secret.redacted}.", clean(rule.harm), verdict])),
        "severity": finding.severity.capitalize(),
        "confidence": finding.confidence.capitalize(),
        "solution": (clean(rule.revoke) or "Revoke it where it was issued, then issue a new one.")[:7000],
        "location": where,
        "identifiers": [
            {"type": "leakfirst_rule_id", "name": f"leakfirst rule {rule.id}", "value": rule.id},
            {"type": "leakfirst_fingerprint", "name": f"leakfirst {finding.fingerprint}", "value": finding.fingerprint},
        ],
        "links": [{"url": clean(link)} for link in rule.links if link.startswith(("https://", "http://"))],
        "raw_source_code_extract": clean(location.snippet) or finding.secret.redacted,
    }
