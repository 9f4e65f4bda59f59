"""What the steps share: the state, the results of steps and the values that were read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.incident.context import Context
from detector.incident.model import Step, StepState
from detector.incident.steps.detect import detect
from detector.model import Skipped
from tests.detector.incident.running import TOKEN, get_step, opened


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    (tmp_path / "leaked.env").write_text(f"BITBUCKET={TOKEN}\n")
    with opened(tmp_path, [tmp_path / "leaked.env"]) as made:
        yield made


@pytest.mark.parametrize("step", [Step.SPREAD, Step.DEPENDENTS, Step.DETECT])
def test_an_incomplete_search_counts_as_not_run(context: Context, step: Step) -> None:
    assert not context.has_run(step)
    context.record_step(step, StepState.INCOMPLETE)
    assert not context.has_run(step)
    context.record_step(step, StepState.DONE)
    assert context.has_run(step)


def test_another_step_counts_as_run_whatever_it_left(context: Context) -> None:
    context.record_step(Step.CONTAIN, StepState.WAITING)
    assert context.has_run(Step.CONTAIN)


def test_only_an_unexpected_skip_makes_a_search_incomplete(context: Context) -> None:
    unread = {
        context.record_skipped(Skipped("a", "is locked")),
        context.record_skipped(Skipped("b", "x", expected=True)),
    }
    context.record_search(Step.SPREAD, unread)
    assert get_step(context, "spread") == ("incomplete", "1 could not be read")
    assert dict(context.incident.skipped) == {"a": "is locked", "b": "x"}


def test_a_value_is_read_again_and_kept_for_the_run(context: Context, tmp_path: Path) -> None:
    detect(context)
    context.findings = {}
    ((finding,), gone) = context.load_findings(context.incident.credentials)
    assert not gone and finding.fingerprint == context.incident.credentials[0].fingerprint
    (tmp_path / "leaked.env").unlink()
    assert context.load_findings(context.incident.credentials) == ([finding], [])
    context.findings = {}
    assert context.load_findings(context.incident.credentials) == ([], list(context.incident.credentials))
