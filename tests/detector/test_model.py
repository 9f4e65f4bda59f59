"""The closed words of detection: neither mypy nor Python lets another one pass."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from detector.model import CONFIDENCES, SEVERITIES, Confidence, Severity, Verdict, VerdictState

WRONG = """
from detector.model import Finding, Verdict
from detector.probes.core.contract import ProbeResult

Verdict("lieve")
Verdict("live")
Verdict()._replace(state="lieve")
ProbeResult("lieve")
def severity(finding: Finding) -> Finding:
    return finding._replace(severity="hgih", confidence="hgih")
"""


def test_an_unknown_state_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError) as refusal:
        Verdict("lieve")  # type: ignore[arg-type]
    assert str(refusal.value) == ("a verdict is one of live, dead, valid-format, unknown, unchecked, not 'lieve'")


def test_a_state_that_was_read_from_json_becomes_the_member() -> None:
    assert Verdict("dead").state is VerdictState.DEAD  # type: ignore[arg-type]


def test_a_verdict_survives_pickle_and_prints_as_plain_json() -> None:
    verdict = Verdict(VerdictState.VALID_FORMAT, "its checksum is valid", facts=(("account", "12"),))
    assert pickle.loads(pickle.dumps(verdict)) == verdict
    assert (
        json.dumps([verdict.state, f"{verdict.state}", *verdict[:1]])
        == '["valid-format", "valid-format", "valid-format"]'
    )


def test_the_order_of_words_is_rising() -> None:
    assert [*SEVERITIES] == [*Severity] == ["info", "low", "medium", "high", "critical"]
    assert [*CONFIDENCES] == [*Confidence] == ["low", "medium", "high"]


@pytest.mark.slow
def test_mypy_refuses_words_that_are_not_members(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG)
    root = Path(__file__).parents[2]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", f"--cache-dir={tmp_path}", str(wrong)],
        capture_output=True, text=True, cwd=root, check=False,
    )  # fmt: skip
    lines = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error:" in line}
    assert lines == {5, 6, 7, 8, 10}, checked.stdout + checked.stderr
