"""Make a new value, keep it as pending, make it current, and take all of that back.

What a crash or a lost answer may have left behind is looked for before
anything is made again; what the destinations hold is never deleted.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from detector.secret import Secret
from rotators.core.contracts import Store, Values
from rotators.core.journal import JournalPhase, format_time
from rotators.core.journalled_run import JournalledRun
from rotators.core.model import (
    NewCredential,
    Order,
    RateLimited,
    Refused,
    RotationStep,
    StepKind,
    UnexpectedState,
    ValueSource,
)
from rotators.core.planner import digest_values

ATTEMPT_LOST = {"attempt": "lost", "handles": "new_handle"}
"""Facts of the line that ends an attempt: the next one has another token."""


class ReplacingRun(JournalledRun):
    """The part of a run that deals with the new value."""

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

    # -- promoting --------------------------------------------------------------

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


def _is_same(store: Store, found: Values | None, values: Values) -> bool:
    """Tell whether *found* at *store* is what it should keep of *values*."""
    return found is not None and dict(store.kept(found)) == dict(store.kept(values))
