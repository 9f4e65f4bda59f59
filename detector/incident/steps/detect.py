"""Step detect: find the credentials in the leaked material."""

from __future__ import annotations

from detector.errors import SourceError, UsageError
from detector.incident import leaked_material
from detector.incident.context import Context
from detector.incident.leaked_material import MaterialResult
from detector.incident.model import Incident, LineKind, Note, Step, StepState


def detect(context: Context) -> None:
    """Read the leaked material and record every credential in it."""
    before = context.incident
    try:
        result = leaked_material.read_material(before.exposure, context.tools.jobs)
    except (SourceError, UsageError) as error:
        context.record_step(Step.DETECT, StepState.DONE if before.credentials else StepState.INCOMPLETE, str(error))
        return
    context.findings = {finding.fingerprint: finding for finding in result.findings}
    notes = [
        Note(LineKind.CREDENTIAL, one.fingerprint, leaked_material.describe_finding(one)) for one in result.findings
    ]
    unread = [skip for skip in result.skipped if not skip.expected]
    notes += [Note(LineKind.SKIPPED, skip.where, {"reason": skip.reason}) for skip in unread]
    changed = _list_changed_files(result, before)
    if not (before.credentials and changed):
        notes += result.material
    context.ledger.add_all(notes)
    why = ["not everything could be read"] if unread else []
    why += [f"changed since the incident was opened: {', '.join(changed)}"] if changed else []
    context.record_step(Step.DETECT, StepState.INCOMPLETE if unread else StepState.DONE, "; ".join(why))


def _list_changed_files(result: MaterialResult, before: Incident) -> list[str]:
    return [
        note.subject
        for note in result.material
        for line in before.lines
        if line.kind == LineKind.MATERIAL and line.subject == note.subject and line.facts != note.facts
    ]
