"""Step prove: check that old credentials are dead, new ones are in place, and no branch contains a copy any more."""

from __future__ import annotations

from detector.errors import LeakfirstError
from detector.incident import events
from detector.incident.containment import load_local_plan, make_leak, record_times
from detector.incident.context import Context
from detector.incident.model import Credential, HoldKind, LineKind, Step, StepState
from detector.incident.steps import verify
from detector.incident.timeline import format_time
from detector.model import Finding, VerdictState
from rotators.core.model import ProofState, RunState

RUNBOOK = "runbook"
"""The rotator without API calls: it only guides a person."""

ENDED_BY_DEATH = (
    HoldKind.BY_HAND,
    HoldKind.APPROVE,
    HoldKind.STOPPED,
    HoldKind.GONE,
    HoldKind.FINAL,
    HoldKind.LIVE_AGAIN,
)
"""The holds that are released when the credential is found dead."""


def prove(context: Context, *, again: bool = True) -> None:
    """Check every live credential; without *again*, only those that are not proven dead.

    The rotator checks where it has acted, the provider is asked about the others.
    """
    chosen = [
        one
        for one in context.incident.live_credentials
        if again or (one.times.dead is None and not one.accepted) or _was_rolled_back(context, one)
    ]
    findings, gone = context.load_findings(chosen)
    values = {finding.fingerprint: finding for finding in findings}
    ask: list[Finding] = []
    for one in chosen:
        finding = values.get(one.fingerprint)
        if finding and not _check_rotation(context, one, finding):
            ask.append(finding)
    verify.ask_providers(context, ask)
    for finding in ask:
        one = context.incident.find_credential(finding.fingerprint)
        if one.verdict == VerdictState.DEAD:
            _record_dead(context, one, ProofState.DEAD, one.why)
        elif one.verdict == VerdictState.LIVE:
            _record_live_again(context, one, one.why)
    _update_fleet(context)
    _record_result(context, gone)


def _update_fleet(context: Context) -> None:
    reason, by = f"incident {context.ledger.incident_id}", context.ledger.by
    for one in context.incident.live_credentials:
        if one.times.dead is not None:
            context.tools.fleet.mark_ended(one.fingerprint, one.times.reissued is not None, reason, by)


def _record_result(context: Context, gone: list[Credential]) -> None:
    incident = context.incident
    unproven = [one for one in incident.live_credentials if one.times.dead is None and not one.accepted]
    copies = len(list(events.list_current_copies(incident)))
    why = [f"{len(unproven)} are not proven dead"] if unproven else []
    why += [f"{'1 copy is' if copies == 1 else f'{copies} copies are'} at a branch head"] if copies else []
    why += [f"{len(gone)} values cannot be read any more and were not checked"] if gone else []
    context.record_step(Step.PROVE, StepState.INCOMPLETE if why else StepState.DONE, "; ".join(why))


def _was_rolled_back(context: Context, one: Credential) -> bool:
    """Return whether somebody restored the old credential after it was dead."""
    if one.times.dead is None or one.accepted:
        return False
    plan = load_local_plan(context.tools.rotations, one)
    return plan is not None and context.tools.rotations.read_progress(plan).outcome == RunState.ROLLED_BACK


def _check_rotation(context: Context, one: Credential, finding: Finding) -> bool:
    """Let the rotator check what it has done; return whether it could tell."""
    rotations, ledger = context.tools.rotations, context.ledger
    plan = load_local_plan(rotations, one)
    if plan is None or one.rotator == RUNBOOK or not rotations.read_progress(plan).started:
        return False
    record_times(ledger, one.fingerprint, plan, rotations.list_entries(plan))
    if rotations.read_progress(plan).outcome in (RunState.FINISHED, RunState.ENDED) and one.hold:
        ledger.add(LineKind.HOLD, one.fingerprint, why="")
    try:
        standing = rotations.open_run(plan, make_leak(one, finding)).inspect()
    except LeakfirstError as error:
        ledger.add(LineKind.SKIPPED, f"proof of {one.name}", reason=str(error))
        return True
    lost = sorted(name for name, holds in standing.new.items() if holds is False)
    if lost:
        _hold(context, one, HoldKind.CHECK, f"{', '.join(lost)} does not contain the new value any more")
    if standing.old.state == ProofState.ALIVE:
        _record_live_again(context, one, standing.old.why)
    elif standing.old.state == ProofState.DEAD:
        _record_dead(context, one, ProofState.DEAD, standing.old.why)
    return standing.old.state != "unverifiable" or one.times.dead is not None


def _record_dead(context: Context, one: Credential, result: str, why: str) -> None:
    if one.times.dead is None:
        at = format_time(context.tools.clock.now())
        context.ledger.add(LineKind.DEAD, one.fingerprint, at=at, result=result, why=why)
        if one.hold.get("kind") in ENDED_BY_DEATH:
            context.ledger.add(LineKind.HOLD, one.fingerprint, why="")


def _record_live_again(context: Context, one: Credential, why: str) -> None:
    if one.times.dead is not None:
        context.ledger.add(LineKind.DEAD, one.fingerprint, at=None, result=ProofState.ALIVE, why=why)
        _hold(context, one, HoldKind.LIVE_AGAIN, f"it is live again: {why}" if why else "it is live again")


def _hold(context: Context, one: Credential, kind: HoldKind, why: str) -> None:
    command = f"leakfirst respond run contain {context.ledger.incident_id}"
    context.ledger.add(LineKind.HOLD, one.fingerprint, kind=kind, why=why, link=one.runbook, command=command)
