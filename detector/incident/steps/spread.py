"""Step spread: find the other locations of the same credentials in the inventory."""

from __future__ import annotations

from detector.incident.context import Context
from detector.incident.model import LineKind, Note, Step
from detector.model import Skipped


def spread(context: Context) -> None:
    """Sweep the inventory and record every location of the credentials."""
    unread = {context.record_skipped(found) for found in context.tools.fleet.sweep() if isinstance(found, Skipped)}
    record_locations(context)
    context.record_search(Step.SPREAD, unread)


def recheck_current_copies(context: Context) -> None:
    """Sweep the repositories with a copy at a branch head again: somebody may have removed it."""
    keys = {str(location["key"]) for location in context.incident.locations if location.get("at_head")}
    if keys:
        for found in context.tools.fleet.sweep(keys):
            if isinstance(found, Skipped):
                context.record_skipped(found)
    record_locations(context)


def record_locations(context: Context) -> None:
    """Record every location that the fleet knows, and which copies are no longer at a branch head."""
    incident = context.incident
    notes = []
    for at in context.tools.fleet.find_locations([one.fingerprint for one in incident.credentials]):
        subject = f"{at.fingerprint} {at.repository} {at.path}:{at.line}:{at.commit[:12]}"
        notes.append(Note(LineKind.LOCATION, subject, {**at._asdict(), "present": True}))
    known = {note.subject for note in notes}
    for line in incident.lines:
        if line.kind == LineKind.LOCATION and line.subject not in known and line.facts.get("at_head"):
            notes.append(Note(LineKind.LOCATION, line.subject, {**line.facts, "at_head": False}))
            known.add(line.subject)
    context.ledger.add_all(notes)
