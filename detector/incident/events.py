"""The events and tasks of an incident: pure functions of its state.

The key of an event is a hash of its content. It stays the same as long as the content
does, so that nothing is sent twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from detector.incident.messages.event import IncidentEvent, Link, Phase
from detector.incident.model import Credential, Incident, LineKind, Step, StepState, Task
from detector.incident.settings import IncidentSettings
from detector.incident.timeline import format_time, format_time_left, list_due_warnings
from detector.model import VerdictState
from detector.text.numbers import format_count

NO_OWNER = "(no owner)"

# -- numbers and tasks -----------------------------------------------------------


def count_all(incident: Incident) -> tuple[tuple[str, int], ...]:
    """Return the counts of an incident with their display names."""
    live = incident.live_credentials
    return (
        ("credentials", len(incident.credentials)),
        ("live", len(live)),
        ("contained", sum(one.is_stopped for one in live)),
        ("replaced", sum(one.times.reissued is not None for one in live)),
        ("dead", sum(one.times.dead is not None for one in live)),
        ("waiting for a person", len(list_tasks(incident))),
        ("other locations", len(incident.locations)),
        ("dependent repositories", len({row["repository"] for row in incident.dependents})),
    )


def list_tasks(incident: Incident) -> list[Task]:
    """Return what waits for a person, the most urgent first."""
    found = [task for one in sort_by_urgency(incident.credentials) for task in _list_tasks_of(incident, one)]
    for one, location in list_current_copies(incident):
        what = f"{one.name} in {location['repository']} {location['path']}:{location['line']}"
        owner = str(location.get("owner") or one.owner)
        found.append(Task(one.fingerprint, what, "it is at a branch head: remove it", owner, incident.due_at))
    return found


def sort_by_urgency(credentials: Iterable[Credential]) -> list[Credential]:
    """Sort: live and not contained, unknown, contained but not settled, settled."""

    def rank(one: Credential) -> int:
        if one.is_settled:
            return 3
        return 1 if not one.was_live else 2 if one.is_stopped else 0

    return sorted(credentials, key=rank)


def list_current_copies(incident: Incident) -> Iterator[tuple[Credential, Mapping[str, Any]]]:
    """Yield the copies at branch heads, except of credentials that were never live or were accepted."""
    known = {one.fingerprint: one for one in incident.credentials}
    for location in incident.locations:
        one = known.get(str(location["fingerprint"]))
        if location.get("at_head") and one and not one.accepted and (one.was_live or one.verdict != VerdictState.DEAD):
            yield one, location


def _list_tasks_of(incident: Incident, one: Credential) -> Iterator[Task]:
    if one.is_settled:
        return
    prefix = "" if one.is_stopped or not one.was_live else "STILL LIVE: "
    what = f"{one.name} ({one.identity})" if one.identity else one.name
    if one.hold:
        link, command = one.hold.get("link", ""), one.hold.get("command", "")
        yield Task(one.fingerprint, what, prefix + one.hold["why"], one.owner, incident.due_at, link, command)
    elif one.was_live and one.times.dead is None and incident.steps.get(Step.CONTAIN):
        command = f"leakfirst respond run contain {incident.id}"
        why = f"{prefix}it is not proven dead"
        yield Task(one.fingerprint, what, why, one.owner, incident.due_at, one.runbook, command)
    elif not one.was_live and incident.steps.get(Step.VERIFY):
        command, otherwise = (
            f"leakfirst respond {action} {incident.id} {one.fingerprint[:16]} --reason WHY"
            for action in ("treat-as-live", "accept")
        )
        why = f"it is unknown whether it is live ({one.why or 'not verified'}): treat it as live, or accept it"
        yield Task(one.fingerprint, what, why, one.owner, incident.due_at, one.runbook, command, otherwise)


# -- events ----------------------------------------------------------------------


def build_events(incident: Incident, settings: IncidentSettings, now: float) -> Iterator[IncidentEvent]:
    """Yield every event of the incident in its present state, in the order of time."""
    context = _Context(incident, settings, now)
    yield from _build_progress(context)
    yield from _build_work_lists(context)
    yield from _build_escalation(context)
    yield from _build_end(context)


class _Context(NamedTuple):
    incident: Incident
    settings: IncidentSettings
    now: float

    def build(self, phase: Phase, summary: str, content: object, **more: Any) -> IncidentEvent:
        """Return an event of the whole incident; *content* is what its key depends on."""
        key = f"{self.incident.id}/{phase}/{_hash_content(content)}"
        event = IncidentEvent(
            incident=self.incident.id,
            phase=phase,
            summary=f"{self.incident.title}: {summary}",
            key=key,
            counts=count_all(self.incident),
            links=self.links,
            at=format_time(self.now),
        )
        return event._replace(**more)

    @property
    def links(self) -> tuple[Link, ...]:
        runbook = (Link("runbook", self.settings.runbook),) if self.settings.runbook else ()
        status = Link("status", f"leakfirst respond status {self.incident.id}")
        return (*runbook, status, Link("log", f"head {self.incident.head[:16]}"))


def _build_progress(context: _Context) -> Iterator[IncidentEvent]:
    incident, live = context.incident, context.incident.live_credentials
    numbers = dict(count_all(incident))
    opened = context.build(
        Phase.OPENED, f"a leak was reported; {format_time_left(incident.due_at, context.now)}", "", urgent=True
    )
    yield opened._replace(counts=(), key=f"{incident.id}/opened")
    if incident.steps.get(Step.VERIFY):
        lines = tuple(f"{one.name}: {one.verdict}, {one.provider_owner or 'owner unknown'}" for one in live)
        summary = f"{numbers['credentials']} credentials, {numbers['live']} of them live"
        content = [one.fingerprint for one in live]
        yield context.build(Phase.CONFIRMED, summary, content, lines=lines, urgent=True)
    if incident.steps.get(Step.CONTAIN):
        lines = tuple(f"{one.name}: {one.times.latest}" for one in live)
        summary = f"{numbers['contained']} of {numbers['live']} live credentials are contained"
        yield context.build(Phase.CONTAINED, summary, lines, lines=lines)
    if incident.acknowledged_by:
        summary = f"{incident.acknowledged_by} has taken it"
        yield context.build(Phase.ACKNOWLEDGED, summary, incident.acknowledged_by)
    if incident.dependents:
        importers = _describe_dependents(incident)
        summary = _summarize_dependents(incident)
        yield context.build(Phase.DEPENDENTS, summary, sorted(importers), lines=tuple(importers))


def _build_work_lists(context: _Context) -> Iterator[IncidentEvent]:
    """Yield one list for everybody with tasks, and an empty one for everybody who has finished theirs."""
    incident = context.incident
    if not incident.steps.get(Step.CONTAIN):
        return
    by_owner: dict[str, list[Task]] = {}
    for task in list_tasks(incident):
        by_owner.setdefault(task.owner or NO_OWNER, []).append(task)
    for owner, tasks in by_owner.items():
        yield _build_work_list(context, owner, tasks)
    if incident.status == "open":
        for owner in _list_notified_owners(incident):
            if owner not in by_owner:
                yield _build_work_list(context, owner, [])


def _build_escalation(context: _Context) -> Iterator[IncidentEvent]:
    incident, tasks = context.incident, list_tasks(context.incident)
    if incident.status != "open" or not tasks:
        return
    due = list_due_warnings(incident.found_at, incident.due_at, context.now, context.settings.warnings)
    if due:
        lines = tuple(_format_task(task) for task in tasks)
        time_left = format_time_left(incident.due_at, context.now)
        summary = f"{time_left}, and {format_count(len(tasks), 'task')} open"
        yield context.build(Phase.ESCALATED, summary, due[-1], lines=lines, urgent=True)


def _build_end(context: _Context) -> Iterator[IncidentEvent]:
    incident, live = context.incident, context.incident.live_credentials
    if incident.steps.get(Step.PROVE, {}).get("state") == StepState.DONE and live:
        ends = [_describe_end(one) for one in live]
        summary = ", ".join(f"{ends.count(end)} {end}" for end in dict.fromkeys(ends))
        yield context.build(Phase.PROVEN, f"of {len(live)} live credentials {summary}", ends)
    if incident.status == "closed":
        reason = incident.closed_reason
        yield context.build(Phase.CLOSED, f"closed, {reason}", reason)
        for owner in _list_notified_owners(incident):
            closed = context.build(Phase.CLOSED, f"closed, {reason}", [owner, reason])
            yield closed._replace(owner=owner, only_owner=True)


def _describe_end(one: Credential) -> str:
    """Return how a live credential ended; a result other than dead is named."""
    if one.times.dead is None:
        return "accepted as they are"
    return "proven dead" if one.result in ("", "dead") else f"ended ({one.result})"


def _describe_dependents(incident: Incident) -> list[str]:
    """Return one line for each file that depends on the package."""
    found = []
    for row in incident.dependents:
        via = f" via {' > '.join(row['via'])}" if row.get("via") else ""
        found.append(f"{row['repository']} {row['path']}: {row['version']}{via}")
    return found


def _summarize_dependents(incident: Incident) -> str:
    repositories = {row["repository"] for row in incident.dependents}
    indirect = repositories - {row["repository"] for row in incident.dependents if row["direct"] is not False}
    many = "1 repository depends" if len(repositories) == 1 else f"{len(repositories)} repositories depend"
    through = f", {len(indirect)} of them only indirectly" if indirect else ""
    return f"{many} on {incident.exposure.package}{through}"


def _list_notified_owners(incident: Incident) -> list[str]:
    """Return everybody who was ever sent a work list."""
    sent = (line for line in incident.lines if line.kind == LineKind.NOTIFIED and line.facts.get("owner"))
    return list(dict.fromkeys(str(line.facts["owner"]) for line in sent))


def _build_work_list(context: _Context, owner: str, tasks: list[Task]) -> IncidentEvent:
    incident = context.incident
    lines = tuple(_format_task(task) for task in tasks)
    work = f"{format_count(len(tasks), 'task')} for {owner}, due {incident.due_at}"
    return IncidentEvent(
        incident.id,
        Phase.WAITING,
        work if tasks else f"no more tasks for {owner}",
        f"{incident.id}/{Phase.WAITING}/{_hash_content([owner, *lines])}",
        owner=owner,
        lines=lines,
        links=context.links,
        at=format_time(context.now),
    )


def _format_task(task: Task) -> str:
    return " · ".join(part for part in (task.what, task.why, task.link, task.command) if part)


def _hash_content(content: object) -> str:
    plain = content if isinstance(content, str | int) else list(content) if isinstance(content, Iterable) else content
    return hashlib.sha256(repr(plain).encode("utf-8", "surrogatepass")).hexdigest()[:12]
