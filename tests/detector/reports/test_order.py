from __future__ import annotations

import pytest

from detector.model import Finding, Location, Origin, Scan, Stats, Verdict, VerdictState
from detector.reports._order import choose_exit_code, is_test_code, sort_by_urgency
from tests.golden.sample import GITHUB, TOKEN


def finding(path: str, severity: str = "high", confidence: str = "high", state: str = "unchecked") -> Finding:
    location = Location(Origin("worktree", path), 0, 1, 1, 1, 1, 2)
    return Finding(f"lf1:{path}", GITHUB, severity, confidence, TOKEN, (), (location,), Verdict(state))


def test_order_is_live_then_production_then_severity_confidence_path() -> None:
    wanted = [
        finding("tests/live.py", "low", "low", VerdictState.LIVE),
        finding("z.py", "critical"),
        finding("a.py"),
        finding("b.py"),
        finding("a2.py", "high", "low"),
        finding("a3.py", "info"),
        finding("tests/a.py", "critical"),
    ]
    assert sort_by_urgency(reversed(wanted)) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "tests/a",
        "a/test/b",
        "x/test_a.py",
        "a_test.go",
        "b.spec.ts",
        "b.test.js",
        "FooTest.java",
        "spec/x.rb",
        "fixtures/k",
    ],
)
def test_test_code_is_recognised(path: str) -> None:
    assert is_test_code(path)


@pytest.mark.parametrize("path", ["", "src/a.py", "contest/a", "attest.py", "latest.json", "testimony/x", "spectrum.c"])
def test_production_code_is_not_taken_for_test_code(path: str) -> None:
    assert not is_test_code(path)


def test_exit_codes() -> None:
    clean = Scan((), (), Stats(), "", True)
    assert choose_exit_code(clean) == 0
    assert choose_exit_code(clean._replace(complete=False)) == 3
    assert choose_exit_code(clean._replace(complete=False, findings=(finding("a"),))) == 1
    assert choose_exit_code(clean._replace(interrupted=True)) == 130
