"""What people decide: refused while it does not fit the state of the incident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.incident import decisions, events
from detector.incident.context import Context
from detector.incident.model import LineKind, Step
from detector.incident.response import run_all, run_step
from detector.model import VerdictState
from tests.detector.incident.running import TOKEN, opened


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    (tmp_path / "leaked.env").write_text(f"BITBUCKET={TOKEN}\n")
    with opened(tmp_path, [tmp_path / "leaked.env"]) as made:
        yield made


def test_who_takes_the_incident_is_recorded(context: Context) -> None:
    decisions.acknowledge(context)
    assert context.incident.acknowledged_by == "ada"


def test_nothing_is_accepted_if_one_name_is_unknown(context: Context) -> None:
    run_all(context)
    (credential,) = context.incident.credentials
    with pytest.raises(UsageError, match="no credential of"):
        decisions.accept(context, [credential.fingerprint, "zzz"], "a sample")
    assert not context.incident.credentials[0].accepted
    decisions.accept(context, [credential.fingerprint], "a sample")
    assert context.incident.credentials[0].accepted == "a sample"
    assert decisions.close(context, "samples") == []
    assert context.incident.status == "closed"


def test_an_incident_with_missing_steps_cannot_be_closed(context: Context) -> None:
    run_step(context, Step.DETECT)
    left = decisions.close(context, "done")
    assert "verify: was never run" in left and context.incident.status == "open"


def test_an_incident_that_was_only_opened_can_be_closed(context: Context) -> None:
    assert decisions.close(context, "drill") == []
    assert context.incident.closed_reason == "drill"


def test_a_credential_without_a_plan_cannot_be_approved(context: Context) -> None:
    run_step(context, Step.DETECT)
    (credential,) = context.incident.credentials
    with pytest.raises(UsageError, match="has no plan yet; leakfirst respond run contain"):
        decisions.approve(context, credential.fingerprint, "0" * 16)
    with pytest.raises(UsageError, match="does not wait for a manual step"):
        decisions.record_manual_step(context, credential.fingerprint)
    assert not [line for line in context.incident.lines if line.kind == LineKind.APPROVED]


def test_what_cannot_be_verified_is_treated_as_live_and_waits_to_be_ended(context: Context) -> None:
    run_all(context)
    (credential,) = context.incident.credentials
    assert not credential.was_live
    decisions.treat_as_live(context, [credential.fingerprint], "it opened the wiki yesterday")
    (credential,) = context.incident.credentials
    assert credential.was_live and not credential.is_settled
    assert credential.why == "treated as live by ada: it opened the wiki yesterday"
    (task,) = events.list_tasks(context.incident)
    assert task.why.startswith("STILL LIVE") and " accept " not in task.command
    assert decisions.close(context, "done") != []


def test_a_credential_that_its_provider_rejects_is_not_treated_as_live(context: Context) -> None:
    run_all(context)
    (credential,) = context.incident.credentials
    facts = {"state": VerdictState.DEAD, "why": "HTTP 401", "owner": "", "facts": {}}
    context.ledger.add(LineKind.VERDICT, credential.fingerprint, **facts)
    with pytest.raises(UsageError, match="is dead: its provider rejects it"):
        decisions.treat_as_live(context, [credential.fingerprint], "a feeling")
