from __future__ import annotations

from detector.model import Finding, Location, Origin, PlaceClass, Scan, Stats, Verdict, VerdictState
from detector.reports._order import choose_exit_code, sort_by_urgency
from tests.golden.sample import GITHUB, TOKEN


def finding(path: str, severity: str = "high", confidence: str = "high", state: str = "unchecked") -> Finding:
    location = Location(Origin("worktree", path), 0, 1, 1, 1, 1, 2)
    return Finding(f"lf1:{path}", GITHUB, severity, confidence, TOKEN, (), (location,), Verdict(state))


def test_order_is_live_then_severity_then_place_confidence_path() -> None:
    wanted = [
        finding("tests/live.py", "low", "low", VerdictState.LIVE),
        finding("z.py", "critical"),
        finding("a.py"),
        finding("b.py"),
        finding("a2.py", "high", "low"),
        finding("tests/a.py")._replace(place=PlaceClass.TEST),
        finding("a3.py", "info"),
    ]
    assert sort_by_urgency(reversed(wanted)) == wanted


def test_exit_codes() -> None:
    clean = Scan((), (), Stats(), "", True)
    assert choose_exit_code(clean) == 0
    assert choose_exit_code(clean._replace(complete=False)) == 3
    assert choose_exit_code(clean._replace(complete=False, findings=(finding("a"),))) == 1
    assert choose_exit_code(clean._replace(interrupted=True)) == 130
