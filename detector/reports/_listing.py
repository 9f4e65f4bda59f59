"""The list of the text report: one line for each credential, grouped by severity, kind and class of place.

A thousand findings have to be read within minutes: what all of a group have in common stands in its title.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from detector.model import SEVERITIES, Finding, PlaceClass, Scan, Severity, VerdictState, fails
from detector.reports._options import ReportOptions
from detector.reports._show import reveal_on_request
from detector.reports._where import format_where
from detector.text.numbers import format_count
from detector.text.places import classify_place
from detector.text.untrusted import choose_location, make_printable

PLACE_NAMES = {
    PlaceClass.SOURCE: "source", PlaceClass.TEST: "tests", PlaceClass.EXAMPLE: "examples",
    PlaceClass.DOCUMENTATION: "documentation", PlaceClass.VENDORED: "vendored code",
    PlaceClass.GENERATED: "generated code",
}  # fmt: skip
_SHORT_PLACES = {
    PlaceClass.SOURCE: "source", PlaceClass.TEST: "tests", PlaceClass.EXAMPLE: "examples",
    PlaceClass.DOCUMENTATION: "docs", PlaceClass.VENDORED: "vendored", PlaceClass.GENERATED: "generated",
}  # fmt: skip
MAX_AUTHOR = 20
MAX_SET_ASIDE = 5
"""How many entries that set findings aside are named."""

Span = tuple[str, str]
Line = list[Span]


def list_groups(findings: Sequence[Finding], options: ReportOptions) -> Iterator[Line]:
    """Yield the lines of *findings*, the most urgent group first."""

    def key(finding: Finding) -> tuple[bool, int, int, str]:
        is_live = finding.verdict.state == VerdictState.LIVE
        place = tuple(PlaceClass).index(finding.place)
        return not is_live, -SEVERITIES.index(finding.severity), place, finding.rule.id

    for _, members in groupby(sorted(findings, key=key), key=key):
        group = list(members)
        yield from _format_title(group)
        yield from _format_rows(group, options)
        yield []


def _format_title(group: Sequence[Finding]) -> Iterator[Line]:
    first = group[0]
    live = ", LIVE" if first.verdict.state == VerdictState.LIVE else ""
    what = make_printable(first.rule.finds or first.rule.id)
    yield [
        (f"{first.severity.upper():<8}", first.severity),
        (" ", ""),
        (what, "finds"),
        (f", in {PLACE_NAMES[first.place]}{live}: {len(group):,}", "faint"),
    ]
    reasons = {finding.severity_reason for finding in group}
    if len(reasons) == 1 and (reason := reasons.pop()):
        yield [(f"         {make_printable(reason)}", "faint")]


def _format_rows(group: Sequence[Finding], options: ReportOptions) -> Iterator[Line]:
    rows = [_describe(finding, options) for finding in group]
    room = max(options.width - 46, 24)
    column = max((len(where) for where, *_ in rows if len(where) <= room), default=0)
    for where, value, more, who in rows:
        line: Line = [("  ", ""), (where, "place"), (" " * max(column - len(where), 0) + "  ", ""), (value, "secret")]
        used = sum(len(text) for text, _ in line)
        rest = [text for text in (more, who) if text]
        while rest and used + 2 + len("  ".join(rest)) > options.width and len(rest) > bool(more):
            rest.pop()
        yield [*line, ("  " + "  ".join(rest), "faint")] if rest else line


def _describe(finding: Finding, options: ReportOptions) -> tuple[str, str, str, str]:
    """Return where, value, what else matters (verdict, age, further places) and the author."""
    exposed = tuple(one for one in finding.locations if classify_place(one.origin.path) == finding.place)
    at = choose_location(finding._replace(locations=exposed or finding.locations))
    value = reveal_on_request(finding.secret, options)
    shown = finding.secret.redacted if value is None else make_printable(value.decode("utf-8", "surrogateescape"))
    state = finding.verdict.state.upper() if finding.verdict.state in (VerdictState.LIVE, VerdictState.DEAD) else ""
    oldest = next((one.origin for one in finding.locations if one.origin.when), None)
    age = format_age(oldest.when or "", options.when) if oldest else ""
    others = f"+{len(finding.locations) - 1:,}" if len(finding.locations) > 1 else ""
    author = make_printable((oldest.author or "").partition(" <")[0]) if oldest else ""
    author = author if len(author) <= MAX_AUTHOR else f"{author[: MAX_AUTHOR - 1]}…"
    return format_where(at, options) if at else "", shown, " ".join(filter(None, [state, age, others])), author


def format_age(when: str, now: str) -> str:
    """Return how long ago *when* was at *now*, both ISO 8601; the day where that cannot be told.

    >>> format_age("2023-01-31T12:00:00+00:00", "2025-01-31T12:00:00"), format_age("2025-01-30", "2025-01-31")
    ('2y', '1d')
    """
    try:
        first, last = (datetime.fromisoformat(text).replace(tzinfo=None) for text in (when, now))
    except ValueError:
        return make_printable(when[:10])
    days = max((last - first).days, 0)
    return f"{days // 365}y" if days >= 365 else f"{days // 30}mo" if days >= 60 else f"{days}d"


# -- the end of the report --------------------------------------------------------


def count_findings(scan: Scan) -> Iterator[Line]:
    """Yield how many findings there are by severity and class of place, and what fails."""
    table = Counter((finding.severity, finding.place) for finding in scan.findings)
    classes = [place for place in PlaceClass if any(one == place for _, one in table)]
    if len(scan.findings) > 1 and len(table) > 1:
        yield [(" " * 10 + "".join(f"{_SHORT_PLACES[place]:>10}" for place in classes), "faint")]
        for severity in reversed(SEVERITIES):
            counts = [table[severity, place] for place in classes]
            if any(counts):
                cells = "".join(f"{count or '':>10,}" if count else " " * 10 for count in counts)
                yield [(f"{severity:<10}", severity), (cells.rstrip(), "")]
    below = [finding for finding in scan.findings if not fails(finding, scan.fail_on)]
    if below:
        failing = len(scan.findings) - len(below)
        yield [
            (f"{failing:,} fail (--fail-on {scan.fail_on}); ", "bad" if failing else "good"),
            (f"{format_count(len(below), 'finding')} below it {'is' if len(below) == 1 else 'are'} told only.", ""),
        ]


def describe_ignored(scan: Scan) -> str:
    """Return how many findings were set aside and by what, "" if none."""
    account = scan.account
    total = sum(one.findings for one in account.set_aside)
    unsure = len(scan.ignored) - total
    words = []
    if total:
        named = [f"{one.findings:,} by {make_printable(one.by)}" for one in account.set_aside[:MAX_SET_ASIDE]]
        more = ["…"] if len(account.set_aside) > MAX_SET_ASIDE else []
        words.append(f"{format_count(total, 'finding')} ignored ({', '.join([*named, *more])})")
    if unsure > 0:
        words.append(f"{format_count(unsure, 'candidate')} of too low confidence")
    return "; ".join(words)


def part_by_threshold(findings: Iterable[Finding], fail_on: str) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that fail and those that are told only, in their order."""
    found: tuple[list[Finding], list[Finding]] = [], []
    for finding in findings:
        found[not fails(finding, fail_on)].append(finding)
    return found


def is_urgent(finding: Finding) -> bool:
    """Return whether *finding* is told in detail also in a long report."""
    return finding.verdict.state == VerdictState.LIVE or finding.severity == Severity.CRITICAL
