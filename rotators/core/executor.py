"""Carry a plan out: say what is intended, act, note what happened.

Every step looks before it acts, so a run that was killed anywhere goes on by
doing its next step again. Three rules keep a crash from becoming an outage:

* nothing is made before issuer and destinations have said that they will
  take it, and nothing is retired before the new value is proven and current;
* a value that the issuer made and a crash lost is ended and made anew, one
  that we made is taken from the destination and set again;
* once the new value may be current somewhere, it is never deleted unless the
  destinations have been read and say otherwise.

The first surprise stops the run. `resume` goes on, `undo` goes back.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from detector.errors import LeakfirstError, RotationError
from detector.net.log_silencing import silence_client_logs
from detector.secret import Secret
from rotators.core import catalogue, runs
from rotators.core.contracts import Store, Values
from rotators.core.journal import DONE, FAILED, INTEND, NOTE, UNDONE, Journal, seconds, stamp
from rotators.core.locks import only_run
from rotators.core.model import (
    ACTS,
    ALIVE,
    CONTAIN,
    DEAD,
    DELETE,
    DISABLE,
    DRAIN,
    GRACE,
    ISSUER,
    MINT,
    OURS,
    PERSON,
    PROMOTE,
    PROVE_DEAD,
    PROVE_GONE,
    PROVE_NEW,
    RECONCILE,
    STORE,
    TIDY,
    UNVERIFIABLE,
    Case,
    Clock,
    Leak,
    NotYet,
    Proof,
    RotationPlan,
    RotationStep,
    Surprise,
    Throttled,
)
from rotators.core.planner import describe, expired, open_stores, preconditions, values_mark
from rotators.core.policy import Policy
from rotators.core.scrubbing import scrub

T = TypeVar("T")

FINISHED = "finished"
ROLLED_BACK = "rolled-back"
WAITING = "waiting"
NEEDS_PERSON = "needs-person"

STEADY = 3
"""How often in a row a new credential must work: issuers spread it unevenly."""

LOST = {"attempt": "lost", "handles": "new_handle"}
"""Facts of the line that ends an attempt: the next one has another token."""

PAUSE = 2.0
"""Seconds between two looks."""


class Outcome(NamedTuple):
    """How far a call to `apply`, `resume` or `undo` brought the run."""

    state: str
    step: str = ""
    why: str = ""


class Standing(NamedTuple):
    """How things stand: is the old credential dead, and does each destination hold the new one (None: unreadable)?"""

    old: Proof
    new: Mapping[str, bool | None]


class Executor:
    """One run of one plan."""

    def __init__(self, plan: RotationPlan, leak: Leak, policy: Policy, folder: str, key: bytes, clock: Clock) -> None:
        self.plan = plan
        self.journal = Journal(folder, key, clock)
        self._policy, self._folder, self._key, self._clock = policy, folder, key, clock
        self._now = runs.progress(self.journal.entries(plan.id))
        self._before = {
            f"before.{name[7:]}": value for name, value in plan.preconditions.items() if name.startswith("issuer.")
        }
        self._before["handle"] = dict(plan.facts)["credential"]
        self._handles = {**self._before, **self._now.handles}
        case = Case(plan.id, leak, catalogue.settings_for(policy.rotators, plan.rotator), self._handles, clock)
        self._leak = leak
        self._rotator = catalogue.open_rotator(plan.rotator, case)
        self._stores = open_stores(plan.stores, self._rotator.fields, policy, case, folder, key)
        self._values: Values | None = None
        self._acts = 0

    # -- the verbs -----------------------------------------------------------

    def apply(self) -> Outcome:
        """Begin an approved plan, or go on with a begun one."""
        with only_run(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reread()
            self._approved()
            if not self._now.started:
                self._begin()
            return self._forward()

    def contain(self) -> Outcome:
        """Begin an approved plan, but do no more than stop the abuse; `apply` goes on from there."""
        with only_run(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reread()
            self._approved()
            if not self._now.started:
                self._begin()
            return self._forward(until=CONTAIN)

    def look(self) -> Standing:
        """Ask once whether the old credential is dead and the new one in place; nothing is changed or noted."""
        with silence_client_logs(other_libraries=True):
            try:
                proof = self._patiently(self._rotator.verify_dead)
                done = self._now.done
                promoted = [step.target for step in self.plan.steps if step.kind == PROMOTE and step.id in done]
                return Standing(proof, {name: self._holds_new(name) for name in promoted})
            except Exception as error:
                why = self._clean(error)
        raise RotationError(why)

    def resume(self, *, person_done: bool = False) -> Outcome:
        """Go on with a begun run; *person_done* says that the waiting step was done by hand."""
        with only_run(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reread()
            if not self._now.started:
                raise RotationError("this plan was never applied; use 'apply'")
            self._approved()
            return self._forward(person_done=person_done)

    def undo(self) -> Outcome:
        """Take back what was done, newest first, as long as nothing final was done."""
        with only_run(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reread()
            if self._now.outcome:
                raise RotationError(f"this run is {self._now.outcome} already")
            self._approved()
            final = [s for s in self.plan.steps if not s.reversible and s.id in self._now.begun]
            if final:
                raise RotationError(f"{final[-1].title!r} cannot be taken back; go on with 'resume'")
            for step in reversed(self.plan.steps):
                if step.id in self._now.begun | self._now.done:
                    self._guarded(step, lambda step=step: self._take_back(step))  # type: ignore[misc]
                    self._note(step.id, UNDONE, LOST if step.id == self._first_made() else None)
            self._note(runs.END, DONE, {"result": ROLLED_BACK})
            return Outcome(ROLLED_BACK)

    # -- beginning -----------------------------------------------------------

    def _approved(self) -> None:
        """Compare the plan with what was approved, every time: its file may change between two calls."""
        if not self._now.approved:
            raise RotationError(f"nobody has approved this plan: leakfirst rotate approve {self.plan.id[:12]}")
        if self._now.approved != self.plan.digest:
            raise RotationError("the plan changed after it was approved; approve it again")

    def _begin(self) -> None:
        plan = self.plan
        if self._now.outcome:
            raise RotationError(f"this run is {self._now.outcome} already")
        if expired(plan, self._clock):
            raise RotationError("the plan has expired; make a new one")
        if other := runs.open_run_of(self.journal, plan.lock, plan.id):
            raise RotationError(f"run {other[:12]} of this credential is still open; resume or undo it first")
        self._same_world()
        self._note(runs.BEGIN, NOTE, {"lock": plan.lock, "digest": plan.digest})

    def _same_world(self) -> None:
        why = ""
        try:
            found = preconditions(self._rotator, self._stores, self._key)
        except Exception as error:
            why = self._clean(error)
        if why:
            raise RotationError(f"cannot look at the present state: {why}")
        changed = sorted(
            name
            for name in found.keys() | self.plan.preconditions.keys()
            if found.get(name) != self.plan.preconditions.get(name)
        )
        if changed:
            raise Surprise(f"changed since the plan was made: {', '.join(changed)}; make a new plan")

    # -- going on ------------------------------------------------------------

    def _forward(self, *, person_done: bool = False, until: str = "") -> Outcome:
        if self._now.outcome:
            return Outcome(self._now.outcome)
        while step := self._next():
            if until and step.kind != until:
                return Outcome(WAITING, step.id, "the rest is still to be done")
            if step.kind == PERSON and not person_done:
                return self._stand(NEEDS_PERSON, step, f"{step.title} {step.link}".strip())
            if step.kind in (DRAIN, GRACE):
                waiting = self._wait(step)
                if waiting is not None:
                    return waiting
                continue
            if not step.reversible and self._now.scope != runs.ALL:
                return self._stand(NEEDS_PERSON, step, "final steps need an approval of their own")
            self._gate(step)
            self._guarded(step, lambda step=step: self._do(step))  # type: ignore[misc]
        self._note(runs.END, DONE, {"result": FINISHED})
        return Outcome(FINISHED)

    def _next(self) -> RotationStep | None:
        return next((step for step in self.plan.steps if step.id not in self._now.done), None)

    def _gate(self, step: RotationStep) -> None:
        limits = self._policy.limits
        if limits.stop_file and os.path.exists(limits.stop_file):
            raise RotationError(f"{limits.stop_file} exists: nothing acts until it is removed")
        if step.kind not in ACTS:
            return
        self._acts += 1
        if self._acts > limits.acts_per_run:
            raise RotationError(f"{limits.acts_per_run} acts in one run is the cap; look first, then resume")
        since = self._clock.now() - 3600
        lately = sum(
            entry.phase == INTEND and entry.step.partition(":")[0] in ACTS and seconds(entry.at) > since
            for entry in self.journal.entries()
        )
        if lately >= limits.acts_per_hour:
            raise RotationError(f"{limits.acts_per_hour} acts in one hour is the cap; resume later")

    def _wait(self, step: RotationStep) -> Outcome | None:
        if step.id not in self._now.begun:
            self._note(step.id, INTEND, {f"{step.kind}.until": stamp(self._clock.now() + step.wait)})
        until = self._handles[f"{step.kind}.until"]
        if self._clock.now() < seconds(until):
            return self._stand(WAITING, step, f"until {until}")
        since = max(self._clock.now() - step.wait, seconds(until) - step.wait)
        used: str = self._guarded(step, lambda: self._rotator.used_since(since))
        if used:
            return self._stand(NEEDS_PERSON, step, f"the old credential is still in use: {used}")
        self._note(step.id, DONE, {"result": "unused"})
        return None

    def _do(self, step: RotationStep) -> None:
        acts: Mapping[str, Callable[[RotationStep], None]] = {
            CONTAIN: lambda s: self._act(s, self._rotator.contain),
            MINT: self._mint if self.plan.protocol == ISSUER else self._set,
            STORE: self._store,
            PROVE_NEW: self._prove_new,
            PROMOTE: self._promote,
            TIDY: lambda s: self._act(s, lambda: self._stores[s.target].settle(self._token)),
            DISABLE: lambda s: self._act(s, self._rotator.disable),
            PROVE_DEAD: self._prove_dead,
            DELETE: lambda s: self._act(s, self._rotator.delete),
            PROVE_GONE: self._prove_dead,
            PERSON: lambda s: self._note(s.id, DONE, {"result": "done by hand"}),
        }
        acts[step.kind](step)

    def _act(self, step: RotationStep, act: Callable[[], Mapping[str, str]]) -> None:
        self._note(step.id, INTEND)
        self._note(step.id, DONE, self._patiently(act))

    # -- making and storing --------------------------------------------------

    @property
    def _token(self) -> str:
        """The pending value's name at the destinations: one per attempt."""
        return str(uuid.uuid5(uuid.UUID(self.plan.id), str(self._now.attempt)))

    def _preflight(self) -> None:
        for store in self._stores.values():
            self._patiently(store.preflight)
        self._patiently(self._rotator.preflight)

    def _mint(self, step: RotationStep) -> None:
        if step.id in self._now.begun:
            for stray in self._rotator.strays():
                self._note(step.id, NOTE, {"stray": stray})
                self._rotator.discard(stray)
        self._preflight()
        self._note(step.id, INTEND, {"mint.started": stamp(self._clock.now())})
        stored = self._any_broken_value()
        minted = self._patiently(
            lambda: self._rotator.create({}) if stored is None else self._rotator.reconcile(stored)
        )
        self._values = minted.values
        self._note(step.id, DONE, {**minted.handles, **self._marked(minted.values)})

    def _any_broken_value(self) -> Values | None:
        if self.plan.order != RECONCILE:
            return None
        found: dict[str, Secret] = {}
        for store in self._stores.values():
            found.update(store.read_back() or {})
        return found

    def _set(self, step: RotationStep) -> None:
        values = self._stored()
        if values is None:
            raise Surprise("the pending value is gone from the destinations; undo this run")
        if self._now.failures.get(step.id, 0) >= 2:
            self._drop_pending("the issuer refused the value twice")
            return
        self._note(step.id, INTEND, {"mint.started": stamp(self._clock.now())})
        minted = self._patiently(lambda: self._rotator.create(values))
        self._note(step.id, DONE, {**minted.handles, **self._marked(values)})

    def _store(self, step: RotationStep) -> None:
        store = self._stores[step.target]
        values = self._values or self._stored()
        if values is None and self.plan.protocol == OURS:
            self._preflight()
            values = self._rotator.generate()
        if values is None:
            self._rotator.discard(self._handles["new_handle"])
            self._drop_pending("the new value was lost before it was stored")
            return
        self._values = values
        self._note(step.id, INTEND)
        handles = self._patiently(lambda: store.put_pending(self._token, values))
        if not _same(store, store.pending(self._token), values):
            raise Surprise(f"{step.target} does not give the pending value back")
        self._note(step.id, DONE, handles)

    def _drop_pending(self, why: str) -> None:
        """Start the value over: the next attempt gets a fresh one under a fresh name."""
        self._values = None
        for store in self._stores.values():
            store.settle(self._token)
        back = [s for s in self.plan.steps if s.kind in (MINT, STORE) and s.id in self._now.begun]
        for step in reversed(back):
            lost = {**LOST, "why": why} if step.id == self._first_made() else None
            self._note(step.id, UNDONE, lost)

    def _first_made(self) -> str:
        return next((step.id for step in self.plan.steps if step.kind in (MINT, STORE)), "")

    def _stored(self) -> Values | None:
        """Return the new values, put together from what the destinations have pending."""
        found: dict[str, Secret] = {}
        for store in self._stores.values():
            found.update(store.pending(self._token) or {})
        return found if set(self._rotator.fields) <= set(found) else None

    def _marked(self, values: Values) -> dict[str, str]:
        """Return what later recognises *values* at each destination."""
        return {f"new_mark.{name}": values_mark(store.kept(values), self._key) for name, store in self._stores.items()}

    def _holds_new(self, name: str) -> bool | None:
        """Tell whether the destination *name* holds the new value; None when it cannot be read."""
        current = self._stores[name].read_back()
        if current is None:
            return None
        return values_mark(current, self._key) == self._handles.get(f"new_mark.{name}")

    # -- proving and promoting -----------------------------------------------

    def _prove_new(self, step: RotationStep) -> None:
        proof = Proof(UNVERIFIABLE)
        everything = self._values or self._stored()
        if everything is None:
            raise Surprise("the pending value is gone from the destinations; undo this run")
        for name, store in self._stores.items():
            values = store.pending(self._token)
            if values is None:
                raise Surprise(f"{name} has lost the pending value")
            proof = self._steadily({**everything, **values})
        self._note(step.id, DONE, {"result": proof.state, "why": proof.why})

    def _steadily(self, values: Values) -> Proof:
        deadline = self._clock.now() + self._policy.limits.proof_within
        good, why = 0, ""
        while True:
            try:
                proof = self._patiently(lambda: self._rotator.verify_new(values))
                why = proof.why
                if proof.state == UNVERIFIABLE:
                    return proof
                good = good + 1 if proof.state == ALIVE else 0
            except NotYet as error:
                good, why = 0, str(error)
            if good == STEADY:
                return proof
            if self._clock.now() > deadline:
                raise Surprise(f"the new credential does not work: {why}")
            self._clock.sleep(PAUSE)

    def _promote(self, step: RotationStep) -> None:
        store = self._stores[step.target]
        values = store.pending(self._token)
        if values is None:
            raise Surprise(f"{step.target} has lost the pending value")
        if not _same(store, store.read_back(), values):
            self._unedited(step, store)
            self._note(step.id, INTEND)
            try:
                handles = self._patiently(lambda: store.promote(self._token, values))
                found = store.read_back()
                if found is not None and not _same(store, found, values):
                    raise Surprise(f"{step.target} does not give the new value back")
            except Exception:
                if not _same(store, store.read_back(), values):
                    self._retreat()
                    raise
                handles = {}
        else:
            handles = {}
        if step == [s for s in self.plan.steps if s.kind == PROMOTE][-1]:
            handles = {**handles, **self._patiently(self._rotator.promote)}
        self._note(step.id, DONE, {**handles, f"promoted.{step.target}": stamp(self._clock.now())})

    def _unedited(self, step: RotationStep, store: Store) -> None:
        """Stop when somebody changed our fields after the plan; our own earlier write is fine."""
        if store.read_back() is None and step.id in self._now.begun:
            return
        name = f"destination.{step.target}"
        current = store.read_back()
        mark = f"mark:{store.mark()}" if current is None else values_mark(current, self._key)
        if mark != self.plan.preconditions.get(name):
            raise Surprise(f"somebody changed {step.target} meanwhile; undo this run and make a new plan")

    def _retreat(self) -> None:
        """Take the destinations that were already promoted back: all of them or none."""
        for step in reversed(self.plan.steps):
            if step.kind == PROMOTE and step.id in self._now.done:
                self._restore(step)
                self._note(step.id, UNDONE, {"why": "another destination could not be promoted"})

    # -- proving dead --------------------------------------------------------

    def _prove_dead(self, step: RotationStep) -> None:
        deadline = self._clock.now() + self._policy.limits.proof_within
        while True:
            proof = self._patiently(self._rotator.verify_dead)
            if proof.state in (DEAD, UNVERIFIABLE):
                break
            if self._clock.now() > deadline:
                raise Surprise(f"the old credential still works: {proof.why}")
            self._clock.sleep(PAUSE)
        self._note(step.id, DONE, {"result": proof.state, "why": proof.why})

    # -- going back ----------------------------------------------------------

    def _take_back(self, step: RotationStep) -> None:
        if step.kind in (CONTAIN, DISABLE):
            self._rotator.undo(step.kind)
        elif step.kind == PROMOTE:
            self._restore(step)
        elif step.kind == STORE:
            self._stores[step.target].settle(self._token)
        elif step.kind == MINT:
            self._unmint(step)

    def _restore(self, step: RotationStep) -> None:
        if self._holds_new(step.target) is not False:
            store = self._stores[step.target]
            store.restore(self._token, self._rotator.old_values())
            if self._holds_new(step.target):
                raise Surprise(f"{step.target} still holds the new value")

    def _unmint(self, step: RotationStep) -> None:
        if self.plan.protocol == OURS:
            self._rotator.undo(MINT)
            return
        for name in self._stores:
            if self._holds_new(name):
                raise Surprise(f"{name} still holds the new value; it is not deleted")
        made = self._handles.get("new_handle") if step.id in self._now.done else None
        for handle in (made,) if made else self._rotator.strays():
            self._rotator.discard(handle)

    # -- noting, stopping ----------------------------------------------------

    def _reread(self) -> None:
        self._now = runs.progress(self.journal.entries(self.plan.id))
        self._handles.clear()
        self._handles.update({**self._before, **self._now.handles})

    def _note(self, step: str, phase: str, facts: Mapping[str, str] | None = None) -> None:
        facts = dict(facts or {})
        for name, value in self._values.items() if self._values else ():
            plain = value.reveal().decode("utf-8", "replace")
            if name not in self._rotator.public and any(plain in text for text in facts.values()):
                raise AssertionError(f"a rotator put a value into the facts of {step}")
        self.journal.append(self.plan.id, step, phase, facts)
        self._reread()

    def _stand(self, state: str, step: RotationStep, why: str) -> Outcome:
        self._note(step.id, NOTE, {"state": state, "why": why})
        return Outcome(state, step.id, why)

    def _guarded(self, step: RotationStep, act: Callable[[], T]) -> T:
        try:
            return act()
        except Exception as error:
            why = self._clean(error)
            kind = type(error) if isinstance(error, RotationError) else RotationError
        # Raised out here, the new error has no context: the first one may quote a value.
        self._note(step.id, FAILED, {"why": why})
        raise RotationError(f"{step.id}: {why}") if kind is Throttled else kind(f"{step.id}: {why}")

    def _clean(self, error: Exception) -> str:
        text = str(error) if isinstance(error, LeakfirstError) else describe(error)
        fresh = tuple(self._values.values()) if self._values else ()
        return scrub(text, (*self._leak.values(), *fresh))

    def _patiently(self, act: Callable[[], T]) -> T:
        """Ask again when the issuer said "slower": it promised that nothing happened."""
        for wait in (1, 2, 4, 8, 16):
            try:
                return act()
            except Throttled as error:
                self._clock.sleep(max(wait, error.retry_after))
        return act()


def _same(store: Store, found: Values | None, values: Values) -> bool:
    """Tell whether *found* at *store* is what it should keep of *values*."""
    return found is not None and dict(store.kept(found)) == dict(store.kept(values))
