"""Carry a plan out: say what is intended, act, note what happened.

Every step looks before it acts, so a run that was killed anywhere goes on by
doing its next step again. Three rules keep a crash from becoming an outage:

* nothing is made before provider and destinations have said that they will
  take it, and nothing is retired before the new value is proven and current;
* a value that the provider made and a crash lost is ended and made anew, one
  that we made is taken from the destination and set again;
* once the new value may be current somewhere, it is never deleted unless the
  destinations have been read and say otherwise.

The first surprise stops the run. `resume` goes on, `undo` goes back.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple

from detector.errors import RotationError
from detector.net.log_silencing import silence_client_logs
from detector.secret import Secret
from rotators.core import runs
from rotators.core.contracts import Store, Values
from rotators.core.journal import JournalPhase, format_time, parse_time
from rotators.core.journalled_run import JournalledRun, Outcome
from rotators.core.locks import hold_run_lock
from rotators.core.model import (
    ACTS,
    NewCredential,
    NotKnownYet,
    NotPropagated,
    Order,
    Proof,
    ProofState,
    RateLimited,
    Refused,
    RotationStep,
    RunState,
    StepKind,
    UnexpectedState,
    ValueSource,
)
from rotators.core.planner import collect_preconditions, digest_values, is_expired

PROOFS_IN_A_ROW = 3
"""How often in a row a new credential must work: providers spread it unevenly."""

ATTEMPT_LOST = {"attempt": "lost", "handles": "new_handle"}
"""Facts of the line that ends an attempt: the next one has another token."""

CHANGES = "changes"
"""The line that says that a person has seen what changed since the plan."""

LEFT_OUT = "left out"
"""The result of a measure that failed, and that a person goes on without."""

PAUSE = 2.0
"""Seconds between two looks."""


class CurrentState(NamedTuple):
    """How things stand: is the old credential dead, and does each destination hold the new one (None: unreadable)?"""

    old: Proof
    new: Mapping[str, bool | None]


class Executor(JournalledRun):
    """One run of one plan."""

    # -- the verbs -----------------------------------------------------------

    def apply(self) -> Outcome:
        """Begin an approved plan, or go on with a begun one."""
        with hold_run_lock(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reload()
            self._check_approval()
            if not self._now.started:
                self._begin()
            return self._run_steps()

    def contain(self) -> Outcome:
        """Begin an approved plan, but do no more than stop the abuse; `apply` goes on from there."""
        with hold_run_lock(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reload()
            self._check_approval()
            if not self._now.started:
                self._begin()
            return self._run_steps(until=StepKind.CONTAIN)

    def inspect(self) -> CurrentState:
        """Ask once whether the old credential is dead and the new one in place; nothing is changed or noted."""
        with silence_client_logs(other_libraries=True):
            try:
                proof = self._retry_when_limited(self._rotator.verify_dead)
                done = self._now.done
                promoted = [
                    step.target for step in self.plan.steps if step.kind == StepKind.PROMOTE and step.id in done
                ]
                return CurrentState(proof, {name: self._holds_new(name) for name in promoted})
            except Exception as error:
                why = self._scrub_error(error)
        raise RotationError(why)

    def resume(self, *, person_done: bool = False) -> Outcome:
        """Go on with a begun run; *person_done* says that the waiting step was done by hand."""
        with hold_run_lock(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reload()
            if not self._now.started:
                raise RotationError("this plan was never applied; use 'apply'")
            self._check_approval()
            return self._run_steps(person_done=person_done)

    def undo(self) -> Outcome:
        """Take back what was done, newest first, as long as nothing final was done.

        A measure that cannot be lifted does not keep the others in place; the run stays open until all are lifted.
        """
        with hold_run_lock(self._folder, self.plan.lock), silence_client_logs(other_libraries=True):
            self._reload()
            if self._now.outcome:
                raise RotationError(f"this run is {self._now.outcome} already")
            self._check_approval()
            self._check_destinations()
            final = [s for s in self.plan.steps if not s.reversible and s.id in self._now.begun]
            if final:
                raise RotationError(f"{final[-1].title!r} cannot be taken back; go on with 'resume'")
            left: list[str] = []
            for step in reversed(self.plan.steps):
                if step.id not in self._now.begun | self._now.done:
                    continue
                try:
                    self._run_guarded(step, lambda step=step: self._undo_step(step))  # type: ignore[misc]
                except RotationError as error:
                    if not _is_measure(step):
                        raise
                    left.append(str(error))
                    continue
                lost = ATTEMPT_LOST if step.id == self._first_created_step() else None
                self._record(step.id, JournalPhase.UNDONE, lost)
            if left:
                raise RotationError(f"not everything is taken back: {'; '.join(left)}{self._describe_now()}")
            self._record(runs.RunEvent.END, JournalPhase.DONE, {"result": RunState.ROLLED_BACK})
            return Outcome(RunState.ROLLED_BACK)

    # -- beginning -----------------------------------------------------------

    def _begin(self) -> None:
        plan = self.plan
        if self._now.outcome:
            raise RotationError(f"this run is {self._now.outcome} already")
        if is_expired(plan, self._clock):
            raise RotationError("the plan has expired; make a new one")
        if other := runs.find_open_run(self.journal, plan.lock, plan.id):
            raise RotationError(f"run {other[:12]} of this credential is still open; resume or undo it first")
        changed = self._find_changes()
        if blocking := self._find_blocking(changed):
            raise UnexpectedState(f"changed since the plan was made: {', '.join(blocking)}; make a new plan")
        facts = {"lock": plan.lock, "digest": plan.digest}
        self._record(runs.RunEvent.BEGIN, JournalPhase.NOTE, facts | ({"why": ", ".join(changed)} if changed else {}))

    def _find_blocking(self, changed: list[str]) -> list[str]:
        """Return what of *changed* forbids to begin: to contain, it has to be the same credential, and no more."""
        known = self._rotator.identifying
        if known is None or not any(step.kind == StepKind.CONTAIN for step in self.plan.steps):
            return changed
        return [name for name in changed if name.removeprefix("provider.") in known]

    def _find_changes(self) -> list[str]:
        """Return the names of the plan's facts that are different now."""
        why = ""
        try:
            found = collect_preconditions(self._rotator, self._stores, self._key)
        except Exception as error:
            why = self._scrub_error(error)
        if why:
            raise RotationError(f"cannot look at the present state: {why}")
        return sorted(
            name
            for name in found.keys() | self.plan.preconditions.keys()
            if found.get(name) != self.plan.preconditions.get(name)
        )

    # -- going on ------------------------------------------------------------

    def _run_steps(self, *, person_done: bool = False, until: str = "") -> Outcome:
        if self._now.outcome:
            return Outcome(self._now.outcome)
        self._failed, self._person_done = {}, person_done
        while step := self._next_step():
            if halted := self._halt_before(step, until):
                return halted
            if step.id in self._now.done:
                continue
            self._check_limits(step)
            try:
                self._run_guarded(step, lambda step=step: self._run_step(step))  # type: ignore[misc]
            except NotKnownYet as error:
                return self._halt(RunState.WAITING, step, f"until {format_time(self._clock.now() + error.seconds)}")
            except RotationError as error:
                if not _is_measure(step):
                    raise
                self._failed[step.id] = str(error)
        if halted := self._halt_if_partly(None):
            return halted
        self._record(runs.RunEvent.END, JournalPhase.DONE, {"result": RunState.FINISHED})
        return Outcome(RunState.FINISHED)

    def _next_step(self) -> RotationStep | None:
        settled = self._now.done | self._failed.keys()
        return next((step for step in self.plan.steps if step.id not in settled), None)

    def _take_word(self) -> bool:
        """Tell whether a person has said that the waiting step is done; the word holds for one step."""
        said, self._person_done = self._person_done, False
        return said

    def _halt_if_partly(self, step: RotationStep | None) -> Outcome | None:
        """Stand still after the last of several measures if one failed; raise if the credential still works for it."""
        failed = [one for one in self.plan.steps if one.id in self._failed and (step is None or one.kind != step.kind)]
        if not failed:
            return None
        why = "; ".join(self._failed[one.id] for one in failed)
        if any(not one.best_effort for one in failed):
            raise RotationError(f"the leaked credential is still open: {why}{self._describe_now()}")
        if not self._take_word():
            told = f"contained only in part: resume tries again, resume --done goes on without{self._describe_now()}"
            return self._halt(RunState.NEEDS_PERSON, failed[0], told)._replace(failed=tuple(self._failed.values()))
        for one in failed:
            self._record(one.id, JournalPhase.DONE, {"result": LEFT_OUT, "why": self._failed.pop(one.id)})
        return None

    def _halt_before(self, step: RotationStep, until: str) -> Outcome | None:
        """Stand still before *step* if a person has to act or time to pass; a step that only waits is done after it."""
        if halted := self._halt_if_partly(step):
            return halted
        if until and step.kind != until:
            return Outcome(RunState.WAITING, step.id, "the rest is still to be done")
        if step.kind == StepKind.PERSON and not self._take_word():
            return self._halt(RunState.NEEDS_PERSON, step, f"{step.title} {step.link}".strip())
        if step.id == self._first_created_step() and (changed := self._describe_changes(step)):
            if not self._take_word():
                return self._halt(RunState.NEEDS_PERSON, step, f"{changed}; look at it, then resume with --done")
            self._record(CHANGES, JournalPhase.DONE, {"result": f"seen by a person: {changed}"})
        if missing := self._find_missing_approval(step):
            return self._halt(RunState.NEEDS_PERSON, step, missing)
        if step.wait or step.kind in (StepKind.DRAIN, StepKind.GRACE):
            return self._wait(step)
        return None

    def _describe_changes(self, step: RotationStep) -> str:
        """Say what changed since the plan besides our own measures; asked after containing, before anything is made."""
        known = self._rotator.identifying
        contains = any(one.kind == StepKind.CONTAIN for one in self.plan.steps)
        if known is None or not contains or CHANGES in self._now.done or step.id in self._now.begun:
            return ""
        ours = {f"provider.{name}" for name in self._rotator.changed_by_measures}
        changed = [name for name in self._find_changes() if name not in ours]
        if not changed:
            return ""
        return f"contained, but changed since the plan was made: {', '.join(changed)}{self._describe_now()}"

    def _describe_now(self) -> str:
        """Return what the provider says now about the credential, or nothing if it cannot be asked."""
        try:
            now = self._rotator.describe_now()
        except Exception as error:
            now = f"the present state cannot be read ({type(error).__name__})"
        return f" (now: {now})" if now else ""

    def _check_limits(self, step: RotationStep) -> None:
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
            entry.phase == JournalPhase.INTEND and entry.step.partition(":")[0] in ACTS and parse_time(entry.at) > since
            for entry in self.journal.entries()
        )
        if lately >= limits.acts_per_hour:
            raise RotationError(f"{limits.acts_per_hour} acts in one hour is the cap; resume later")

    def _wait(self, step: RotationStep) -> Outcome | None:
        """Stand still until the time of *step* is over; then note it as done, unless something is left to be lifted."""
        if step.kind == StepKind.LIFT and (early := self._rotator.ends_early(step.target)):
            if early.lift:
                return None
            self._record(step.id, JournalPhase.DONE, {"result": "kept", "why": early.why})
            return None
        if step.id not in self._now.begun:
            self._record(
                step.id, JournalPhase.INTEND, {f"{step.kind}.until": format_time(self._clock.now() + step.wait)}
            )
        until = self._handles[f"{step.kind}.until"]
        if self._clock.now() < parse_time(until):
            return self._halt(RunState.WAITING, step, f"until {until}")
        if step.kind == StepKind.LIFT:
            return None
        since = max(self._clock.now() - step.wait, parse_time(until) - step.wait)
        used: str = self._run_guarded(step, lambda: self._rotator.used_since(since))
        if used:
            return self._halt(RunState.NEEDS_PERSON, step, f"the old credential is still in use: {used}")
        self._record(step.id, JournalPhase.DONE, {"result": "unused"})
        return None

    def _run_step(self, step: RotationStep) -> None:
        acts: Mapping[str, Callable[[RotationStep], None]] = {
            StepKind.CONTAIN: lambda s: self._take(s) if s.target else self._run_act(s, self._rotator.contain),
            StepKind.MINT: self._mint if self.plan.value_source == ValueSource.PROVIDER else self._set_value,
            StepKind.STORE: self._store,
            StepKind.PROVE_NEW: self._prove_new,
            StepKind.PROMOTE: self._promote,
            StepKind.TIDY: lambda s: self._run_act(s, lambda: self._stores[s.target].settle(self._token)),
            StepKind.DISABLE: lambda s: self._take(s) if s.target else self._run_act(s, self._rotator.disable),
            StepKind.PROVE_DEAD: self._prove_dead,
            StepKind.DELETE: lambda s: self._run_act(s, self._rotator.delete),
            StepKind.PROVE_GONE: self._prove_dead,
            StepKind.LIFT: self._lift,
            StepKind.PERSON: lambda s: self._record(s.id, JournalPhase.DONE, {"result": "done by hand"}),
        }
        acts[step.kind](step)

    def _run_act(self, step: RotationStep, act: Callable[[], Mapping[str, str]]) -> None:
        self._record(step.id, JournalPhase.INTEND)
        self._record(step.id, JournalPhase.DONE, self._retry_when_limited(act))

    def _take(self, step: RotationStep) -> None:
        """Carry a measure out; what stood there before is on disk first."""
        self._record(step.id, JournalPhase.INTEND, self._retry_when_limited(lambda: self._rotator.look_at(step.target)))
        self._record(step.id, JournalPhase.DONE, self._retry_when_limited(lambda: self._rotator.take(step.target)))

    def _lift(self, step: RotationStep) -> None:
        self._record(step.id, JournalPhase.INTEND)
        self._retry_when_limited(lambda: self._rotator.lift(step.target))
        self._record(step.id, JournalPhase.DONE)

    # -- making and storing --------------------------------------------------

    @property
    def _token(self) -> str:
        """The pending value's name at the destinations: one per attempt."""
        return str(uuid.uuid5(uuid.UUID(self.plan.id), str(self._now.attempt)))

    def _run_preflight(self) -> None:
        for store in self._stores.values():
            self._retry_when_limited(store.preflight)
        self._retry_when_limited(self._rotator.preflight)

    def _mint(self, step: RotationStep) -> None:
        if step.id in self._now.unresolved:
            self._discard_strays(step)
        self._run_preflight()
        stored = self._read_stored()
        facts = self._retry_when_limited(self._rotator.before_create)
        self._record(step.id, JournalPhase.INTEND, {"mint.started": format_time(self._clock.now()), **facts})
        minted = self._create(step, lambda: self._make_anew(stored))
        self._values = minted.values
        self._record(step.id, JournalPhase.DONE, {**minted.handles, **self._digest_new(minted.values)})

    def _make_anew(self, stored: Values | None) -> NewCredential:
        return self._rotator.create({}) if stored is None else self._rotator.reconcile(stored)

    def _create(self, step: RotationStep, create: Callable[[], NewCredential]) -> NewCredential:
        """Create once, and note a refusal that came before the act: then there is nothing to look for later."""
        try:
            return self._retry_when_limited(create)
        except (Refused, RateLimited):
            self._record(step.id, JournalPhase.NOTE, {"made": "no"})
            raise

    def _discard_strays(self, step: RotationStep) -> None:
        """End what an attempt without an outcome is shown to have made; what a destination holds is no stray."""
        for stray in self._rotator.strays():
            for name, store in self._stores.items():
                values = store.read_back() or {}
                if any(value.reveal().decode("utf-8", "replace") == stray for value in values.values()):
                    raise UnexpectedState(f"{name} holds {stray}: it is left as it is; look at it, then resume")
            self._record(step.id, JournalPhase.NOTE, {"stray": stray})
            self._rotator.discard(stray)

    def _read_stored(self) -> Values | None:
        if self.plan.order != Order.RECONCILE:
            return None
        found: dict[str, Secret] = {}
        for store in self._stores.values():
            found.update(store.read_back() or {})
        return found

    def _set_value(self, step: RotationStep) -> None:
        values = self._read_pending()
        if values is None:
            raise UnexpectedState("the pending value is gone from the destinations; undo this run")
        if self._now.failures.get(step.id, 0) >= 2:
            self._drop_pending("the provider refused the value twice")
            return
        self._record(step.id, JournalPhase.INTEND, {"mint.started": format_time(self._clock.now())})
        minted = self._retry_when_limited(lambda: self._rotator.create(values))
        self._record(step.id, JournalPhase.DONE, {**minted.handles, **self._digest_new(values)})

    def _store(self, step: RotationStep) -> None:
        store = self._stores[step.target]
        values = self._values or self._read_pending()
        if values is None and self.plan.value_source == ValueSource.CLIENT:
            self._run_preflight()
            values = self._rotator.generate()
        if values is None:
            self._rotator.discard(self._handles["new_handle"])
            self._drop_pending("the new value was lost before it was stored")
            return
        self._values = values
        self._record(step.id, JournalPhase.INTEND)
        handles = self._retry_when_limited(lambda: store.put_pending(self._token, values))
        if not _is_same(store, store.pending(self._token), values):
            raise UnexpectedState(f"{step.target} does not give the pending value back")
        self._record(step.id, JournalPhase.DONE, handles)

    def _drop_pending(self, why: str) -> None:
        """Start the value over: the next attempt gets a fresh one under a fresh name."""
        self._values = None
        for store in self._stores.values():
            store.settle(self._token)
        back = [s for s in self.plan.steps if s.kind in (StepKind.MINT, StepKind.STORE) and s.id in self._now.begun]
        for step in reversed(back):
            lost = {**ATTEMPT_LOST, "why": why} if step.id == self._first_created_step() else None
            self._record(step.id, JournalPhase.UNDONE, lost)

    def _first_created_step(self) -> str:
        return next((step.id for step in self.plan.steps if step.kind in (StepKind.MINT, StepKind.STORE)), "")

    def _read_pending(self) -> Values | None:
        """Return the new values, put together from what the destinations have pending."""
        found: dict[str, Secret] = {}
        for store in self._stores.values():
            found.update(store.pending(self._token) or {})
        return found if set(self._rotator.fields) <= set(found) else None

    def _digest_new(self, values: Values) -> dict[str, str]:
        """Return what later recognises *values* at each destination."""
        return {
            f"new_mark.{name}": digest_values(store.kept(values), self._key) for name, store in self._stores.items()
        }

    def _holds_new(self, name: str) -> bool | None:
        """Tell whether the destination *name* holds the new value; None when it cannot be read."""
        current = self._stores[name].read_back()
        if current is None:
            return None
        return digest_values(current, self._key) == self._handles.get(f"new_mark.{name}")

    # -- proving and promoting -----------------------------------------------

    def _prove_new(self, step: RotationStep) -> None:
        proof = Proof(ProofState.UNVERIFIABLE)
        everything = self._values or self._read_pending()
        if everything is None:
            raise UnexpectedState("the pending value is gone from the destinations; undo this run")
        for name, store in self._stores.items():
            values = store.pending(self._token)
            if values is None:
                raise UnexpectedState(f"{name} has lost the pending value")
            proof = self._prove_repeatedly({**everything, **values})
        self._record(step.id, JournalPhase.DONE, {"result": proof.state, "why": proof.why})

    def _prove_repeatedly(self, values: Values) -> Proof:
        deadline = self._clock.now() + self._policy.limits.proof_within
        good, why = 0, ""
        while True:
            try:
                proof = self._retry_when_limited(lambda: self._rotator.verify_new(values))
                why = proof.why
                if proof.state == ProofState.UNVERIFIABLE:
                    return proof
                good = good + 1 if proof.state == ProofState.ALIVE else 0
            except NotPropagated as error:
                good, why = 0, str(error)
            if good == PROOFS_IN_A_ROW:
                return proof
            if self._clock.now() > deadline:
                raise UnexpectedState(f"the new credential does not work: {why}")
            self._clock.sleep(PAUSE)

    def _promote(self, step: RotationStep) -> None:
        store = self._stores[step.target]
        values = store.pending(self._token)
        if values is None:
            raise UnexpectedState(f"{step.target} has lost the pending value")
        if not _is_same(store, store.read_back(), values):
            self._check_not_edited(step, store)
            self._record(step.id, JournalPhase.INTEND)
            try:
                handles = self._retry_when_limited(lambda: store.promote(self._token, values))
                found = store.read_back()
                if found is not None and not _is_same(store, found, values):
                    raise UnexpectedState(f"{step.target} does not give the new value back")
            except Exception:
                if not _is_same(store, store.read_back(), values):
                    self._restore_promoted()
                    raise
                handles = {}
        else:
            handles = {}
        if step == [s for s in self.plan.steps if s.kind == StepKind.PROMOTE][-1]:
            handles = {**handles, **self._retry_when_limited(self._rotator.promote)}
        self._record(step.id, JournalPhase.DONE, {**handles, f"promoted.{step.target}": format_time(self._clock.now())})

    def _check_not_edited(self, step: RotationStep, store: Store) -> None:
        """Stop when somebody changed our fields after the plan; our own earlier write is fine."""
        if store.read_back() is None and step.id in self._now.begun:
            return
        name = f"destination.{step.target}"
        current = store.read_back()
        mark = f"mark:{store.mark()}" if current is None else digest_values(current, self._key)
        if mark != self.plan.preconditions.get(name):
            raise UnexpectedState(f"somebody changed {step.target} meanwhile; undo this run and make a new plan")

    def _restore_promoted(self) -> None:
        """Take the destinations that were already promoted back: all of them or none."""
        for step in reversed(self.plan.steps):
            if step.kind == StepKind.PROMOTE and step.id in self._now.done:
                self._restore(step)
                self._record(step.id, JournalPhase.UNDONE, {"why": "another destination could not be promoted"})

    # -- proving dead --------------------------------------------------------

    def _prove_dead(self, step: RotationStep) -> None:
        deadline = self._clock.now() + self._policy.limits.proof_within
        while True:
            proof = self._retry_when_limited(self._rotator.verify_dead)
            if proof.state in (ProofState.DEAD, ProofState.UNVERIFIABLE):
                break
            if self._clock.now() > deadline:
                raise UnexpectedState(f"the old credential still works: {proof.why}")
            self._clock.sleep(PAUSE)
        self._record(step.id, JournalPhase.DONE, {"result": proof.state, "why": proof.why})

    # -- going back ----------------------------------------------------------

    def _undo_step(self, step: RotationStep) -> None:
        if _is_measure(step):
            self._retry_when_limited(lambda: self._rotator.lift(step.target))
        elif step.kind in (StepKind.CONTAIN, StepKind.DISABLE):
            self._rotator.undo(step.kind)
        elif step.kind == StepKind.PROMOTE:
            self._restore(step)
        elif step.kind == StepKind.STORE:
            self._stores[step.target].settle(self._token)
        elif step.kind == StepKind.MINT:
            self._undo_mint(step)

    def _restore(self, step: RotationStep) -> None:
        if self._holds_new(step.target) is not False:
            store = self._stores[step.target]
            store.restore(self._token, self._rotator.old_values())
            if self._holds_new(step.target):
                raise UnexpectedState(f"{step.target} still holds the new value")

    def _undo_mint(self, step: RotationStep) -> None:
        if self.plan.value_source == ValueSource.CLIENT:
            self._rotator.undo(StepKind.MINT)
            return
        for name in self._stores:
            if self._holds_new(name):
                raise UnexpectedState(f"{name} still holds the new value; it is not deleted")
        if step.id not in self._now.done:
            if step.id in self._now.unresolved:
                self._discard_strays(step)
        elif made := self._handles.get("new_handle"):
            self._rotator.discard(made)


def _is_measure(step: RotationStep) -> bool:
    """Tell whether *step* is one measure among several that contain or disable a credential."""
    return step.kind in (StepKind.CONTAIN, StepKind.DISABLE) and bool(step.target)


def _is_same(store: Store, found: Values | None, values: Values) -> bool:
    """Tell whether *found* at *store* is what it should keep of *values*."""
    return found is not None and dict(store.kept(found)) == dict(store.kept(values))
