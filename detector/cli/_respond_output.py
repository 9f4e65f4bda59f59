"""The output of `leakfirst respond`: the status as text and as JSON, and the exit code."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from detector.errors import ExitCode

if TYPE_CHECKING:
    from detector.cli._respond_session import Session
    from detector.incident.context import Context
    from detector.incident.model import Incident, Task

FILE_OPTIONS = ("state", "config", "policy", "rotations", "clones")


def show_incident(session: Session, incident: Incident, args: argparse.Namespace) -> ExitCode:
    """Print the state of an incident, its steps and its open tasks; return the exit code."""
    from detector.incident import events
    from detector.incident.model import Step
    from detector.incident.timeline import format_time_left

    if args.json:
        print(json.dumps(to_json(incident)))
        return choose_exit_code(incident)
    is_open = incident.status == "open"
    rest = format_time_left(incident.due_at, session.clock.now()) if is_open else incident.closed_reason
    print(escape_lines(f"{incident.id}  {incident.title}  {incident.status}, {rest}"))
    print(escape_lines("  " + ", ".join(f"{name} {number}" for name, number in events.count_all(incident))))
    for name in Step:
        step = incident.steps.get(name, {"state": "to do"})
        print(escape_lines(f"  {name:11} {step['state']:11} {step.get('why', '')}".rstrip()))
    tasks = events.list_tasks(incident)
    for owner in dict.fromkeys(task.owner for task in tasks):
        print(escape_lines(f"\n  for {owner or events.NO_OWNER}:"))
        _show_tasks(incident, [task for task in tasks if task.owner == owner], args)
    return choose_exit_code(incident)


def show_contained(incident: Incident, args: argparse.Namespace) -> None:
    """Print on standard error what waits for a person, before the other repositories are searched."""
    from detector.incident import events

    live = incident.live_credentials
    stopped = sum(one.is_stopped for one in live)
    options = format_file_options(args)
    print(f"leakfirst: {stopped} of {len(live)} live credentials are contained", file=sys.stderr)
    for task in events.list_tasks(incident):
        command = f": {task.command}{options}" if task.command else ""
        owner = task.owner or events.NO_OWNER
        print(escape_lines(f"leakfirst: for {owner}: {task.what}: {task.why}{command}"), file=sys.stderr)


def _show_tasks(incident: Incident, tasks: Sequence[Task], args: argparse.Namespace) -> None:
    """Print the tasks of one owner, those with the same reason together."""
    options = format_file_options(args)
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.why, task.link), []).append(task)
    for (why, link), group in groups.items():
        print(escape_lines(f"    {why}{f'  {link}' if link else ''}"))
        combined = _combine_commands(incident, group)
        for task in group:
            print(escape_lines(f"      {task.what}"))
            if task.command and not combined:
                print(escape_lines(f"        {task.command}{options}"))
            if task.otherwise and not combined:
                print(escape_lines(f"        or {task.otherwise}{options}"))
        for number, line in enumerate(combined):
            print(escape_lines(f"        {'or ' if number else ''}{line}{options}"))


def _combine_commands(incident: Incident, tasks: Sequence[Task]) -> list[str]:
    """Return the commands that replace those of all *tasks*, or none."""
    if len(tasks) < 2 or not all(" treat-as-live " in task.command for task in tasks):
        return []
    names = " ".join(task.subject[:16] for task in tasks)
    return [f"leakfirst respond {action} {incident.id} {names} --reason WHY" for action in ("treat-as-live", "accept")]


def show_failed_deliveries(context: Context) -> None:
    """Print one line on standard error for each destination that did not accept a message."""
    for result in context.failed_deliveries:
        print(escape_lines(f"leakfirst: {result.destination} was not notified: {result.why}"), file=sys.stderr)


def format_file_options(args: argparse.Namespace) -> str:
    """Return the files and folders that the user named, to be appended to a command that is shown."""
    named = ((name, getattr(args, name)) for name in FILE_OPTIONS)
    return "".join(f" --{name} {shlex.quote(value)}" for name, value in named if value)


def to_json(incident: Incident) -> dict[str, Any]:
    """Return the state of an incident as plain JSON data."""
    from detector.incident import events

    return {
        "schema": "leakfirst/incident/1",
        "incident": incident.id,
        "title": incident.title,
        "status": incident.status,
        "opened": incident.opened_at,
        "found": incident.found_at,
        "due": incident.due_at,
        "counts": dict(events.count_all(incident)),
        "steps": {name: dict(step) for name, step in incident.steps.items()},
        "credentials": [
            {
                "fingerprint": one.fingerprint,
                "rule": one.rule,
                "redacted": one.redacted,
                "verdict": one.verdict,
                "live": one.was_live,
                "owner": one.owner,
                "identity": one.identity,
                "plan": one.plan,
                "digest": one.digest,
                "hold": dict(one.hold),
                "settled": one.is_settled,
                "times": one.times._asdict(),
            }
            for one in incident.credentials
        ],
        "tasks": [task._asdict() for task in events.list_tasks(incident)],
        "locations": [dict(location) for location in incident.locations],
        "dependents": [dict(row) for row in incident.dependents],
        "scanned": {name: dict(row) for name, row in incident.scanned.items()},
        "skipped": [list(skip) for skip in incident.skipped],
        "head": incident.head,
    }


def choose_exit_code(incident: Incident) -> ExitCode:
    """Return the exit code for the state of an incident."""
    from detector.incident import events
    from detector.incident.model import StepState

    if events.list_tasks(incident):
        return ExitCode.NEEDS_PERSON
    if incident.status == "closed":
        return ExitCode.CLEAN
    states = {step["state"] for step in incident.steps.values()}
    return ExitCode.INCOMPLETE if StepState.INCOMPLETE in states else ExitCode.CLEAN


def escape_lines(text: str) -> str:
    """Return *text* with the control characters of each line escaped: it may contain untrusted names."""
    from detector.text.untrusted import make_printable

    return "\n".join(make_printable(line) for line in text.split("\n"))
