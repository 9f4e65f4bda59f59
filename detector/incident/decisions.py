"""What people decide during an incident: take, approve, accept, close."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from detector.errors import RotationError, SourceError, UsageError
from detector.incident import events
from detector.incident.containment import load_local_plan, make_leak
from detector.incident.context import Context
from detector.incident.model import Credential, HoldKind, LineKind, Step
from detector.incident.steps.contain import contain, open_containment, record_result
from detector.incident.steps.notify import send_events
from detector.incident.steps.prove import prove
from detector.model import VerdictState
from detector.net.log_silencing import silence_client_logs
from rotators.core.planner import is_expired

if TYPE_CHECKING:
    from rotators.core.model import RotationPlan


def acknowledge(context: Context) -> None:
    """Record that somebody has taken the incident."""
    context.ledger.add(LineKind.ACKNOWLEDGED, "", taken=True)


def approve(context: Context, name: str, digest: str) -> None:
    """Approve the whole plan of a credential by the plan's digest, and carry it out."""
    one = context.incident.find_credential(name)
    plan = get_valid_plan(context, name)
    if plan.id != one.plan:
        command = f"leakfirst respond approve {context.ledger.incident_id} {plan.id[:12]}"
        raise RotationError(f"the plan had expired, or is on another machine, and was made again; read it: {command}")
    by = context.ledger.by
    context.tools.rotations.approve(plan, digest, by)
    context.ledger.add(LineKind.APPROVED, one.fingerprint, plan=plan.id, digest=plan.digest, scope="all", who=by)
    _resume(context, one, person_done=False)


def get_valid_plan(context: Context, name: str) -> RotationPlan:
    """Return the plan of a credential; one that expired before it was started is made again."""
    one = context.incident.find_credential(name)
    if not one.plan:
        raise UsageError(f"{one.name} has no plan yet; leakfirst respond run contain {context.ledger.incident_id}")
    plan = load_local_plan(context.tools.rotations, one)
    if plan is not None and _is_valid(context, plan):
        return plan
    findings, _ = context.load_findings([one])
    if not findings:
        raise SourceError(f"{one.name}: its plan cannot be used here, and its value cannot be read any more")
    with silence_client_logs(other_libraries=True), open_containment(context) as containment:
        return containment.renew_plan(one, make_leak(one, findings[0]))


def record_manual_step(context: Context, name: str) -> None:
    """Record that a person has done a manual step. Whether the credential is dead is checked, not assumed."""
    one = context.incident.find_credential(name)
    if one.hold.get("kind") != HoldKind.BY_HAND:
        raise UsageError(f"{one.name} does not wait for a manual step")
    by = context.ledger.by
    context.ledger.add(
        LineKind.APPROVED, one.fingerprint, plan=one.plan, digest=one.digest, scope="done by hand", who=by
    )
    rotations = context.tools.rotations
    plan = load_local_plan(rotations, one)
    if plan is not None and _is_valid(context, plan):
        if not rotations.read_progress(plan).approved:
            rotations.approve(plan, plan.digest, by)
        if not rotations.read_progress(plan).started:
            _resume(context, one, person_done=False)
        _resume(context, one, person_done=True)
    prove(context)


def accept(context: Context, names: Sequence[str], reason: str) -> None:
    """Record that nothing more will be done about some credentials, and why; about none if a name is unknown."""
    incident = context.incident
    for one in [incident.find_credential(name) for name in names]:
        context.ledger.add(LineKind.ACCEPTED, one.fingerprint, reason=reason, who=context.ledger.by)
    if context.has_run(Step.PROVE):
        prove(context, again=False)


def treat_as_live(context: Context, names: Sequence[str], reason: str) -> None:
    """Contain and replace credentials that no provider has confirmed, as if they were live.

    Raises `UsageError` for one that its provider rejects, or if a name is unknown; then nothing is done.
    """
    chosen = [context.incident.find_credential(name) for name in names]
    for one in chosen:
        if one.verdict == VerdictState.DEAD:
            raise UsageError(f"{one.name} is dead: its provider rejects it")
    for one in chosen:
        if not one.was_live:
            why = f"treated as live by {context.ledger.by}: {reason}"
            context.ledger.add(
                LineKind.VERDICT, one.fingerprint, state=VerdictState.LIVE, why=why, owner=one.provider_owner, facts={}
            )
    with silence_client_logs(other_libraries=True):
        contain(context)
    send_events(context)


def close(context: Context, reason: str) -> list[str]:
    """Close the incident unless something is left to do; return what is left."""
    incident = context.incident
    started = bool(incident.steps or incident.credentials)  # one that was only opened may be a drill
    left = [f"{step}: was never run" for step in Step if started and step != Step.NOTIFY and step not in incident.steps]
    left += [f"{task.what}: {task.why} ({task.owner or events.NO_OWNER})" for task in events.list_tasks(incident)]
    if not left:
        context.ledger.add(LineKind.CLOSED, "", reason=reason)
        send_events(context)
    return left


def _is_valid(context: Context, plan: RotationPlan) -> bool:
    """Return whether a plan can still be carried out: it was started, or has not expired."""
    return context.tools.rotations.read_progress(plan).started or not is_expired(plan, context.tools.clock)


def _resume(context: Context, one: Credential, *, person_done: bool) -> None:
    findings, _ = context.load_findings([one])
    if not findings:
        raise SourceError(f"{one.name}: its value cannot be read any more; revoke it at its provider")
    with silence_client_logs(other_libraries=True), open_containment(context) as containment:
        containment.resume(one, make_leak(one, findings[0]), person_done=person_done)
    record_result(context)
