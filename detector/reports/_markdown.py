"""The report in Markdown, which the summary page of a GitHub Actions run contains as well.

Text from the scanned content appears in code spans only: a file name cannot
mention anybody, load an image or form markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.model import Finding, PlaceClass, Scan
from detector.reports._locations import describe_provenance_in, resolve_paths
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.text.markdown import escape_markup, format_code
from detector.text.numbers import format_count
from detector.text.untrusted import format_location, strip_url_credentials

MAX_LOCATIONS = 5
_ICONS = {"critical": "🟥", "high": "🟧", "medium": "🟨", "low": "🟦", "info": "⬜"}


def build_sections(scan: Scan, options: ReportOptions) -> Iterator[str]:
    """Yield the report in pieces; it may be truncated after each of them."""
    yield f"## leakfirst: {format_headline(scan)}\n\n"
    if not scan.complete:
        yield "> **Incomplete:** some content could not be scanned. This is not a clean result.\n\n"
    if scan.interrupted:
        yield "> **Interrupted:** only what was found until then is reported.\n\n"
    findings = [resolve_paths(finding, options) for finding in sort_by_urgency(scan.findings)]
    if findings:
        yield "| | Credential | Value | Verdict | First location |\n|---|---|---|---|---|\n"
    for finding in findings:
        first = format_code(format_location(finding.locations[0])) if finding.locations else ""
        severity = f"{_ICONS.get(finding.severity, '')} {finding.severity}"
        finds = escape_markup(finding.rule.finds or finding.rule.id)
        place = f" ({finding.place})" if finding.place != PlaceClass.SOURCE else ""
        row = [severity, finds + place, format_code(finding.secret.redacted)]
        yield "| " + " | ".join([*(_escape_cell(c) for c in row), finding.verdict.state, _escape_cell(first)]) + " |\n"
    for finding in findings:
        yield "\n" + _format_details(finding, options)
    if options.show_ignored and scan.ignored:
        yield "\n### Ignored\n\n"
        for ignored in scan.ignored:
            finding = ignored.finding
            what = f"{format_code(finding.secret.redacted)} {escape_markup(finding.rule.finds)}"
            yield f"* {what}, by {format_code(ignored.by)}\n"
    for expected, title in ((False, "Could not be scanned"), (True, "Skipped on request")):
        skipped = [s for s in scan.skipped if s.expected is expected]
        if skipped:
            yield f"\n### {title}\n\n"
        for one in skipped:
            yield f"* {format_code(strip_url_credentials(one.where))}: {escape_markup(one.reason)}\n"
    for note in scan.notes:
        yield f"\n_{escape_markup(note)}_\n"


def format_headline(scan: Scan) -> str:
    """Return the result in a few words."""
    if scan.findings:
        return f"{format_count(len(scan.findings), 'credential')} found"
    return "no credentials found" if scan.complete else "found nothing, but some content could not be scanned"


def _format_details(finding: Finding, options: ReportOptions) -> str:
    rule = finding.rule
    lines = [f"### {escape_markup(rule.finds or rule.id)} {format_code(finding.secret.redacted)}\n"]
    if rule.harm:
        lines.append(f"{escape_markup(rule.harm)}\n")
    why = f": {escape_markup(finding.verdict.why)}" if finding.verdict.why else ""
    lines.append(f"* {finding.severity}, {finding.confidence} confidence, {finding.verdict.state}{why}")
    if finding.severity_reason:
        lines.append(f"* Why {finding.severity}: {escape_markup(finding.severity_reason)}")
    for location in finding.locations[:MAX_LOCATIONS]:
        parts = (format_location(location), describe_provenance_in(location.origin, options))
        lines.append("* " + ", ".join(format_code(text) for text in parts if text))
        if location.snippet:
            lines.append(f"  {format_code(location.snippet.strip()[:200])}")
    if len(finding.locations) > MAX_LOCATIONS:
        lines.append(f"* and {format_count(len(finding.locations) - MAX_LOCATIONS, 'more location')}")
    if rule.revoke:
        lines.append(f"* **What to do:** {escape_markup(rule.revoke)}")
    lines.append(f"* {format_code(rule.id)}, {format_code(finding.fingerprint)}")
    return "\n".join(lines) + "\n"


def _escape_cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)
