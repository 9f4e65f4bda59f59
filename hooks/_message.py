"""What a person reads when a hook says no: where, why it matters, what to do.

Plain text without colour or drawing, short lines: GUI clients and the
``remote:`` lines of a push show it as it is. The secret is never in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detector.model import Finding, Location, Skipped

SHOWN = 20
"""Findings described one by one; the rest is counted."""


def refusal(title: str, findings: Sequence[Finding], advice: Iterable[str]) -> str:
    """Return the whole message."""
    lines = [f"leakfirst: {title}", ""]
    for finding in findings[:SHOWN]:
        lines += [*described(finding), ""]
    if len(findings) > SHOWN:
        lines += [f"... and {len(findings) - SHOWN} more", ""]
    lines += ["What to do:", *numbered(advice)]
    return "\n".join(lines)


def described(finding: Finding) -> list[str]:
    """Return the lines about one finding."""
    first = finding.locations[0]
    lines = [f"  {place(first)}  {finding.rule.finds}  {finding.secret.redacted}"]
    if first.snippet:
        lines.append(f"      {safe(first.snippet)[:160]}")
    if finding.rule.harm:
        lines.append(f"      Why it matters: {finding.rule.harm}")
    lines += [f"      also in {place(other)}" for other in finding.locations[1:4]]
    if len(finding.locations) > 4:
        lines.append(f"      and in {len(finding.locations) - 4} more places")
    return lines


def place(location: Location) -> str:
    """Return where it stands, as editors and terminals make a link of it."""
    origin = location.origin
    path = safe(origin.path) or f"the {origin.kind} {(origin.object_id or '')[:12]}"
    commit = f" (commit {origin.commit[:12]})" if origin.commit else ""
    return f"{path}:{location.line}:{location.column}{commit}"


def safe(text: str) -> str:
    """Return *text* without anything that could steer a terminal; other bytes of a name are spelled out."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def numbered(advice: Iterable[str]) -> Iterable[str]:
    """Number the entries; lines after the first of an entry are indented."""
    for number, text in enumerate(advice, 1):
        first, *others = text.split("\n")
        yield f"  {number}. {first}"
        yield from (f"     {line}" for line in others)


def incomplete(troubles: Sequence[Skipped]) -> str:
    """Return what is said where something could not be looked at."""
    lines = ["leakfirst: some of it could not be looked at, so this is not called clean:"]
    lines += [f"  {safe(trouble.where)}: {trouble.reason}" for trouble in troubles[:SHOWN]]
    if len(troubles) > SHOWN:
        lines.append(f"  ... and {len(troubles) - SHOWN} more")
    return "\n".join(lines)


def count(number: int) -> str:
    """Say how many credentials."""
    return "a credential" if number == 1 else f"{number} credentials"


def revocation(findings: Iterable[Finding]) -> str:
    """Say what to do about values that somebody may have seen."""
    rules = [finding.rule for finding in findings]
    ways = dict.fromkeys(f"{rule.service}: {rule.revoke}" for rule in rules if rule.revoke)
    lines = ["If it was ever shared, pushed or deployed: revoke it and issue a new one. Removing it is not enough."]
    return "\n".join([*lines, *list(ways)[:5]])


FALSE_ALARM = (
    "A false alarm? Put the mark  leakfirst:allow  into a comment on that line,\n"
    "or enter it in the baseline with a reason:  leakfirst baseline triage"
)
