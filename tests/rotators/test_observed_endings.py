"""No run ends with a statement that an independent observer refutes, whatever goes wrong on the way.

Random faults (refused permission, lost and damaged answers, throttling, foreign
changes, kills, shifted clocks) against an emulator that enforces what it is
told. More of them every night, or by hand: `LEAKFIRST_STORIES=1000 python -m pytest tests/rotators/test_observed_endings.py`.
"""

from __future__ import annotations

import os
import pathlib
from types import SimpleNamespace

import pytest

from tests.rotators.faults import proxied
from tests.rotators.observer import Observed
from tests.rotators.world import Aws

pytestmark = pytest.mark.net

STORIES = int(os.environ.get("LEAKFIRST_STORIES", "12"))
FIRST = int(os.environ.get("LEAKFIRST_FIRST_STORY", "0"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, FIRST + STORIES))
def test_no_statement_is_refuted(
    ministack_url: str, tmp_path: pathlib.Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    with proxied(ministack_url) as (url, proxy):
        story = Observed(Aws(ministack_url), url, proxy, tmp_path, seed)
        try:
            story.play()
        except AssertionError as refuted:
            lines = "\n".join([*story.operator_steps(), *story.said])
            raise AssertionError(f"seed {seed}: {refuted}\n{lines}") from refuted


def test_a_false_statement_is_noticed(
    ministack_url: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rotators import aws_iam
    from rotators.core.model import Proof, ProofState

    monkeypatch.setattr(aws_iam.Rotator, "_deactivate", lambda self, user: {})
    monkeypatch.setattr(aws_iam.Rotator, "verify_dead", lambda self: Proof(ProofState.DEAD, "so it is said"))
    monkeypatch.setattr(Observed, "prepare_faults", lambda self, calm: None)
    with proxied(ministack_url) as (url, proxy):
        story = Observed(Aws(ministack_url), url, proxy, tmp_path, 4)
        with pytest.raises(AssertionError, match="and the leaked key works"):
            story.play()
