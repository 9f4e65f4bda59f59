"""text: for a terminal and for the mail that cron sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.fleet.overview import Change, Line, Overview
from detector.model import SEVERITIES
from detector.text.numbers import format_count
from detector.text.untrusted import make_printable

HEADS = {
    "opened": "new",
    "reopened": "open again",
    "back": "back at a tip",
    "gone": "gone from the tips, still in the history",
    "absent": "gone altogether",
    "rotated": "rotated",
    "dead": "dead",
    "closed": "closed",
}
"""How each event is headed, most urgent first."""


def write(overview: Overview, everything: bool) -> Iterator[str]:
    """Return the report, line by line."""
    yield headline(overview) + "\n"
    yield from changes(overview)
    if overview.overdue:
        yield f"\nOverdue ({len(overview.overdue)}):\n"
        for line in overview.overdue:
            yield f"  since {line.deadline[:10]}  {_finding(line)}\n"
    if overview.shared:
        yield f"\nThe same credential in several repositories ({len(overview.shared)}):\n"
        for shared in overview.shared:
            places = ", ".join(make_printable(name) for name in shared.repositories)
            yield f"  {shared.finding.fingerprint}  {shared.finding.rule}  {len(shared.repositories)}: {places}\n"
    yield from troubles(overview)
    if everything and overview.findings:
        yield f"\nOpen ({len(overview.findings)}):\n"
        for line in overview.findings:
            yield f"  {_finding(line)}\n"


def headline(overview: Overview) -> str:
    """Say in a line or two where things stand."""
    run, counts = overview.run, overview.counts
    if not run:
        return "No sweep yet."
    counters = run["counters"]
    ended = f"{run['status']} {run['ended']}" if run["ended"] else "has not ended"
    states = ", ".join(f"{number} {state}" for state, number in sorted(counts["states"].items()))
    read = (
        f": {format_count(counters['repositories'], 'repository', 'repositories')}, "
        f"{counters['unchanged']} unchanged, {counters['failed']} failed"
        if counters
        else ""
    )
    found = f"Findings: {states or 'none'}; overdue: {counts['overdue']}"
    return f"Sweep {run['id']}, {ended}{read}\n{found}"


def changes(overview: Overview) -> Iterator[str]:
    """Return what changed, by kind, the worst first."""
    for what, title in HEADS.items():
        group = sorted((change for change in overview.changes if change.what == what), key=_worst_first)
        if group:
            yield f"\n{title[0].upper()}{title[1:]} ({len(group)}):\n"
        for change in group:
            yield f"  {_finding(change.finding)}{_detail(change)}\n"


def troubles(overview: Overview) -> Iterator[str]:
    """Return what could not be read."""
    for title, group in (("Could not be read", overview.failing), ("Not read to the end", overview.incomplete)):
        if group:
            yield f"\n{title} ({len(group)}):\n"
        for trouble in group:
            again = f" ({trouble.times} times)" if trouble.times > 1 else ""
            yield f"  {make_printable(trouble.repository)}: {make_printable(trouble.why)}{again}\n"


def _worst_first(change: Change) -> tuple[int, str, str, int]:
    at = change.finding
    worst = SEVERITIES.index(at.severity) if at.severity in SEVERITIES else 0
    return -worst, at.repository, at.path, at.line


def _finding(line: Line) -> str:
    where = f"{line.repository}:{line.path}:{line.line}" if line.path else line.repository
    owner = f"  {line.owner}" if line.owner else ""
    due = f"  due {line.deadline[:10]}" if line.deadline else ""
    return make_printable(f"{line.severity:8} {line.rule}  {line.shown}  {where}{owner}{due}  {line.fingerprint}")


def _detail(change: Change) -> str:
    told: Sequence[str] = [part for part in (change.detail, f"by {change.who}" if change.who else "") if part]
    return make_printable(f"  ({', '.join(told)})") if told else ""
