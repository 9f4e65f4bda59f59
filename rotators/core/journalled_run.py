"""A run as its journal tells it: what is noted before and after each act, and how an error ends it.

Nothing here decides what to do next; that is the executor's part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from detector.errors import LeakfirstError, RotationError
from rotators.core import approvals, bindings, catalogue, identities, runs
from rotators.core.contracts import Values
from rotators.core.journal import Journal, JournalPhase
from rotators.core.model import (
    ACTS,
    Case,
    Clock,
    Leak,
    NotKnownYet,
    RateLimited,
    RotationPlan,
    RotationStep,
    RunState,
    StepKind,
)
from rotators.core.planner import describe_error, open_stores
from rotators.core.policy import Policy
from rotators.core.scrubbing import scrub

T = TypeVar("T")


class Outcome(NamedTuple):
    """How far a call to `apply`, `resume` or `undo` brought the run."""

    state: RunState
    step: str = ""
    why: str = ""
    failed: tuple[str, ...] = ()
    """Measures that could not be taken: the credential is contained only in part."""


class JournalledRun:
    """A plan, its journal and what its rotator and stores have told so far."""

    def __init__(self, plan: RotationPlan, leak: Leak, policy: Policy, folder: str, key: bytes, clock: Clock) -> None:
        self.plan = plan
        self.journal = Journal(folder, key, clock)
        self.journal.require_key()
        self._policy, self._folder, self._key, self._clock = policy, folder, key, clock
        self._now = runs.read_progress(self.journal.entries(plan.id))
        self._before = {
            f"before.{name.removeprefix('provider.')}": value
            for name, value in plan.preconditions.items()
            if name.startswith("provider.")
        }
        self._before["handle"] = dict(plan.facts)["credential"]
        self._handles = {**self._before, **self._now.handles}
        table = catalogue.select_settings(policy.rotators, plan.rotator)
        settings = identities.complete_settings(policy.identities, table, dict(plan.facts)["account"], plan.id)
        identities.refuse_leaked(settings, leak, dict(plan.facts)["account"])
        case = Case(plan.id, leak, settings, self._handles, clock)
        self._leak = leak
        self._rotator = catalogue.open_rotator(plan.rotator, case)
        self._stores = open_stores(plan.stores, self._rotator.fields, policy, case, folder, key)
        self._values: Values | None = None
        self._acts = 0
        self._failed: dict[str, str] = {}
        self._person_done = False
        self._destinations_checked = False

    # -- is it approved? -----------------------------------------------------

    def _check_approval(self) -> None:
        """Compare the plan with what was approved, every time: its file may change between two calls."""
        if not self._now.approved:
            raise RotationError(f"nobody has approved this plan: leakfirst rotate approve {self.plan.id[:12]}")
        if self._now.approved != self.plan.digest:
            raise RotationError("the plan changed after it was approved; approve it again")
        self._destinations_checked = False
        found = self._ask_quietly(lambda: bindings.bind_rotator(self._policy, self.plan.rotator, self._rotator))
        bindings.compare_bindings(self.plan.bindings, found, bindings.ROTATOR)
        proofs = bindings.bind_proofs(self._policy, self.plan.steps)
        bindings.compare_bindings(self.plan.bindings, proofs, bindings.PROOF)

    def _check_destinations(self) -> None:
        """Raise `UnexpectedState` if values would go elsewhere than the plan says; asked once for each command."""
        if not self._destinations_checked and self._stores:
            found = self._ask_quietly(lambda: bindings.bind_destinations(self._policy, self._stores))
            bindings.compare_bindings(self.plan.bindings, found, bindings.DESTINATION)
        self._destinations_checked = True

    def _find_missing_approval(self, step: RotationStep) -> str:
        """Say what *step* needs before it may be done; signatures are checked again each time."""
        if step.kind != StepKind.CONTAIN:
            self._check_destinations()
        if self._policy.approvals.approvers:
            if step.kind not in ACTS and step.reversible:
                return ""
            entries = self.journal.entries(self.plan.id)
            return approvals.explain_missing(self._policy.approvals, self.plan, entries, step, self._clock.now())
        if not step.reversible and self._now.scope != runs.ApprovalScope.ALL:
            return "final steps need an approval of their own"
        return ""

    def _ask_quietly(self, ask: Callable[[], dict[str, str]]) -> dict[str, str]:
        why = ""
        try:
            return ask()
        except Exception as error:
            why = self._scrub_error(error)
        raise RotationError(f"cannot look at the present state: {why}")

    # -- what is noted -------------------------------------------------------

    def _reload(self) -> None:
        self._now = runs.read_progress(self.journal.entries(self.plan.id))
        self._handles.clear()
        self._handles.update({**self._before, **self._now.handles})

    def _record(self, step: str, phase: str, facts: Mapping[str, str] | None = None) -> None:
        facts = dict(facts or {})
        for name, value in self._values.items() if self._values else ():
            plain = value.reveal().decode("utf-8", "replace")
            if name not in self._rotator.public and any(plain in text for text in facts.values()):
                raise AssertionError(f"a rotator put a value into the facts of {step}")
        self.journal.append(self.plan.id, step, phase, facts)
        self._reload()

    def _halt(self, state: RunState, step: RotationStep, why: str) -> Outcome:
        self._record(step.id, JournalPhase.NOTE, {"state": state, "why": why})
        return Outcome(state, step.id, why)

    def _run_guarded(self, step: RotationStep, act: Callable[[], T]) -> T:
        try:
            return act()
        except Exception as error:
            why = self._scrub_error(error)
            kind = type(error) if isinstance(error, RotationError) else RotationError
            wait = error.seconds if isinstance(error, NotKnownYet) else 0.0
        # Raised out here, the new error has no context: the first one may quote a value.
        self._record(step.id, JournalPhase.FAILED, {"why": why})
        if wait:
            raise NotKnownYet(f"{step.id}: {why}", wait)
        raise RotationError(f"{step.id}: {why}") if kind is RateLimited else kind(f"{step.id}: {why}")

    def _scrub_error(self, error: Exception) -> str:
        text = str(error) if isinstance(error, LeakfirstError) else describe_error(error)
        fresh = tuple(self._values.values()) if self._values else ()
        return scrub(text, (*self._leak.values(), *fresh))

    def _retry_when_limited(self, act: Callable[[], T]) -> T:
        """Ask again when the provider said "slower": it promised that nothing happened."""
        for wait in (1, 2, 4, 8, 16):
            try:
                return act()
            except RateLimited as error:
                self._clock.sleep(max(wait, error.retry_after))
        return act()
