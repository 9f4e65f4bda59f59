"""text: for people, at a terminal or in a log.

Few credentials are told in blocks: what it is, its verification, what harm it can do, its
locations, what to do next. Many are listed, one line each (_listing.py); ``--details`` tells all
in blocks. The layout is the same with and without colour, so that a log reads like the screen.
Paths are never truncated or wrapped: people copy them.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TextIO

from detector.model import SEVERITIES, Finding, Location, Scan, Skipped, VerdictState
from detector.reports._explanation import explain_finding, explain_rejected
from detector.reports._listing import Line, count_findings, describe_ignored, is_urgent, list_groups, part_by_threshold
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.reports._show import reveal_on_request
from detector.reports._where import describe_source, format_where
from detector.secret import Secret
from detector.text.numbers import format_count, format_size
from detector.text.untrusted import (
    format_location,
    format_skipped,
    make_printable,
    name_content,
)

FEW = 5
"""Up to so many findings that fail are told in detail; more are listed, one line each."""
MAX_LOCATIONS = 3
MAX_SKIPPED = 10
MARGIN = " " * 9
"""Indentation of lines without a label."""
PROSE_WIDTH = 100

_STYLES = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "bold yellow",
    "low": "bold blue",
    "info": "bold",
    VerdictState.LIVE: "bold red",
    VerdictState.DEAD: "green",
    VerdictState.VALID_FORMAT: "yellow",
    "finds": "bold",
    "secret": "magenta",
    "label": "cyan",
    "place": "bold",
    "faint": "dim",
    "good": "bold green",
    "bad": "bold red",
    "next": "bold",
}
_ASCII = str.maketrans({"…": "...", "·": "-", "│": "|", "→": "->"})


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print the report."""
    paint = _make_painter(out, options)
    encode = _make_encoder(out)
    for line in _format_report(scan, options):
        out.write(encode("".join(paint(text, style) if style else text for text, style in line).rstrip()) + "\n")


def _make_painter(out: TextIO, options: ReportOptions) -> Callable[[str, str], str]:
    if not options.colour:
        return lambda text, _style: text
    from rich.color import ColorSystem
    from rich.console import Console
    from rich.style import Style

    if Console(file=out).legacy_windows:
        return lambda text, _style: text
    styles = {name: Style.parse(definition) for name, definition in _STYLES.items()}
    return lambda text, style: (
        styles[style].render(text, color_system=ColorSystem.STANDARD) if style in styles else text
    )


def _make_encoder(out: TextIO) -> Callable[[str], str]:
    """Return a function that replaces what the encoding of *out* cannot hold: a log may be ASCII."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    try:
        "…·│→".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return lambda line: line.translate(_ASCII).encode("ascii", "backslashreplace").decode()
    return lambda line: line.encode(encoding, "backslashreplace").decode(encoding)


def _format_report(scan: Scan, options: ReportOptions) -> Iterator[Line]:
    chosen = [finding for finding in sort_by_urgency(scan.findings) if options.shows(finding)]
    failing, below = part_by_threshold(chosen, scan.fail_on)
    is_detailed = options.details or options.explain
    if is_detailed or len(failing) <= FEW:
        detailed, listed = (chosen, []) if is_detailed else (failing, below)
    else:
        urgent = [finding for finding in failing if is_urgent(finding)]
        detailed = urgent if len(urgent) <= FEW else []
        listed = [finding for finding in chosen if finding not in detailed] if detailed else chosen
    for finding in detailed:
        yield from _format_finding(finding, options)
        yield []
    yield from list_groups(listed, options)
    if options.show_ignored:
        yield from _format_not_reported(scan, options)
    yield from _format_skipped(scan, options)
    if not options.quiet:
        for note in scan.notes:
            yield [("note     ", "label"), (make_printable(note), "")]
        if listed:
            yield [("--details shows what each does, where else it stands and what to do.", "faint")]
        yield from _format_summary(scan, len(scan.findings) - len(chosen))


# -- one credential -----------------------------------------------------------


def _format_finding(finding: Finding, options: ReportOptions) -> Iterator[Line]:
    rule = finding.rule
    width = min(options.width, PROSE_WIDTH)
    yield [
        (f"{finding.severity.upper():<8}", finding.severity),
        (" ", ""),
        (make_printable(rule.finds or rule.id), "finds"),
        ("  ", ""),
        (_format_value(finding.secret, options), "secret"),
    ]
    for name, secret in finding.parts:
        yield [(f"{MARGIN}with {make_printable(name)} ", "faint"), (_format_value(secret, options), "secret")]
    yield from _format_verdict(finding, width)
    if finding.severity_reason and not options.explain:
        yield from _wrap_paragraph("severity", finding.severity_reason, width)
    if rule.harm:
        yield from _wrap_paragraph("harm", rule.harm, width)
    yield from _format_locations(finding, options)
    if rule.revoke:
        yield from _wrap_paragraph("next", rule.revoke, width, "next")
    if options.explain:
        yield from _format_evidence(finding, width)
    yield [("id       ", "label"), (f"{rule.id} · {finding.fingerprint}", "faint")]


def _format_value(secret: Secret, options: ReportOptions) -> str:
    value = reveal_on_request(secret, options)
    return secret.redacted if value is None else make_printable(value.decode("utf-8", "surrogateescape"))


def _format_verdict(finding: Finding, width: int) -> Iterator[Line]:
    verdict = finding.verdict
    confidence = (f"{finding.confidence} confidence", "faint")
    if verdict.state == VerdictState.UNCHECKED:
        yield [(MARGIN, ""), confidence]
    else:
        owner = f", belongs to {make_printable(verdict.owner)}" if verdict.owner else ""
        yield [(MARGIN, ""), (verdict.state.upper().replace("-", " "), verdict.state), (f"{owner} · ", ""), confidence]
    yield from _wrap_paragraph("", verdict.why, width, "faint")


def _wrap_paragraph(label: str, text: str, width: int, style: str = "") -> Iterator[Line]:
    lines = textwrap.wrap(
        make_printable(text), max(width - len(MARGIN), 20), break_on_hyphens=False, break_long_words=False
    )
    for number, line in enumerate(lines):
        yield [(f"{'' if number else label:<9}", "label"), (line, style)]


def _format_locations(finding: Finding, options: ReportOptions) -> Iterator[Line]:
    shown = finding.locations if options.verbose else _choose_locations(finding.locations)
    names = [format_where(location, options) for location in shown]
    sources = [describe_source(location, options) for location in shown]
    longest = max(map(len, names), default=0)
    if any(len(MARGIN) + longest + 2 + len(source) > options.width for source in sources):
        longest = 0  # not enough room for a column: beside the location where it fits, else below
    excerpt = ""
    for number, (location, name, source) in enumerate(zip(shown, names, sources, strict=True)):
        label = (f"{'' if number else 'where':<9}", "label")
        gap = " " * (max(longest - len(name), 0) + 2)
        if len(MARGIN) + len(name) + len(gap) + len(source) <= options.width:
            yield [label, (name, "place"), (gap + source, "faint")] if source else [label, (name, "place")]
        else:
            yield [label, (name, "place")]
            yield [(f"{MARGIN}  {source}", "faint")]
        if location.snippet and location.snippet != excerpt:
            excerpt = location.snippet
            yield _format_excerpt(location, finding, options.width)
    if left := len(finding.locations) - len(shown):
        yield [(MARGIN, ""), (f"and {format_count(left, 'more location')} (-v shows all)", "faint")]


def _choose_locations(locations: tuple[Location, ...]) -> tuple[Location, ...]:
    """Return the first locations, one of them in the working tree if there is one."""
    first = locations[:MAX_LOCATIONS]
    if any(location.origin.kind == "worktree" for location in first):
        return first
    for location in locations[MAX_LOCATIONS:]:
        if location.origin.kind == "worktree":
            return (*first[:-1], location)
    return first


def _format_excerpt(location: Location, finding: Finding, width: int) -> Line:
    """Return the line of code, truncated to *width* around the redacted secret."""
    text = make_printable(location.snippet.expandtabs(4).strip())
    gutter = f"{location.line or '':>6} │ "
    room = max(width - len(MARGIN) - len(gutter), 20)
    redacted = finding.secret.redacted
    at = text.find(redacted)
    if len(text) > room:
        centre = at + len(redacted) // 2 if at >= 0 else 0
        start = max(0, min(centre - room // 2, len(text) - room))
        end = start + room
        text = (
            ("…" if start else "")
            + text[start + bool(start) : end - (end < len(text))]
            + ("…" if end < len(text) else "")
        )
        at = text.find(redacted)
    line: Line = [(MARGIN + gutter, "faint")]
    if at < 0:
        return [*line, (text, "")]
    return [*line, (text[:at], ""), (redacted, "secret"), (text[at + len(redacted) :], "")]


def _format_evidence(finding: Finding, width: int) -> Iterator[Line]:
    for number, fact in enumerate(explain_finding(finding)):
        yield from _wrap_paragraph("" if number else "why", fact, width)


# -- what was not reported ----------------------------------------------------


def _format_not_reported(scan: Scan, options: ReportOptions) -> Iterator[Line]:
    if scan.ignored:
        yield [(f"Ignored: {format_count(len(scan.ignored), 'finding')}", "finds")]
        for ignored in scan.ignored:
            finding = ignored.finding
            first = format_location(finding.locations[0]) if finding.locations else ""
            line: Line = [("  ", ""), (_format_value(finding.secret, options), "secret")]
            yield [*line, (f"  {make_printable(finding.rule.finds)}  {first}  by {make_printable(ignored.by)}", "")]
        yield []
    if scan.rejected:
        yield [(f"Rejected: {format_count(len(scan.rejected), 'candidate')}", "finds")]
        for origin, rejected in scan.rejected:
            where = f"{name_content(origin)}, byte {rejected.start}"
            yield [(f"  {where}: {rejected.rule_id}: {make_printable(rejected.reason)}", "")]
            if options.explain:
                for fact in explain_rejected(rejected):
                    yield [(f"      {fact}", "faint")]
        yield []


def _format_skipped(scan: Scan, options: ReportOptions) -> Iterator[Line]:
    missed = [s for s in scan.skipped if not s.expected]
    if missed:
        yield [(f"Could not be scanned: {len(missed):,}", "bad")]
        yield from _format_some(missed, options)
        yield []
    excluded = [s for s in scan.skipped if s.expected]
    if excluded and options.verbose:
        yield [(f"Skipped on request: {len(excluded):,}", "finds")]
        yield from _format_some(excluded, options)
        yield []


def _format_some(skipped: list[Skipped], options: ReportOptions) -> Iterator[Line]:
    shown = skipped if options.verbose else skipped[:MAX_SKIPPED]
    for one in shown:
        yield [(f"  {format_skipped(one)}", "")]
    if len(skipped) > len(shown):
        yield [(f"  and {len(skipped) - len(shown):,} more (-v shows all)", "faint")]


def _format_summary(scan: Scan, hidden: int) -> Iterator[Line]:
    if scan.findings:
        kinds = Counter(finding.severity for finding in scan.findings)
        words = [f"{kinds[severity]:,} {severity}" for severity in reversed(SEVERITIES) if kinds[severity]]
        live = sum(finding.verdict.state == VerdictState.LIVE for finding in scan.findings)
        words += [f"{live:,} live"] if live else []
        locations = sum(len(finding.locations) for finding in scan.findings)
        found = f"Found {format_count(len(scan.findings), 'credential')} in {format_count(locations, 'location')}"
        yield [(found, "bad"), (f" ({', '.join(words)}).", "")]
        yield from count_findings(scan)
        if hidden:
            yield [(f"{format_count(hidden, 'finding')} not shown, as filtered; the exit code counts all.", "bad")]
    elif scan.complete:
        yield [("No credentials found.", "good")]
    else:
        yield [("Found nothing, but some content could not be scanned: this is not a clean result.", "bad")]
    if scan.interrupted:
        yield [("Interrupted: only what was found until then is reported.", "bad")]
    elif scan.findings and not scan.complete:
        yield [("Incomplete: some content could not be scanned.", "bad")]
    expected = sum(s.expected for s in scan.skipped)
    words = [f"{format_count(expected, 'item')} skipped on request"] if expected else []
    words += [text] if (text := describe_ignored(scan)) else []
    if words:
        yield [("; ".join(words) + ".", "faint")]
    stats = scan.stats
    amount = f"{format_size(stats.bytes)} in {format_count(stats.blobs, 'object')}"
    yield [(f"Scanned {amount} with {format_count(stats.rules, 'rule')} in {stats.seconds:.1f} s.", "faint")]
