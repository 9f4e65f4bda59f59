"""junit: JUnit XML, for CI services that show tests.

Each credential that fails the scan is a failed test, a less severe one a skipped test; content that
could not be scanned is an error; content that was skipped on request is a skipped test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TextIO
from xml.sax.saxutils import escape, quoteattr

from detector.model import Finding, Scan, Skipped, fails
from detector.reports._locations import describe_provenance_in, resolve_paths
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.text.untrusted import choose_location, format_location, make_printable, strip_url_credentials


class _TestCase(NamedTuple):
    """One test: *kind* is failure, error, skipped, or empty if it passed."""

    attributes: dict[str, str]
    kind: str = ""
    message: str = ""
    text: str = ""


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print one test suite."""
    cases = [
        _make_case(resolve_paths(finding, options), options, fails(finding, scan.fail_on))
        for finding in sort_by_urgency(scan.findings)
    ]
    if options.show_ignored:
        cases += [
            _make_case(resolve_paths(ignored.finding, options), options, False)._replace(
                kind="skipped", message=f"ignored by {make_printable(ignored.by)}", text=""
            )
            for ignored in scan.ignored
        ]
    cases += map(_make_skip, scan.skipped)
    for note in scan.notes:
        cases.append(_TestCase({"classname": "leakfirst", "name": "note"}, "skipped", make_printable(note)))
    if scan.interrupted:
        cases.append(_TestCase({"classname": "leakfirst", "name": "the scan was interrupted"}, "error", "interrupted"))
    if not scan.findings and scan.complete:
        cases.append(_TestCase({"classname": "leakfirst", "name": "no credentials found"}))
    count = {kind: sum(case.kind == kind for case in cases) for kind in ("failure", "error", "skipped")}
    totals = (
        f'tests="{len(cases)}" failures="{count["failure"]}" errors="{count["error"]}" '
        f'skipped="{count["skipped"]}" time="{scan.stats.seconds:.3f}"'
    )
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f'<testsuites name="leakfirst" {totals}>\n<testsuite name="leakfirst" {totals}>\n')
    for case in cases:
        for line in _format_case(case):
            out.write(line.encode("ascii", "xmlcharrefreplace").decode())
    out.write("</testsuite>\n</testsuites>\n")


def _make_case(finding: Finding, options: ReportOptions, is_failing: bool) -> _TestCase:
    at = choose_location(finding)
    name = f"{finding.rule.finds or finding.rule.id} {finding.secret.redacted}"
    attributes = {"classname": finding.rule.id, "name": f"{name} in {format_location(at)}" if at else name}
    if at and at.origin.path:
        attributes["file"] = make_printable(at.origin.path)
        if at.line > 0:
            attributes["line"] = str(at.line)
    rule = finding.rule
    locations = [
        f"  {format_location(location)}  {describe_provenance_in(location.origin, options)}".rstrip()
        for location in finding.locations
    ]
    verdict = f"verdict: {finding.verdict.state} {make_printable(finding.verdict.why)}".rstrip()
    why = f"severity: {finding.severity}: {make_printable(finding.severity_reason)}" if finding.severity_reason else ""
    text = [rule.harm, why, verdict, f"fingerprint: {finding.fingerprint}", "locations:", *locations, rule.revoke]
    kind = "failure" if is_failing else "skipped"
    remark = "" if is_failing else ", told only (--fail-on)"
    return _TestCase(attributes, kind, f"{finding.severity}{remark}: {name}", "\n".join(filter(None, text)))


def _make_skip(skipped: Skipped) -> _TestCase:
    where = make_printable(strip_url_credentials(skipped.where))
    kind = "skipped" if skipped.expected else "error"
    return _TestCase({"classname": "leakfirst.not-scanned", "name": where}, kind, make_printable(skipped.reason))


def _format_case(case: _TestCase) -> Iterator[str]:
    attributes = " ".join(f"{key}={quoteattr(_escape_invalid(value))}" for key, value in case.attributes.items())
    if not case.kind:
        yield f"<testcase {attributes}/>\n"
        return
    kind = "" if case.kind == "skipped" else f' type="{case.kind}"'
    message, text = quoteattr(_escape_invalid(case.message)), escape(_escape_invalid(case.text))
    yield f"<testcase {attributes}>\n"
    yield f"  <{case.kind}{kind} message={message}>{text}</{case.kind}>\n"
    yield "</testcase>\n"


def _escape_invalid(text: str) -> str:
    """Return *text* with characters escaped that XML cannot hold in any form; line breaks are kept."""
    return "\n".join(map(make_printable, text.split("\n")))
