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
from collections.abc import Callable, Mapping
from typing import NamedTuple

from detector.errors import RotationError
from detector.net.log_silencing import silence_client_logs
from rotators.core import endings, proofs, runs
from rotators.core.contracts import Values
from rotators.core.journal import JournalPhase, format_time, parse_time
from rotators.core.journalled_run import Outcome
from rotators.core.locks import hold_run_lock
from rotators.core.model import (
    ACTS,
    ConsumersFailed,
    Facet,
    FacetReport,
    FacetState,
    NotKnownYet,
    NotPropagated,
    Order,
    Proof,
    ProofState,
    RotationStep,
    RunState,
    StepKind,
    UnexpectedState,
    ValueSource,
)
from rotators.core.planner import collect_preconditions, is_expired
from rotators.core.replacing_run import ATTEMPT_LOST, ReplacingRun
from rotators.core.scrubbing import scrub

PROOFS_IN_A_ROW = 3
"""How often in a row a new credential must work: providers spread it unevenly."""

CHANGES = "changes"
"""The line that says that a person has seen what changed since the plan."""

GONE_FOR = 3600
"""Seconds between two looks at a list that prove that a credential is gone: lists lag behind."""

LEFT_OUT = "left out"
"""The result of a measure that failed, and that a person goes on without."""

PAUSE = 2.0
"""Seconds between two looks."""


class CurrentState(NamedTuple):
    """How things stand: is the old credential dead, and does each destination hold the new one (None: unreadable)?"""

    old: Proof
    new: Mapping[str, bool | None]


class Executor(ReplacingRun):
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
                if proof.state == ProofState.GONE:
                    proof = proof._replace(state=ProofState.UNVERIFIABLE)
                done = self._now.done
                promoted = [
                    step.target for step in self.plan.steps if step.kind == StepKind.PROMOTE and step.id in done
                ]
                return CurrentState(proof, {name: self._holds_new(name) for name in promoted})
            except Exception as error:
                why = self._scrub_error(error)
        raise RotationError(why)

    def resume(self, *, person_done: bool = False) -> Outcome:
        """Go on with a begun run, or with its undo; *person_done* says that the waiting step was done by hand."""
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
            return self._take_back()

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
        if self._now.undoing:
            # Steps that were half undone are still noted as done: going forward would trust them.
            return self._take_back()
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
            except ConsumersFailed as error:
                return self._give_back(step, str(error))
            except RotationError as error:
                if not _is_measure(step):
                    raise
                self._failed[step.id] = str(error)
        if halted := self._halt_if_partly(None):
            return halted
        return self._end()

    def _end(self) -> Outcome:
        """End with what is proven; what is known to be open is left to a person."""
        try:
            rest = self._retry_when_limited(self._rotator.report_rest)
        except Exception as error:
            rest = (FacetReport(Facet.SESSIONS, FacetState.UNKNOWN, self._scrub_error(error)),)
        facets = endings.judge_facets(self.plan, self._now, rest)
        state, why = endings.judge_ending(facets), endings.format_facets(facets)
        if state == RunState.NEEDS_PERSON:
            if not self._take_word():
                return self._halt(state, self.plan.steps[-1], f"{why}; look at it, then resume with --done")
            state, why = RunState.ENDED, f"accepted by a person: {why}"
        self._record(runs.RunEvent.END, JournalPhase.DONE, {"result": state, "why": why})
        return Outcome(state, "", why)

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
            StepKind.PROVE_NEW: lambda s: self._prove_by_check(s) if s.target else self._prove_new(s),
            StepKind.HEALTH: self._check_health,
            StepKind.PROMOTE: self._promote,
            StepKind.TIDY: lambda s: self._run_act(s, lambda: self._stores[s.target].settle(self._token)),
            StepKind.DISABLE: lambda s: self._take(s) if s.target else self._run_act(s, self._rotator.disable),
            StepKind.PROVE_DEAD: self._prove_dead,
            StepKind.DELETE: lambda s: self._run_act(s, self._rotator.delete, self._rotator.before_delete),
            StepKind.PROVE_GONE: self._prove_dead,
            StepKind.LIFT: self._lift,
            StepKind.PERSON: lambda s: self._record(s.id, JournalPhase.DONE, {"result": "done by hand"}),
        }
        acts[step.kind](step)

    def _run_act(
        self,
        step: RotationStep,
        act: Callable[[], Mapping[str, str]],
        look: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._record(step.id, JournalPhase.INTEND, self._retry_when_limited(look))
        self._record(step.id, JournalPhase.DONE, self._retry_when_limited(act))

    def _take(self, step: RotationStep) -> None:
        """Carry a measure out; what stood there before is on disk first."""
        self._record(step.id, JournalPhase.INTEND, self._retry_when_limited(lambda: self._rotator.look_at(step.target)))
        self._record(step.id, JournalPhase.DONE, self._retry_when_limited(lambda: self._rotator.take(step.target)))

    def _lift(self, step: RotationStep) -> None:
        self._record(step.id, JournalPhase.INTEND)
        self._retry_when_limited(lambda: self._rotator.lift(step.target))
        self._record(step.id, JournalPhase.DONE)

    # -- proving --------------------------------------------------------------

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

    def _prove_by_check(self, step: RotationStep) -> None:
        """Let a check of the policy use the new value as its consumers do."""
        values = self._values or self._read_pending()
        if values is None:
            raise UnexpectedState("the pending value is gone from the destinations; undo this run")
        shown = proofs.select_shown(values, self._rotator.public, self._handles.get("new_handle", ""))
        if why := self._wait_for_check(step, proofs.Tried(self.plan.id, values, shown)):
            raise UnexpectedState(f"the new credential does not do what its consumers do: {step.target}: {why}")
        self._record(step.id, JournalPhase.DONE, {"result": ProofState.ALIVE, "why": f"{step.target} passed"})

    def _check_health(self, step: RotationStep) -> None:
        """Ask the consumers; they are shown no value, only what may be written down of it."""
        values = {name: value for store in self._stores.values() for name, value in (store.read_back() or {}).items()}
        shown = proofs.select_shown(values, self._rotator.public, self._handles.get("new_handle", ""))
        if why := self._wait_for_check(step, proofs.Tried(self.plan.id, {}, shown)):
            raise ConsumersFailed(f"the consumers do not work: {step.target}: {why}")
        self._record(step.id, JournalPhase.DONE, {"result": "passed", "why": f"{step.target} passed"})

    def _wait_for_check(self, step: RotationStep, tried: proofs.Tried) -> str:
        rule = self._policy.proofs[step.target]
        deadline = self._clock.now() + rule.within
        while why := proofs.find_failure(rule, tried):
            if self._clock.now() > deadline:
                return scrub(why, tuple(tried.values.values()))
            self._clock.sleep(PAUSE)
        return ""

    def _prove_dead(self, step: RotationStep) -> None:
        deadline = self._clock.now() + self._policy.limits.proof_within
        while True:
            proof = self._retry_when_limited(self._rotator.verify_dead)
            if proof.state != ProofState.ALIVE:
                break
            if self._clock.now() > deadline:
                raise UnexpectedState(f"the old credential still works: {proof.why}")
            self._clock.sleep(PAUSE)
        if proof.state == ProofState.GONE:
            self._look_twice(step, proof)
        self._record(step.id, JournalPhase.DONE, {"result": proof.state, "why": proof.why})

    def _look_twice(self, step: RotationStep, proof: Proof) -> None:
        """Believe that a credential is gone when two looks at the list, some time apart, say so."""
        name, now = f"{step.kind}.seen", self._clock.now()
        if step.id not in self._now.begun:
            self._record(step.id, JournalPhase.INTEND, {name: format_time(now)})
        left = parse_time(self._handles[name]) + GONE_FOR - now
        if left > 0:
            raise NotKnownYet(f"{proof.why}; it is looked at again later", left)

    # -- going back ----------------------------------------------------------

    def _give_back(self, step: RotationStep, why: str) -> Outcome:
        """Put the old credential back for consumers that fail; one that leaked publicly stays contained."""
        final = any(not one.reversible and one.id in self._now.begun for one in self.plan.steps)
        if final or self.plan.order == Order.CONTAIN_FIRST:
            return self._halt(RunState.NEEDS_PERSON, step, f"{why}; mend them, then resume{self._describe_now()}")
        return self._take_back(why)

    def _take_back(self, why: str = "") -> Outcome:
        """Undo every step that was begun, the newest first; from now on this run goes back only, whoever resumes it."""
        if not self._now.undoing:
            facts = {"why": why} if why else {}
            self._record(runs.RunEvent.UNDO, JournalPhase.NOTE, {"state": RunState.RUNNING, **facts})
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
        facts = {"why": why} if why else {}
        self._record(runs.RunEvent.END, JournalPhase.DONE, {"result": RunState.ROLLED_BACK, **facts})
        return Outcome(RunState.ROLLED_BACK, "", why)

    def _undo_step(self, step: RotationStep) -> None:
        if _is_measure(step):
            if not self._is_lifted(step):
                self._retry_when_limited(lambda: self._rotator.lift(step.target))
        elif step.kind in (StepKind.CONTAIN, StepKind.DISABLE):
            self._rotator.undo(step.kind)
        elif step.kind == StepKind.PROMOTE:
            self._restore(step)
        elif step.kind == StepKind.STORE:
            self._stores[step.target].settle(self._token)
        elif step.kind == StepKind.MINT:
            self._undo_mint(step)

    def _is_lifted(self, step: RotationStep) -> bool:
        """Tell whether a later step put back what *step* changed: what stands there since then is somebody else's."""
        lifting = {one.id for one in self.plan.steps if one.kind == StepKind.LIFT and one.target == step.target}
        entries = self.journal.entries(self.plan.id)
        return step.kind == StepKind.CONTAIN and any(
            entry.step in lifting and entry.phase == JournalPhase.DONE for entry in entries
        )


def _is_measure(step: RotationStep) -> bool:
    """Tell whether *step* is one measure among several that contain or disable a credential."""
    return step.kind in (StepKind.CONTAIN, StepKind.DISABLE) and bool(step.target)
