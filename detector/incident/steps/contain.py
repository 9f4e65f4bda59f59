"""Step contain: contain and replace the live credentials."""

from __future__ import annotations

from detector.incident.containment import Containment, load_local_plan
from detector.incident.context import Context
from detector.incident.model import Credential, HoldKind, Step, StepState

NEEDS_DECISION = (HoldKind.BY_HAND, HoldKind.APPROVE, HoldKind.FINAL)


def contain(context: Context) -> None:
    """Contain and replace what is live; hold what needs a person."""
    with open_containment(context) as containment:
        submit_known(context, containment)
    record_result(context)


def open_containment(context: Context) -> Containment:
    """Return the containment of this incident."""
    tools, incident = context.tools, context.incident
    return Containment(incident.id, context.ledger, tools.rotations, incident.exposure.order, tools.clock)


def submit_known(context: Context, containment: Containment) -> None:
    """Start or continue with the credentials that earlier runs found to be live."""
    pending = {one.fingerprint: one for one in context.incident.live_credentials if _can_continue(context, one)}
    findings, gone = context.load_findings(pending.values())
    for finding in findings:
        containment.submit(finding, pending[finding.fingerprint])
    for one in gone:
        why = "its value cannot be read any more: revoke it at its provider by name"
        containment.hold(one, HoldKind.GONE, why)


def record_result(context: Context) -> None:
    """Record the result of the step."""
    held = [one for one in context.incident.live_credentials if one.hold]
    why = f"{len(held)} waiting for a person" if held else ""
    context.record_step(Step.CONTAIN, StepState.WAITING if held else StepState.DONE, why)


def _can_continue(context: Context, one: Credential) -> bool:
    """Return whether a run could now do something that it has not done yet."""
    if one.accepted:
        return False
    hold = one.hold.get("kind")
    if not one.plan:
        return hold != HoldKind.BY_HAND
    from rotators.core.journal import JournalPhase, parse_time

    plan = load_local_plan(context.tools.rotations, one)
    if plan is None:
        return not one.is_settled and hold not in (HoldKind.BY_HAND, HoldKind.FINAL)
    progress = context.tools.rotations.read_progress(plan)
    if progress.outcome:
        return False
    last = progress.last
    if last is not None and last.phase == JournalPhase.NOTE and last.facts.get("state") == "waiting":
        until = last.facts.get("why", "").removeprefix("until ")
        return context.tools.clock.now() >= parse_time(until)
    if hold in NEEDS_DECISION:
        return bool(progress.approved) and progress.scope != "reversible" and hold != HoldKind.BY_HAND
    return True
