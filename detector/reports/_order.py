"""The order in which a person should read findings.

Live credentials come first, then production code before test code; then the order
is by severity, confidence and path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from detector.model import CONFIDENCES, SEVERITIES, Finding, Scan, VerdictState
from detector.text.untrusted import choose_location

_TEST_CODE = re.compile(
    r"(?:^|/)(?:tests?|testing|testdata|test[-_]data|specs?|__tests__|__mocks__|mocks?|fixtures?)(?:/|$)"
    r"|(?:^|/)(?:test_[^/]*\.py|conftest\.py|[^/]*_test\.\w+|[^/]*[._]spec\.\w+|[^/]*\.test\.\w+|[^/]*Tests?\.\w+)$",
)


def rank(words: tuple[str, ...], word: str) -> int:
    """Return the position of *word* among *words* from low to high; unknown words rank lowest."""
    return words.index(word) if word in words else -1


def is_test_code(path: str) -> bool:
    """Tell whether *path* looks like test code or a fixture.

    >>> is_test_code("tests/data/key.pem"), is_test_code("src/latest/key.pem")
    (True, False)
    """
    return _TEST_CODE.search(path) is not None


def is_only_in_tests(finding: Finding) -> bool:
    """Tell whether every location of *finding* is in test code."""
    return bool(finding.locations) and all(is_test_code(location.origin.path) for location in finding.locations)


def sort_by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Return *findings* in reading order."""

    def key(finding: Finding) -> tuple[bool, bool, int, int, str, int, str]:
        at = choose_location(finding)
        return (
            finding.verdict.state != VerdictState.LIVE,
            is_only_in_tests(finding),
            -rank(SEVERITIES, finding.severity),
            -rank(CONFIDENCES, finding.confidence),
            at.origin.path if at else "",
            at.line if at else 0,
            finding.fingerprint,
        )

    return sorted(findings, key=key)


def choose_exit_code(scan: Scan) -> int:
    """Return the exit code for *scan*, without ``--exit-zero``."""
    return int(scan.account.choose_exit_code())
