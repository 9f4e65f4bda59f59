"""What the journal says about one run: how far it came, and what it learnt."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from detector.errors import UsageError
from rotators.core.journal import Journal, JournalEntry, JournalPhase, write_private
from rotators.core.model import RotationPlan, RunState, parse_plan


class RunEvent(StrEnum):
    """Lines of the journal that belong to a run as a whole rather than to one of its steps."""

    APPROVE = "approve"
    BEGIN = "begin"
    UNDO = "undo"
    END = "end"


class ApprovalScope(StrEnum):
    """How far an approval goes."""

    ALL = "all"
    REVERSIBLE = "reversible"


REPORT_ONLY = frozenset({"why", "result", "handles"})
"""Facts for the reader of the log, which no later step needs."""


class Progress(NamedTuple):
    """A run so far, folded from its journal.

    `unresolved` are the steps whose last intention has no outcome: they may have acted, or not.
    """

    done: frozenset[str]
    begun: frozenset[str]
    unresolved: frozenset[str]
    handles: dict[str, str]
    attempt: int
    failures: dict[str, int]
    results: dict[str, tuple[str, str]]
    approved: str = ""
    scope: str = ""
    started: bool = False
    undoing: bool = False
    outcome: RunState | None = None
    last: JournalEntry | None = None


def read_progress(entries: Iterable[JournalEntry]) -> Progress:
    """Fold journal lines of one run into its present state."""
    done: set[str] = set()
    begun: set[str] = set()
    unresolved: set[str] = set()
    failures: dict[str, int] = {}
    results: dict[str, tuple[str, str]] = {}
    handles: dict[str, str] = {}
    attempt = 0
    of_run: dict[str, Any] = {}
    last = None
    for entry in entries:
        last = entry
        if entry.step in set(RunEvent):
            of_run |= _read_event(entry)
        elif entry.phase == JournalPhase.INTEND:
            _note_intent(entry, handles, begun)
            unresolved.add(entry.step)
        elif entry.phase == JournalPhase.NOTE and entry.facts.get("made") == "no":
            begun.discard(entry.step)
            unresolved.discard(entry.step)
        elif entry.phase == JournalPhase.DONE:
            done.add(entry.step)
            unresolved.discard(entry.step)
            failures.pop(entry.step, None)
            results[entry.step] = (entry.facts.get("result", ""), entry.facts.get("why", ""))
            handles |= {name: value for name, value in entry.facts.items() if name not in REPORT_ONLY}
        elif entry.phase == JournalPhase.FAILED:
            failures[entry.step] = failures.get(entry.step, 0) + 1
        elif entry.phase == JournalPhase.UNDONE:
            done.discard(entry.step)
            results.pop(entry.step, None)
            begun.discard(entry.step)
            unresolved.discard(entry.step)
            failures.pop(entry.step, None)
            attempt += entry.facts.get("attempt") == "lost"
            for name in entry.facts.get("handles", "").split():
                handles.pop(name, None)
    return Progress(
        frozenset(done),
        frozenset(begun),
        frozenset(unresolved),
        handles,
        attempt,
        failures,
        results,
        last=last,
        **of_run,
    )


def _read_event(entry: JournalEntry) -> dict[str, Any]:
    """Return the fields of `Progress` that a line about the whole run sets."""
    if entry.step == RunEvent.APPROVE:
        return {"approved": entry.facts["digest"], "scope": entry.facts["scope"]}
    if entry.step == RunEvent.END:
        return {"outcome": RunState(entry.facts["result"])}
    return {"started" if entry.step == RunEvent.BEGIN else "undoing": True}


def _note_intent(entry: JournalEntry, handles: dict[str, str], begun: set[str]) -> None:
    """Add the facts of an intention: what the first one saw stays, unless a step starts over with facts of its own."""
    own = entry.step.partition(":")[0] + "."
    for name, value in entry.facts.items():
        if entry.step not in begun and name.startswith(own):
            handles[name] = value
        else:
            handles.setdefault(name, value)
    begun.add(entry.step)


def save_plan(folder: str, plan: RotationPlan) -> str:
    """Write *plan* where `load_plan` finds it; return the path."""
    plans = os.path.join(folder, "plans")
    os.makedirs(plans, mode=0o700, exist_ok=True)
    path = os.path.join(plans, f"{plan.id}.json")
    write_private(path, json.dumps(plan.as_json(), indent=1).encode())
    return path


def load_plan(folder: str, name: str) -> RotationPlan:
    """Read a plan by its id, the beginning of its id, or the path of its file."""
    if os.path.isfile(name):
        path = name
    else:
        plans = os.path.join(folder, "plans")
        known = sorted(os.listdir(plans)) if os.path.isdir(plans) else []
        matching = [entry for entry in known if name and entry.startswith(name)]
        if len(matching) != 1:
            some = f"{len(matching)} plans start" if matching else "no plan starts"
            raise UsageError(f"{some} with {name!r}; see 'leakfirst rotate status'")
        path = os.path.join(plans, matching[0])
    with open(path, "rb") as file:
        try:
            data = json.loads(file.read())
        except ValueError:
            raise UsageError(f"{path} is no rotation plan") from None
    return parse_plan(data)


def list_plans(folder: str) -> list[RotationPlan]:
    """Return every plan made here, oldest first."""
    plans = os.path.join(folder, "plans")
    if not os.path.isdir(plans):
        return []
    found = [load_plan(folder, os.path.join(plans, name)) for name in os.listdir(plans) if name.endswith(".json")]
    return sorted(found, key=lambda plan: plan.created_at)


def find_open_run(journal: Journal, lock: str, besides: str) -> str | None:
    """Return the id of another run of the same credential that has begun and not ended."""
    open_runs: dict[str, None] = {}
    for entry in journal.entries():
        if entry.step == RunEvent.BEGIN and entry.facts.get("lock") == lock and entry.run != besides:
            open_runs[entry.run] = None
        elif entry.step == RunEvent.END:
            open_runs.pop(entry.run, None)
    return next(iter(open_runs), None)


def get_state(now: Progress) -> RunState:
    """Return the state of a run that has come as far as *now* says."""
    if now.outcome:
        return now.outcome
    if not now.started:
        return RunState.APPROVED if now.approved else RunState.PLANNED
    if now.last is not None and now.last.phase == JournalPhase.FAILED:
        return RunState.STOPPED
    if now.last is not None and now.last.phase == JournalPhase.NOTE:
        return RunState(now.last.facts.get("state", RunState.RUNNING))
    return RunState.RUNNING
