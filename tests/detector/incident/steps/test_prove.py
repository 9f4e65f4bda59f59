"""Step prove: a credential that works again is not dead, and runs that were continued elsewhere are noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detector.incident.model import LineKind
from leakfirst._program import main
from tests.detector.incident.aws import ALLOWED, ASK, AUTO, Operator
from tests.rotators.world import Aws

pytestmark = pytest.mark.net


def test_a_restored_key_is_live_again(accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    incident = operator("open", str(operator.leaked))
    assert incident["counts"]["contained"] == 2
    back, _ = incident["credentials"]
    assert main(["rotate", "undo", back["plan"], *operator.files[:2]]) == 0
    incident = operator("next")
    assert incident["counts"]["contained"] == 1
    (task,) = [task for task in incident["tasks"] if task["subject"] == back["fingerprint"]]
    assert task["why"].startswith("STILL LIVE: ")


def test_a_credential_that_is_live_again_is_not_dead(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.incident.context import Context
    from detector.incident.steps import verify

    operator = Operator(tmp_path, accounts, ALLOWED + ASK, capsys)
    operator("open", str(operator.leaked))
    for state, dead in (("dead", 2), ("unknown", 2), ("live", 0), ("dead", 2)):

        def answer(context: Context, findings: list[Any], on_live: object = None, state: str = state) -> None:
            for finding in findings:
                context.ledger.add(LineKind.VERDICT, finding.fingerprint, state=state, why="", owner="", facts={})

        monkeypatch.setattr(verify, "ask_providers", answer)
        incident = operator("run", "prove")
        assert incident["counts"]["dead"] == dead, state
        assert incident["counts"]["waiting for a person"] == 2 - dead, state


def test_a_run_that_was_continued_with_rotate_is_noticed(
    accounts: list[Aws], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(tmp_path, accounts, ALLOWED + AUTO, capsys)
    incident = operator("open", str(operator.leaked))
    for one in incident["credentials"]:
        assert one["hold"]["kind"] == "by-hand"
        code = main(["rotate", "resume", one["plan"], "--done", *operator.files[:2]])
        assert code == 4, "ended: the rotation itself has not tried the old key"
    assert operator("run", "prove")["counts"]["waiting for a person"] == 0
