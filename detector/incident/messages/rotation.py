"""Notify the destinations that a rotation policy names (`notify_outcome`) of the outcome of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from detector.incident.messages.event import IncidentEvent, Link, Phase
from detector.incident.messages.outbox import DeliveryResult, DeliveryStore, Outbox, read_destinations
from rotators.core.model import Clock

if TYPE_CHECKING:
    from rotators.core.journalled_run import Outcome
    from rotators.core.model import RotationPlan

_PHASES = {
    "finished": Phase.CLOSED,
    "rolled-back": Phase.CLOSED,
    "waiting": Phase.CONTAINED,
    "needs-person": Phase.WAITING,
}


def build_event(plan: RotationPlan, outcome: Outcome) -> IncidentEvent:
    """Return the event for the outcome of a run."""
    facts = dict(plan.facts)
    identity = " ".join(facts[name] for name in ("account", "principal") if facts.get(name))
    return IncidentEvent(
        incident=f"rotation {plan.id[:12]}",
        phase=_PHASES.get(outcome.state, Phase.WAITING),
        summary=f"{plan.rule_id} of {identity}: {outcome.state} {outcome.step}".strip(),
        key=f"rotation/{plan.id}/{outcome.state}/{outcome.step}",
        lines=(*((outcome.why,) if outcome.why else ()), *(f"contained only in part: {why}" for why in outcome.failed)),
        links=(Link("status", f"leakfirst rotate status {plan.id[:12]}"),),
        urgent=outcome.state == "needs-person" or bool(outcome.failed),
    )


def notify_outcome(
    plan: RotationPlan,
    outcome: Outcome,
    operator: Mapping[str, Any],
    open_store: Callable[[], DeliveryStore],
    redact: Callable[[str], str],
) -> tuple[list[DeliveryResult], list[str]]:
    """Send to those of the plan's destinations that are configured; return the results and the unknown names."""
    destinations = read_destinations(operator)
    known = [name for name in plan.notify if name in destinations]
    unknown = [name for name in plan.notify if name not in destinations]
    if not known:
        return [], unknown
    outbox = Outbox(destinations, open_store(), Clock(time.time, time.sleep), redact)
    return outbox.send(build_event(plan, outcome), known), unknown
