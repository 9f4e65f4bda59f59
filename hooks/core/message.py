"""The text that a person reads when a hook refuses: what was found where, why it matters, what to do.

Plain text without colour or drawing, in short lines: GUI clients and the
``remote:`` lines of a push show it unchanged. It never contains the secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from detector.model import Finding, Location, RunAccount, Skipped
from detector.text.untrusted import format_skipped, make_printable, name_content

MAX_SHOWN = 20
"""Findings, or items that could not be scanned, that are listed; the rest is counted."""

FALSE_POSITIVE = (
    "If it is not a secret: put  leakfirst:allow  into a comment on that line,\n"
    "or add it to the baseline with a reason:  leakfirst baseline review"
)

FALSE_POSITIVE_ON_SERVER = (
    "If it is not a secret: push an entry for it to the default branch first (leakfirst baseline review).\n"
    "Comments such as  leakfirst:allow  count here only if the operator says so (--inline-marks)."
)


def format_refusal(title: str, findings: Sequence[Finding], advice: Iterable[str]) -> str:
    """Return the whole message."""
    lines = [f"leakfirst: {title}", ""]
    for finding in findings[:MAX_SHOWN]:
        lines += [*_format_finding(finding), ""]
    if len(findings) > MAX_SHOWN:
        lines += [f"... and {len(findings) - MAX_SHOWN} more", ""]
    lines += ["What to do:", *_number(advice)]
    return "\n".join(lines)


def _format_finding(finding: Finding) -> list[str]:
    first = finding.locations[0]
    lines = [f"  {_format_location(first)}  {finding.rule.finds}  {finding.secret.redacted}"]
    if first.snippet:
        lines.append(f"      {make_printable(first.snippet)[:160]}")
    if finding.rule.harm:
        lines.append(f"      Why it matters: {finding.rule.harm}")
    lines += [f"      also in {_format_location(other)}" for other in finding.locations[1:4]]
    if len(finding.locations) > 4:
        lines.append(f"      and in {len(finding.locations) - 4} more locations")
    return lines


def _format_location(location: Location) -> str:
    """Return the location in the form that editors and terminals turn into a link, and its commit."""
    origin = location.origin
    commit = f" (commit {origin.commit[:12]})" if origin.commit else ""
    return f"{name_content(origin)}:{location.line}:{location.column}{commit}"


def _number(advice: Iterable[str]) -> Iterator[str]:
    """Number the entries; lines after the first of an entry are indented."""
    for number, text in enumerate(advice, 1):
        first, *others = text.split("\n")
        yield f"  {number}. {first}"
        yield from (f"     {line}" for line in others)


def format_mild(findings: Sequence[Finding]) -> str:
    """Return one line for each of *findings*, which are told and refuse nothing; "" if there are none."""
    if not findings:
        return ""
    lines = ["leakfirst: found, and not severe enough to refuse (--fail-on):"]
    for finding in findings[:MAX_SHOWN]:
        what = f"{finding.severity}: {finding.rule.finds}  {finding.secret.redacted}"
        lines.append(f"  {_format_location(finding.locations[0])}  {what}")
    if len(findings) > MAX_SHOWN:
        lines.append(f"  ... and {len(findings) - MAX_SHOWN} more")
    return "\n".join(lines)


def format_account(account: RunAccount) -> str:
    """Return whose rules counted and what they set aside, "" if no file and no mark had a say."""
    return "\n".join(f"leakfirst: {make_printable(line)}" for line in account.describe())


def format_incomplete(skipped: Sequence[Skipped]) -> str:
    """Return the message for content that could not be scanned."""
    lines = ["leakfirst: incomplete, some content could not be scanned:"]
    lines += [f"  {format_skipped(one)}" for one in skipped[:MAX_SHOWN]]
    if len(skipped) > MAX_SHOWN:
        lines.append(f"  ... and {len(skipped) - MAX_SHOWN} more")
    return "\n".join(lines)


def count_credentials(number: int) -> str:
    """Return "a credential" or, for example, "3 credentials"."""
    return "a credential" if number == 1 else f"{number} credentials"


def advise_revocation(findings: Iterable[Finding]) -> str:
    """Return what to do about values that somebody may have seen."""
    rules = [finding.rule for finding in findings]
    ways = dict.fromkeys(f"{rule.service}: {rule.revoke}" for rule in rules if rule.revoke)
    lines = ["If it was ever shared, pushed or deployed: revoke it and issue a new one. Removing it is not enough."]
    return "\n".join([*lines, *list(ways)[:5]])
