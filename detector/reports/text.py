"""text: for a person at a terminal, and for a log.

One block per credential: what it is, what is known about it, what harm it can
do, where it stands, what to do next. The same layout is printed with and
without colour, so that a log reads like the screen. Paths are never cut or
wrapped: people copy them.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TextIO

from detector.model import SEVERITIES, Finding, Location, Scan, Skipped, VerdictState
from detector.reports._options import Options
from detector.reports._order import by_urgency, only_in_tests
from detector.reports._show import plain
from detector.secret import Secret
from detector.text.numbers import counted, size
from detector.text.untrusted import name_of, named, place, printable, provenance, without_password

TITLE = "for people: terminal and log"
STREAMS = False

SOME_PLACES = 3
SOME_SKIPPED = 10
MARGIN = " " * 9
"""What stands under the labels: every block has one left edge."""
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

Span = tuple[str, str]
Line = list[Span]


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print the report."""
    paint = _painter(out, options)
    encodable = _encodable(out)
    for line in _lines(scan, options):
        out.write(encodable("".join(paint(text, style) if style else text for text, style in line).rstrip()) + "\n")


def _painter(out: TextIO, options: Options) -> Callable[[str, str], str]:
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


def _encodable(out: TextIO) -> Callable[[str], str]:
    """Return what makes a line fit the encoding of *out*: a log may be ASCII."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    try:
        "…·│→".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return lambda line: line.translate(_ASCII).encode("ascii", "backslashreplace").decode()
    return lambda line: line.encode(encoding, "backslashreplace").decode(encoding)


def _lines(scan: Scan, options: Options) -> Iterator[Line]:
    several = named((at.origin.repository for finding in scan.findings for at in finding.locations), options.target)
    in_tests = False
    for finding in by_urgency(scan.findings):
        if only_in_tests(finding) and not in_tests and finding.verdict.state != VerdictState.LIVE:
            in_tests = True
            yield [("In test code only:", "faint")]
            yield []
        yield from _finding(finding, options, several)
        yield []
    if options.show_ignored:
        yield from _not_reported(scan, options)
    yield from _skipped(scan, options)
    if not options.quiet:
        for note in scan.notes:
            yield [("note     ", "label"), (printable(note), "")]
        yield from _summary(scan)


# -- one credential -----------------------------------------------------------


def _finding(finding: Finding, options: Options, several: bool) -> Iterator[Line]:
    rule = finding.rule
    width = min(options.width, PROSE_WIDTH)
    yield [
        (f"{finding.severity.upper():<8}", finding.severity),
        (" ", ""),
        (printable(rule.finds or rule.id), "finds"),
        ("  ", ""),
        (_value(finding.secret, options), "secret"),
    ]
    for name, secret in finding.parts:
        yield [(f"{MARGIN}with {printable(name)} ", "faint"), (_value(secret, options), "secret")]
    yield from _known(finding, width)
    if rule.harm:
        yield from _paragraph("harm", rule.harm, width)
    yield from _places(finding, options, several)
    if rule.revoke:
        yield from _paragraph("next", rule.revoke, width, "next")
    if options.explain:
        yield from _evidence(finding, width)
    yield [("id       ", "label"), (f"{rule.id} · {finding.fingerprint}", "faint")]


def _value(secret: Secret, options: Options) -> str:
    value = plain(secret, options)
    return secret.redacted if value is None else printable(value.decode("utf-8", "surrogateescape"))


def _known(finding: Finding, width: int) -> Iterator[Line]:
    verdict = finding.verdict
    confidence = (f"{finding.confidence} confidence", "faint")
    if verdict.state == VerdictState.UNCHECKED:
        yield [(MARGIN, ""), confidence]
    else:
        owner = f", belongs to {printable(verdict.owner)}" if verdict.owner else ""
        yield [(MARGIN, ""), (verdict.state.upper(), verdict.state), (f"{owner} · ", ""), confidence]
    yield from _paragraph("", verdict.why, width, "faint")


def _paragraph(label: str, text: str, width: int, style: str = "") -> Iterator[Line]:
    lines = textwrap.wrap(printable(text), max(width - len(MARGIN), 20), break_on_hyphens=False, break_long_words=False)
    for number, line in enumerate(lines):
        yield [(f"{'' if number else label:<9}", "label"), (line, style)]


def _places(finding: Finding, options: Options, several: bool) -> Iterator[Line]:
    shown = finding.locations if options.verbose else _telling(finding.locations)
    names = [place(location) for location in shown]
    sources = [_source(location) for location in shown]
    longest = max(map(len, names), default=0)
    if any(len(MARGIN) + longest + 2 + len(source) > options.width for source in sources):
        longest = 0  # no column for all: beside where it fits, else below
    excerpt = repository = ""
    for number, (location, name, source) in enumerate(zip(shown, names, sources, strict=True)):
        label = (f"{'' if number else 'where':<9}", "label")
        if several and location.origin.repository != repository:
            repository = location.origin.repository
            outside = "." if "." in options.target.split() else "no repository"
            yield [label, (f"in {printable(without_password(repository)) or outside}", "faint")]
            label = (MARGIN, "label")
        gap = " " * (max(longest - len(name), 0) + 2)
        if len(MARGIN) + len(name) + len(gap) + len(source) <= options.width:
            yield [label, (name, "place"), (gap + source, "faint")] if source else [label, (name, "place")]
        else:
            yield [label, (name, "place")]
            yield [(f"{MARGIN}  {source}", "faint")]
        if location.snippet and location.snippet != excerpt:
            excerpt = location.snippet
            yield _excerpt(location, finding, options.width)
    if left := len(finding.locations) - len(shown):
        yield [(MARGIN, ""), (f"and {counted(left, 'more location')} (-v shows all)", "faint")]


def _telling(locations: tuple[Location, ...]) -> tuple[Location, ...]:
    """Return the few places that tell most: where it began, and a file that can be edited now."""
    first = locations[:SOME_PLACES]
    if any(location.origin.kind == "worktree" for location in first):
        return first
    for location in locations[SOME_PLACES:]:
        if location.origin.kind == "worktree":
            return (*first[:-1], location)
    return first


def _source(location: Location) -> str:
    decoded = f"inside {' in '.join(map(printable, location.decoded_via))}" if location.decoded_via else ""
    return ", ".join(filter(None, [provenance(location.origin), decoded]))


def _excerpt(location: Location, finding: Finding, width: int) -> Line:
    """Return the line of code, cut to *width* around the redacted secret."""
    text = printable(location.snippet.expandtabs(4).strip())
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


def _evidence(finding: Finding, width: int) -> Iterator[Line]:
    facts = [f"{printable(key)}: {printable(value)}" for key, value in finding.verdict.facts]
    facts += [_weighed(e.fact, e.weight) for e in finding.evidence]
    for number, fact in enumerate(facts):
        yield from _paragraph("" if number else "why", fact, width)


def _weighed(fact: str, weight: float) -> str:
    return f"{fact} ({weight:+.1f})" if weight else fact


# -- what was not reported ----------------------------------------------------


def _not_reported(scan: Scan, options: Options) -> Iterator[Line]:
    if scan.ignored:
        yield [(f"Ignored: {counted(len(scan.ignored), 'finding')}", "finds")]
        for ignored in scan.ignored:
            finding = ignored.finding
            first = place(finding.locations[0]) if finding.locations else ""
            line: Line = [("  ", ""), (_value(finding.secret, options), "secret")]
            yield [*line, (f"  {printable(finding.rule.finds)}  {first}  by {printable(ignored.by)}", "")]
        yield []
    if scan.dropped:
        yield [(f"Rejected: {counted(len(scan.dropped), 'candidate')}", "finds")]
        for origin, dropped in scan.dropped:
            yield [(f"  {name_of(origin)}, byte {dropped.start}: {dropped.rule_id}: {printable(dropped.reason)}", "")]
            if options.explain:
                for e in dropped.evidence:
                    yield [(f"      {printable(_weighed(e.fact, e.weight))}", "faint")]
        yield []


def _skipped(scan: Scan, options: Options) -> Iterator[Line]:
    lost = [s for s in scan.skipped if not s.expected]
    if lost:
        yield [(f"Could not be scanned: {len(lost):,}", "bad")]
        yield from _some(lost, options)
        yield []
    left_out = [s for s in scan.skipped if s.expected]
    if left_out and options.verbose:
        yield [(f"Skipped on request: {len(left_out):,}", "finds")]
        yield from _some(left_out, options)
        yield []


def _some(skipped: list[Skipped], options: Options) -> Iterator[Line]:
    shown = skipped if options.verbose else skipped[:SOME_SKIPPED]
    for one in shown:
        yield [(f"  {printable(without_password(one.where))}: {printable(one.reason)}", "")]
    if len(skipped) > len(shown):
        yield [(f"  and {len(skipped) - len(shown):,} more (-v shows all)", "faint")]


def _summary(scan: Scan) -> Iterator[Line]:
    if scan.findings:
        kinds = Counter(finding.severity for finding in scan.findings)
        words = [f"{kinds[severity]:,} {severity}" for severity in reversed(SEVERITIES) if kinds[severity]]
        live = sum(finding.verdict.state == VerdictState.LIVE for finding in scan.findings)
        words += [f"{live:,} live"] if live else []
        locations = sum(len(finding.locations) for finding in scan.findings)
        found = f"Found {counted(len(scan.findings), 'credential')} in {counted(locations, 'location')}"
        yield [(found, "bad"), (f" ({', '.join(words)}).", "")]
    elif scan.complete:
        yield [("No credentials found.", "good")]
    else:
        yield [("Found nothing, but some content could not be scanned: this is not a clean result.", "bad")]
    if scan.interrupted:
        yield [("Interrupted: only what was found until then is reported.", "bad")]
    elif scan.findings and not scan.complete:
        yield [("Incomplete: some content could not be scanned.", "bad")]
    expected = sum(s.expected for s in scan.skipped)
    words = [f"{counted(expected, 'item')} skipped on request"] if expected else []
    words += [f"{counted(len(scan.ignored), 'finding')} ignored"] if scan.ignored else []
    if words:
        yield [("; ".join(words).capitalize() + ".", "faint")]
    stats = scan.stats
    amount = f"{size(stats.bytes)} in {counted(stats.blobs, 'object')}"
    yield [(f"Scanned {amount} with {counted(stats.rules, 'rule')} in {stats.seconds:.1f} s.", "faint")]
