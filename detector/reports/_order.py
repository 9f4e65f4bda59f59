"""The order in which a person should read findings.

Live credentials come first; then the order is by severity (of which the place is a part), by class of place,
confidence and path.
"""

from __future__ import annotations

from collections.abc import Iterable

from detector.model import CONFIDENCES, SEVERITIES, Finding, PlaceClass, Scan, VerdictState
from detector.text.untrusted import choose_location


def rank(words: tuple[str, ...], word: str) -> int:
    """Return the position of *word* among *words* from low to high; unknown words rank lowest."""
    return words.index(word) if word in words else -1


def sort_by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Return *findings* in reading order."""

    def key(finding: Finding) -> tuple[bool, int, int, int, str, int, str]:
        at = choose_location(finding)
        return (
            finding.verdict.state != VerdictState.LIVE,
            -rank(SEVERITIES, finding.severity),
            tuple(PlaceClass).index(finding.place),
            -rank(CONFIDENCES, finding.confidence),
            at.origin.path if at else "",
            at.line if at else 0,
            finding.fingerprint,
        )

    return sorted(findings, key=key)


def choose_exit_code(scan: Scan) -> int:
    """Return the exit code for *scan*, without ``--exit-zero``."""
    return int(scan.account.choose_exit_code())
