"""junit: JUnit XML, for CI services that show tests.

Each credential is a failed test; each thing that should have been looked at
and was not is an error; each thing left out on request is a skipped test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TextIO
from xml.sax.saxutils import escape, quoteattr

from detector.model import Finding, Scan, Skipped
from detector.reports._options import Options
from detector.reports._order import by_urgency
from detector.text.untrusted import first_place, from_here, place, printable, provenance_in, without_password

TITLE = "JUnit XML, one failed test per credential"
STREAMS = False


class _Case(NamedTuple):
    """One test: *kind* is failure, error, skipped, or empty if it passed."""

    attributes: dict[str, str]
    kind: str = ""
    message: str = ""
    text: str = ""


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print one test suite."""
    cases = [_found(from_here(finding, options), options) for finding in by_urgency(scan.findings)]
    if options.show_ignored:
        cases += [
            _found(from_here(ignored.finding, options), options)._replace(
                kind="skipped", message=f"ignored by {printable(ignored.by)}", text=""
            )
            for ignored in scan.ignored
        ]
    cases += map(_not_seen, scan.skipped)
    if scan.interrupted:
        cases.append(_Case({"classname": "leakfirst", "name": "the scan was interrupted"}, "error", "interrupted"))
    if not scan.findings and scan.complete:
        cases.append(_Case({"classname": "leakfirst", "name": "no credentials found"}))
    count = {kind: sum(case.kind == kind for case in cases) for kind in ("failure", "error", "skipped")}
    totals = (
        f'tests="{len(cases)}" failures="{count["failure"]}" errors="{count["error"]}" '
        f'skipped="{count["skipped"]}" time="{scan.stats.seconds:.3f}"'
    )
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f'<testsuites name="leakfirst" {totals}>\n<testsuite name="leakfirst" {totals}>\n')
    for case in cases:
        for line in _lines(case):
            out.write(line.encode("ascii", "xmlcharrefreplace").decode())
    out.write("</testsuite>\n</testsuites>\n")


def _found(finding: Finding, options: Options) -> _Case:
    at = first_place(finding)
    name = f"{finding.rule.finds or finding.rule.id} {finding.secret.redacted}"
    attributes = {"classname": finding.rule.id, "name": f"{name} in {place(at)}" if at else name}
    if at and at.origin.path:
        attributes["file"] = printable(at.origin.path)
        if at.line > 0:
            attributes["line"] = str(at.line)
    rule = finding.rule
    places = [
        f"  {place(location)}  {provenance_in(location.origin, options)}".rstrip() for location in finding.locations
    ]
    verdict = f"verdict: {finding.verdict.state} {printable(finding.verdict.why)}".rstrip()
    text = [rule.harm, verdict, f"fingerprint: {finding.fingerprint}", "locations:", *places, rule.revoke]
    return _Case(attributes, "failure", f"{finding.severity}: {name}", "\n".join(filter(None, text)))


def _not_seen(skipped: Skipped) -> _Case:
    where = printable(without_password(skipped.where))
    kind = "skipped" if skipped.expected else "error"
    return _Case({"classname": "leakfirst.not-scanned", "name": where}, kind, printable(skipped.reason))


def _lines(case: _Case) -> Iterator[str]:
    attributes = " ".join(f"{key}={quoteattr(_xml(value))}" for key, value in case.attributes.items())
    if not case.kind:
        yield f"<testcase {attributes}/>\n"
        return
    type_ = "" if case.kind == "skipped" else f' type="{case.kind}"'
    yield f"<testcase {attributes}>\n"
    yield f"  <{case.kind}{type_} message={quoteattr(_xml(case.message))}>{escape(_xml(case.text))}</{case.kind}>\n"
    yield "</testcase>\n"


def _xml(text: str) -> str:
    """Return *text* with what XML cannot hold, even escaped, spelled out; lines stay lines."""
    return "\n".join(map(printable, text.split("\n")))
