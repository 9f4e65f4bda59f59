"""What is told of an incident, and what waits for whom: pure functions of what is known.

An event's key holds what makes it news. As long as the numbers stay the same
the key does too, so telling again says nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from detector.incident.model import TOLD, Case, Credential, Task
from detector.incident.notify._event import IncidentEvent, Link, Phase
from detector.incident.settings import Settings
from detector.incident.timeline import left, text, warnings_due
from detector.text.numbers import format_count

NOBODY = "(nobody is named for it)"


def counts(case: Case) -> tuple[tuple[str, int], ...]:
    """Return the numbers of an incident."""
    live = case.live
    return (
        ("credentials", len(case.credentials)),
        ("live", len(live)),
        ("contained", sum(one.times.contained is not None or one.times.dead is not None for one in live)),
        ("replaced", sum(one.times.reissued is not None for one in live)),
        ("dead", sum(one.times.dead is not None for one in live)),
        ("waiting for a person", len(tasks(case))),
        ("other places", len(case.places)),
        ("dependent repositories", len({row["repository"] for row in case.dependents})),
    )


def tasks(case: Case) -> list[Task]:
    """Return what waits for a person, worst first."""
    found = [task for one in pressing(case.credentials) for task in _tasks_of(case, one)]
    for one, at in tips(case):
        what = f"{one.name} in {at['repository']} {at['path']}:{at['line']}"
        owner = str(at.get("owner") or one.owner)
        found.append(Task(one.fingerprint, what, "it stands at the tip of a branch: remove it", owner, case.due_at))
    return found


def pressing(credentials: Iterable[Credential]) -> list[Credential]:
    """Sort by how pressing they are: live and in the open, not known, ended but not replaced, done with."""

    def rank(one: Credential) -> int:
        if one.settled:
            return 3
        return 1 if not one.live else 2 if one.stopped else 0

    return sorted(credentials, key=rank)


def tips(case: Case) -> Iterator[tuple[Credential, Mapping[str, Any]]]:
    """Yield the copies that stand at a tip, but those of credentials that never worked or were accepted."""
    known = {one.fingerprint: one for one in case.credentials}
    for at in case.places:
        one = known.get(str(at["fingerprint"]))
        if at.get("tip") and one and not one.accepted and (one.live or one.verdict != "dead"):
            yield one, at


def _tasks_of(case: Case, one: Credential) -> Iterator[Task]:
    if one.settled:
        return
    still = "" if one.stopped or not one.live else "STILL LIVE: "
    what = f"{one.name} ({one.whose})" if one.whose else one.name
    if one.held:
        link, command = one.held.get("link", ""), one.held.get("command", "")
        yield Task(one.fingerprint, what, still + one.held["why"], one.owner, case.due_at, link, command)
    elif one.live and one.times.dead is None and case.steps.get("contain"):
        command = f"leakfirst respond run contain {case.id}"
        yield Task(one.fingerprint, what, f"{still}it is not proven dead", one.owner, case.due_at, one.runbook, command)
    elif not one.live and case.steps.get("verify"):
        command = f"leakfirst respond accept {case.id} {one.fingerprint[:16]} --reason WHY"
        why = f"nobody could say whether it is live ({one.why or 'not asked'}): find out, or accept it"
        yield Task(one.fingerprint, what, why, one.owner, case.due_at, one.runbook, command)


def events(case: Case, settings: Settings, now: float) -> Iterator[IncidentEvent]:
    """Yield everything that there is to tell of *case* now, oldest first."""
    numbers = dict(counts(case))

    def event(phase: Phase, summary: str, news: object, **more: object) -> IncidentEvent:
        key = f"{case.id}/{phase}/{_mark(news)}"
        made = IncidentEvent(case.id, phase, summary, key, counts(case), links=_links(case, settings), at=text(now))
        return made._replace(**more)  # type: ignore[arg-type]

    yield event(Phase.OPENED, f"{case.title}: something leaked; {left(case.due_at, now)}", "", urgent=True)._replace(
        counts=(), key=f"{case.id}/opened"
    )
    if case.steps.get("verify"):
        lines = tuple(f"{one.name}: {one.verdict}, {one.issuer_owner or 'owner unknown'}" for one in case.live)
        summary = f"{case.title}: {numbers['credentials']} credentials, {numbers['live']} of them live"
        yield event(Phase.CONFIRMED, summary, [one.fingerprint for one in case.live], lines=lines, urgent=True)
    if case.steps.get("contain"):
        lines = tuple(f"{one.name}: {one.times.phase}" for one in case.live)
        summary = f"{case.title}: {numbers['contained']} of {numbers['live']} live credentials are contained"
        yield event(Phase.CONTAINED, summary, lines, lines=lines)
    if case.acknowledged_by:
        yield event(Phase.ACKNOWLEDGED, f"{case.title}: {case.acknowledged_by} has taken it", case.acknowledged_by)
    if case.dependents:
        yield event(Phase.DEPENDENTS, _imported(case), sorted(_importers(case)), lines=tuple(_importers(case)))
    waiting = tasks(case)
    if case.steps.get("contain"):
        for owner in dict.fromkeys(task.owner or NOBODY for task in waiting):
            yield _work_list(case, owner, [task for task in waiting if (task.owner or NOBODY) == owner], settings, now)
        for owner in _owners_told(case):
            if case.status == "open" and not any((task.owner or NOBODY) == owner for task in waiting):
                yield _work_list(case, owner, [], settings, now)
    levels = warnings_due(case.found_at, case.due_at, now, settings.warnings) if case.status == "open" else ()
    if levels and waiting:
        lines = tuple(_line(task) for task in waiting)
        summary = f"{case.title}: {left(case.due_at, now)}, and people have {format_count(len(waiting), 'thing')} to do"
        yield event(Phase.ESCALATED, summary, levels[-1], lines=lines, urgent=True)
    if case.steps.get("prove", {}).get("state") == "done" and case.live:
        ends = [_end(one) for one in case.live]
        told = ", ".join(f"{ends.count(end)} {end}" for end in dict.fromkeys(ends))
        yield event(Phase.PROVEN, f"{case.title}: of {numbers['live']} live credentials {told}", ends)
    if case.status == "closed":
        yield event(Phase.CLOSED, f"{case.title}: closed, {case.closed_reason}", case.closed_reason)
        for owner in _owners_told(case):
            closed = event(Phase.CLOSED, f"{case.title}: closed, {case.closed_reason}", [owner, case.closed_reason])
            yield closed._replace(owner=owner, only_owner=True)


def _end(one: Credential) -> str:
    """Say how a live credential ended, claiming no more than somebody has seen."""
    if one.times.dead is None:
        return "accepted as they are"
    return "proven dead" if one.result in ("", "dead") else f"ended ({one.result})"


def _importers(case: Case) -> list[str]:
    """Return who imports the package, one line for each file that says so."""
    found = []
    for row in case.dependents:
        way = f" through {' > '.join(row['via'])}" if row.get("via") else ""
        found.append(f"{row['repository']} {row['path']}: {row['version']}{way}")
    return found


def _imported(case: Case) -> str:
    repositories = {row["repository"] for row in case.dependents}
    indirectly = repositories - {row["repository"] for row in case.dependents if row["direct"] is not False}
    many = "1 repository imports" if len(repositories) == 1 else f"{len(repositories)} repositories import"
    through = f", {len(indirectly)} of them only through another package" if indirectly else ""
    return f"{case.title}: {many} {case.exposure.package}{through}"


def _owners_told(case: Case) -> list[str]:
    """Return everybody who was ever given something to do."""
    told = [str(line.facts["owner"]) for line in case.lines if line.kind == TOLD and line.facts.get("owner")]
    return list(dict.fromkeys(told))


def _work_list(case: Case, owner: str, mine: list[Task], settings: Settings, now: float) -> IncidentEvent:
    lines = tuple(_line(task) for task in mine)
    work = f"{format_count(len(mine), 'thing')} to do for {owner}, until {case.due_at}"
    return IncidentEvent(
        case.id,
        Phase.WAITING,
        work if mine else f"nothing waits for {owner} any more",
        f"{case.id}/{Phase.WAITING}/{_mark([owner, *lines])}",
        owner=owner,
        lines=lines,
        links=_links(case, settings),
        at=text(now),
    )


def _line(task: Task) -> str:
    return " · ".join(part for part in (task.what, task.why, task.link, task.command) if part)


def _links(case: Case, settings: Settings) -> tuple[Link, ...]:
    runbook = (Link("runbook", settings.runbook),) if settings.runbook else ()
    return (*runbook, Link("status", f"leakfirst respond status {case.id}"), Link("log", f"head {case.head[:16]}"))


def _mark(news: object) -> str:
    spelled = news if isinstance(news, str | int) else list(news) if isinstance(news, Iterable) else news
    return hashlib.sha256(repr(spelled).encode("utf-8", "surrogatepass")).hexdigest()[:12]
