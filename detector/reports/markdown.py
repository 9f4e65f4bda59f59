"""markdown: for an issue, a pull request, or the summary of a CI job.

Foreign text stands in code spans only: nobody is mentioned, no image is
loaded and no markup is formed by the name of a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO

from detector.model import Finding, Scan
from detector.reports._options import Options
from detector.reports._order import by_urgency, only_in_tests
from detector.text.numbers import counted
from detector.text.untrusted import from_here, place, printable, provenance_in, without_password

TITLE = "Markdown, for issues and pull requests"
STREAMS = False

MOST_PLACES = 5
_SIGNS = {"critical": "🟥", "high": "🟧", "medium": "🟨", "low": "🟦", "info": "⬜"}
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print the report."""
    out.writelines(sections(scan, options))


def sections(scan: Scan, options: Options) -> Iterator[str]:
    """Return the report in pieces that may be cut off between one and the next."""
    yield f"## leakfirst: {headline(scan)}\n\n"
    if not scan.complete:
        yield "> **Incomplete:** some content could not be scanned. This is not a clean result.\n\n"
    findings = [from_here(finding, options) for finding in by_urgency(scan.findings)]
    if findings:
        yield "| | Credential | Value | Verdict | First location |\n|---|---|---|---|---|\n"
    for finding in findings:
        first = code(place(finding.locations[0])) if finding.locations else ""
        sign = f"{_SIGNS.get(finding.severity, '')} {finding.severity}"
        test = " (test code)" if only_in_tests(finding) else ""
        row = [sign, prose(finding.rule.finds or finding.rule.id) + test, code(finding.secret.redacted)]
        yield "| " + " | ".join([*(_cell(c) for c in row), finding.verdict.state, _cell(first)]) + " |\n"
    for finding in findings:
        yield "\n" + _details(finding, options)
    if options.show_ignored and scan.ignored:
        yield "\n### Ignored\n\n"
        for ignored in scan.ignored:
            finding = ignored.finding
            yield f"* {code(finding.secret.redacted)} {prose(finding.rule.finds)}, by {code(ignored.by)}\n"
    for expected, title in ((False, "Could not be scanned"), (True, "Skipped on request")):
        skipped = [s for s in scan.skipped if s.expected is expected]
        if skipped:
            yield f"\n### {title}\n\n"
        for one in skipped:
            yield f"* {code(without_password(one.where))}: {prose(one.reason)}\n"
    for note in scan.notes:
        yield f"\n_{prose(note)}_\n"


def headline(scan: Scan) -> str:
    """Return the result in a few words."""
    if scan.findings:
        return f"{counted(len(scan.findings), 'credential')} found"
    return "no credentials found" if scan.complete else "found nothing, but some content could not be scanned"


def _details(finding: Finding, options: Options) -> str:
    rule = finding.rule
    lines = [f"### {prose(rule.finds or rule.id)} {code(finding.secret.redacted)}\n"]
    if rule.harm:
        lines.append(f"{prose(rule.harm)}\n")
    why = f": {prose(finding.verdict.why)}" if finding.verdict.why else ""
    lines.append(f"* {finding.severity}, {finding.confidence} confidence, {finding.verdict.state}{why}")
    for location in finding.locations[:MOST_PLACES]:
        told = (place(location), provenance_in(location.origin, options))
        lines.append("* " + ", ".join(code(text) for text in told if text))
        if location.snippet:
            lines.append(f"  {code(location.snippet.strip()[:200])}")
    if len(finding.locations) > MOST_PLACES:
        lines.append(f"* and {counted(len(finding.locations) - MOST_PLACES, 'more location')}")
    if rule.revoke:
        lines.append(f"* **What to do:** {prose(rule.revoke)}")
    lines.append(f"* {code(rule.id)}, {code(finding.fingerprint)}")
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return *text* as a code span, whatever backticks it holds.

    >>> print(code("a`b"))
    ``a`b``
    """
    text = printable(text.replace("\t", " "))
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if text[:1] == "`" or text[-1:] == "`" or not text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"


def prose(text: str) -> str:
    """Return *text* so that none of it is markup and nobody is mentioned (an escaped @ would still do that)."""
    return _MARKUP.sub(r"\\\1", printable(text)).replace("@", "@\u200b")


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)
