"""The tests that a rotator or a store of any distribution has to pass, and a run that is killed everywhere.

What a provider knows decides, not what a rotator says: its world tells which values
work. `leakfirst.testing` is the public name of this module.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, NamedTuple

from detector.secret import Secret
from rotators.core import field_mapping, runs
from rotators.core.contracts import Rotator, Store
from rotators.core.executor import Executor
from rotators.core.journal import Journal, JournalEntry, JournalPhase, format_time
from rotators.core.journalled_run import Outcome
from rotators.core.locks import local_key
from rotators.core.model import Capability, Case, Clock, Leak, Overlap, ProofState, RotationPlan, StepKind, ValueSource
from rotators.core.planner import make_plan
from rotators.core.policy import Clause, Destination, Limits, Policy

RUN = "a" * 32
TOKEN = "11111111-2222-5333-8444-555555555555"  # noqa: S105 (the name of a pending value)
OLD, NEW = "canary-old-value", "canary-new-value"


def _skip(seconds: float) -> None:
    """Wait no time: the tests of a contract have no clock."""


class Time:
    """A clock that runs with the world's, and jumps ahead instead of sleeping."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        """Jump ahead."""
        self.slept.append(seconds)
        self.ahead += seconds

    @property
    def clock(self) -> Clock:
        """What the parts of a run are given."""
        return Clock(self.now, self.sleep)


class Operator:
    """What an operator does: plan, approve, apply, resume, undo, in one state folder."""

    def __init__(self, folder: str, policy: Policy, leak: Leak, time_: Time | None = None) -> None:
        self.folder, self.policy, self.leak = str(folder), policy, leak
        self.time = time_ or Time()
        self.key = local_key(self.folder)

    @property
    def journal(self) -> Journal:
        """The log of the folder."""
        return Journal(self.folder, self.key, self.time.clock)

    def plan(self, **options: Any) -> RotationPlan:
        """Make a plan and keep it."""
        plan = make_plan(self.leak, self.policy, self.folder, self.key, self.time.clock, **options)
        runs.save_plan(self.folder, plan)
        return plan

    def approve(self, plan: RotationPlan, scope: str = runs.ApprovalScope.ALL) -> None:
        """Approve *plan*."""
        self.journal.append(plan.id, runs.RunEvent.APPROVE, JournalPhase.DONE, {"digest": plan.digest, "scope": scope})

    def approved(self, **options: Any) -> RotationPlan:
        """Make a plan and approve it."""
        plan = self.plan(**options)
        self.approve(plan)
        return plan

    def run(self, plan: RotationPlan) -> Executor:
        """Return the run of *plan*, as another process would open it."""
        return Executor(plan, self.leak, self.policy, self.folder, self.key, self.time.clock)

    def finish(self, plan: RotationPlan) -> Outcome:
        """Go on, through every wait, until the run ends or stands still for another reason."""
        outcome = self.run(plan).apply()
        while outcome.state == "waiting":
            self.time.ahead += 7 * 86400
            outcome = self.run(plan).resume()
        return outcome

    def steps(self, plan: RotationPlan) -> list[str]:
        """Return what the log says of *plan*: step and phase."""
        return [f"{entry.step} {entry.phase}" for entry in self.journal.entries(plan.id)]


def make_policy(
    rotator: str,
    settings: Mapping[str, Any],
    destinations: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
    **clause: Any,
) -> Policy:
    """Return a policy that lets everything be done, into *destinations* (name: store and settings)."""
    places = {name: Destination(name, store, table) for name, (store, table) in (destinations or {}).items()}
    may = ("disable", "reissue", "delete") if places else ("disable", "delete")
    rule = Clause(**{"may": may, "destinations": tuple(places), **clause})
    return Policy((rule,), ("*",), Limits(acts_per_hour=10_000), places, {rotator: settings})


# -- the contract of a rotator --------------------------------------------------


class World(NamedTuple):
    """A leaked credential at a provider that a test plays or runs. `is_alive` asks that provider about a value.

    `main` is the field whose value `is_alive` knows.
    """

    leak: Leak
    settings: Mapping[str, Any]
    is_alive: Callable[[str], bool]
    main: str = "value"

    def case(self) -> Case:
        """Return what a rotator is given."""
        return Case(RUN, self.leak, self.settings, {}, Clock(time.time, _skip))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def check_rotator(rotator: Rotator, capability: Capability, world: World) -> None:
    """Raise `AssertionError` unless the rotator keeps its promises; everything is done twice, as after a crash."""
    leaked, handles = world.leak.secret.reveal().decode(), rotator.case.handles
    identity = rotator.identify()
    _require(identity == rotator.identify(), "identify does not repeat itself")
    _require(bool(identity.handle and identity.account), "identify names no handle or no account")
    handles["handle"] = identity.handle
    capability = rotator.narrow(capability)
    handles |= {f"before.{name}": value for name, value in rotator.preconditions().items()}
    before = {name[7:]: value for name, value in handles.items() if name.startswith("before.")}
    _require(rotator.preconditions() == before, "preconditions does not repeat itself")
    rotator.blast_radius()
    rotator.unprovable()
    rotator.used_since(0.0)
    _require(world.is_alive(leaked), "looking ended the credential")
    new = _check_create(rotator, capability, world, leaked) if capability.can_reissue else None
    rotator.promote()
    _require(new is None or world.is_alive(new), "the new credential does not work")
    if new is not None and capability.overlap == Overlap.NONE:
        return  # a plan has no further step
    _check_end(rotator, capability, world, leaked)
    _require(new is None or world.is_alive(new), "the new credential does not work in the end")


def _check_end(rotator: Rotator, capability: Capability, world: World, leaked: str) -> None:
    if capability.can_contain or capability.can_delete or capability.reversible_disable:
        _require(bool(rotator.calls(StepKind.DISABLE)), "the plan does not show what disable calls")
        for _ in range(2):
            rotator.case.handles.update(rotator.disable())
            _require(not world.is_alive(leaked), "disable did not end the credential")
    _require(rotator.verify_dead().state != ProofState.ALIVE, "verify_dead calls a dead credential alive")
    if capability.can_delete and capability.reversible_disable:
        for _ in range(2):
            rotator.delete()


def _check_create(rotator: Rotator, capability: Capability, world: World, leaked: str) -> str:
    if capability.value_source == ValueSource.PROVIDER:
        _require(bool(rotator.calls(StepKind.MINT)), "the plan does not show what create calls")
    rotator.preflight()
    ours = rotator.generate() if capability.value_source == ValueSource.CLIENT else {}
    handles = rotator.case.handles
    handles |= {"mint.started": format_time(time.time()), **rotator.before_create()}
    made = rotator.create(ours)
    values = ours or made.values
    _require(set(values) == set(rotator.fields), "create does not return the fields that it promises")
    hidden = [value.reveal().decode() for name, value in values.items() if name not in rotator.public]
    shown = any(value in text for value in hidden for text in made.handles.values())
    _require(not shown, "a handle holds a value")
    _require(rotator.verify_new(values).state != ProofState.DEAD, "verify_new calls the new credential dead")
    overlap = capability.overlap == Overlap.DUAL
    _require(world.is_alive(leaked) == overlap, "overlap is not what the capability says")
    handles.update(made.handles)
    return values[world.main].reveal().decode()


# -- the contract of a store ----------------------------------------------------


class Location(NamedTuple):
    """A destination that holds `OLD` in its field *value*: the settings of its store, and how its consumers read it."""

    settings: Mapping[str, Any]
    read: Callable[[], str]


def check_store(make: Callable[[Case], Store], place: Location) -> None:
    """Raise `AssertionError` unless the store keeps its promises at *place*."""
    leak = Leak("acme.key", "lf1:x", Secret(OLD.encode()))
    settings = field_mapping.complete_fields(place.settings, ("value",))
    store = make(Case(RUN, leak, settings, {}, Clock(lambda: 0.0, _skip)))
    new, old = {"value": Secret(NEW.encode())}, {"value": Secret(OLD.encode())}
    store.preflight()
    _require(place.read() == OLD, "preflight changed the destination")
    _require(store.read_back() in (None, old), "read_back does not give the current value")
    before = store.mark()
    if store.staged:
        _require(store.pending(TOKEN) is None, "there is a pending value that nobody stored")
        store.put_pending(TOKEN, new)
        _require(store.pending(TOKEN) == new, "the pending value is not given back")
        _require(place.read() == OLD, "a pending value is current already")
    for _ in range(2):  # every step may be repeated
        store.promote(TOKEN, new)
        _require(place.read() == NEW, "promote did not make the new value current")
    after = store.read_back()
    told = after == new or (after is None and store.mark() not in ("", before))
    _require(told, "nobody can tell that it was written")
    store.restore(TOKEN, old)
    _require(place.read() == OLD, "restore did not bring the old value back")
    for _ in range(2):
        store.settle(TOKEN)
    _require(place.read() == OLD, "settle changed the destination")
    _require(bool(store.calls(StepKind.PROMOTE)), "the plan does not show what promote calls")


# -- killed everywhere ------------------------------------------------------------


def killed_at(boundary: int, act: Callable[[], object]) -> bool:
    """Run *act* in a child that dies (SIGKILL) at a journal boundary; tell whether it came that far.

    Boundary 2n is right before the n-th line, 2n+1 right after it is on disk.
    """
    child = os.fork()
    if child == 0:
        try:
            lines = count()
            append = Journal.append

            def dying(self: Journal, *args: Any, **kwargs: Any) -> JournalEntry:
                n = next(lines)
                if 2 * n == boundary:
                    os.kill(os.getpid(), signal.SIGKILL)
                entry = append(self, *args, **kwargs)
                if 2 * n + 1 == boundary:
                    os.kill(os.getpid(), signal.SIGKILL)
                return entry

            Journal.append = dying  # type: ignore[method-assign]
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def check_kills(begin: Callable[[int], Operator], is_right: Callable[[Outcome], bool]) -> int:
    """Kill a run before and after each line of its log, let it go on, and return the number of kills.

    *begin* is given a number and makes a fresh world with an operator; *is_right* looks at that world
    once the run has ended. Raises `AssertionError` if a run does not end, or is not right.
    """
    for boundary in count():
        operator = begin(boundary)
        plan = operator.approved()
        survived = not killed_at(boundary, lambda: operator.finish(plan))  # noqa: B023 (called at once)
        outcome = operator.finish(plan) if not survived else Outcome(runs.get_state(operator.run(plan)._now))
        _require(is_right(outcome), f"killed at {boundary}, it ended as {outcome.state} {outcome.step} {outcome.why}")
        _require(operator.journal.check() == [], f"killed at {boundary}, the log does not verify")
        if survived:
            return boundary
    raise AssertionError("a run has an end")
