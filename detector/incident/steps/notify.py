"""Step notify: send every event that has not been sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from detector.incident import events
from detector.incident.context import Context
from detector.incident.model import LineKind, Step, StepState

if TYPE_CHECKING:
    from detector.incident.messages.event import Draft, IncidentEvent
    from detector.incident.messages.outbox import NotifyDestination


def notify(context: Context) -> None:
    """Send what has not been sent, and record the result of the step."""
    send_events(context)
    failed = sorted({result.destination for result in context.failed_deliveries})
    why = f"not reached: {', '.join(failed)}" if failed else ""
    context.record_step(Step.NOTIFY, StepState.INCOMPLETE if failed else StepState.DONE, why)


def send_events(context: Context, *, work_lists: bool = True) -> None:
    """Send what has not been sent. *work_lists* is False while the work lists still grow."""
    context.failed_deliveries = []
    for event in _build_events(context):
        if event.owner and not work_lists:
            continue
        for result in context.tools.outbox.send(event):
            if result.why:
                context.failed_deliveries.append(result)
            elif result.sent:
                facts = {"destination": result.destination, "phase": event.phase, "owner": event.owner}
                subject = f"{result.destination} {event.key}"
                context.ledger.add(LineKind.NOTIFIED, subject, **facts, summary=result.event.summary)


def preview_events(context: Context) -> Iterator[tuple[NotifyDestination, Draft]]:
    """Yield what `notify` would send now."""
    for event in _build_events(context):
        yield from context.tools.outbox.preview(event)


def _build_events(context: Context) -> Iterator[IncidentEvent]:
    return events.build_events(context.incident, context.tools.settings, context.tools.clock.now())
