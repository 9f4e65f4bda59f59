"""Tell whom the rotation policy names (`tell`) how a run went, through the destinations of the operator's file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from detector.incident.notify._event import CLOSED, CONTAINED, WAITING, Event, Link
from detector.incident.notify._outbox import Memory, Outbox, Told, destinations
from rotators.core.model import Clock

if TYPE_CHECKING:
    from rotators.core.executor import Outcome
    from rotators.core.model import RotationPlan

_PHASES = {"finished": CLOSED, "rolled-back": CLOSED, "waiting": CONTAINED, "needs-person": WAITING}


def event_of(plan: RotationPlan, outcome: Outcome) -> Event:
    """Return what there is to tell of a run."""
    facts = dict(plan.facts)
    whose = " ".join(facts[name] for name in ("account", "principal") if facts.get(name))
    return Event(
        incident=f"rotation {plan.id[:12]}",
        phase=_PHASES.get(outcome.state, WAITING),
        summary=f"{plan.rule_id} of {whose}: {outcome.state} {outcome.step}".strip(),
        key=f"rotation/{plan.id}/{outcome.state}/{outcome.step}",
        lines=(outcome.why,) if outcome.why else (),
        links=(Link("status", f"leakfirst rotate status {plan.id[:12]}"),),
        urgent=outcome.state == "needs-person",
    )


def tell(
    plan: RotationPlan,
    outcome: Outcome,
    operator: Mapping[str, Any],
    memory: Callable[[], Memory],
    clean: Callable[[str], str],
) -> tuple[list[Told], list[str]]:
    """Tell those of the plan's names that the operator's file has; return what became of it, and the other names."""
    places = destinations(operator)
    known = [name for name in plan.tell if name in places]
    others = [name for name in plan.tell if name not in places]
    if not known:
        return [], others
    outbox = Outbox(places, memory(), Clock(time.time, time.sleep), clean)
    return outbox.tell(event_of(plan, outcome), known), others
