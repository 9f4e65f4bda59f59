"""What the journal says about one run: how far it came, and what it learnt."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from detector.errors import UsageError
from rotators.core.journal import DONE, FAILED, INTEND, NOTE, UNDONE, Entry, Journal, write_private
from rotators.core.model import RotationPlan, plan_from_json

APPROVE = "approve"
BEGIN = "begin"
END = "end"

ALL = "all"
REVERSIBLE = "reversible"

TOLD = frozenset({"why", "result", "handles"})
"""Facts for the reader of the log, which no later step needs."""


class Progress(NamedTuple):
    """A run so far, folded from its journal."""

    done: frozenset[str]
    begun: frozenset[str]
    handles: dict[str, str]
    attempt: int
    failures: dict[str, int]
    approved: str = ""
    scope: str = ""
    started: bool = False
    outcome: str = ""
    last: Entry | None = None


def progress(entries: Iterable[Entry]) -> Progress:
    """Fold journal lines of one run into its present state."""
    done: set[str] = set()
    begun: set[str] = set()
    failures: dict[str, int] = {}
    handles: dict[str, str] = {}
    attempt = 0
    approved = scope = outcome = ""
    started = False
    last = None
    for entry in entries:
        last = entry
        if entry.step == APPROVE:
            approved, scope = entry.facts["digest"], entry.facts["scope"]
        elif entry.step == BEGIN:
            started = True
        elif entry.step == END:
            outcome = entry.facts["result"]
        elif entry.phase == INTEND:
            begun.add(entry.step)
            for name, value in entry.facts.items():
                handles.setdefault(name, value)
        elif entry.phase == DONE:
            done.add(entry.step)
            failures.pop(entry.step, None)
            handles |= {name: value for name, value in entry.facts.items() if name not in TOLD}
        elif entry.phase == FAILED:
            failures[entry.step] = failures.get(entry.step, 0) + 1
        elif entry.phase == UNDONE:
            done.discard(entry.step)
            begun.discard(entry.step)
            failures.pop(entry.step, None)
            attempt += entry.facts.get("attempt") == "lost"
            for name in entry.facts.get("handles", "").split():
                handles.pop(name, None)
    return Progress(
        frozenset(done), frozenset(begun), handles, attempt, failures, approved, scope, started, outcome, last
    )


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
    return plan_from_json(data)


def list_plans(folder: str) -> list[RotationPlan]:
    """Return every plan made here, oldest first."""
    plans = os.path.join(folder, "plans")
    if not os.path.isdir(plans):
        return []
    found = [load_plan(folder, os.path.join(plans, name)) for name in os.listdir(plans) if name.endswith(".json")]
    return sorted(found, key=lambda plan: plan.created_at)


def open_run_of(journal: Journal, lock: str, besides: str) -> str | None:
    """Return the id of another run of the same credential that has begun and not ended."""
    open_runs: dict[str, None] = {}
    for entry in journal.entries():
        if entry.step == BEGIN and entry.facts.get("lock") == lock and entry.run != besides:
            open_runs[entry.run] = None
        elif entry.step == END:
            open_runs.pop(entry.run, None)
    return next(iter(open_runs), None)


def state(now: Progress) -> str:
    """Return one word for a run: planned, approved, running, stopped, waiting, person, or its outcome."""
    if now.outcome:
        return now.outcome
    if not now.started:
        return "approved" if now.approved else "planned"
    if now.last is not None and now.last.phase == FAILED:
        return "stopped"
    if now.last is not None and now.last.phase == NOTE:
        return now.last.facts.get("state", "running")
    return "running"
