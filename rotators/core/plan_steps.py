"""Which steps a plan has, and in which order.

What contains or disables a credential comes as measures where its rotator
lists them: each is a step of its own, so that one that fails stops no other.
What would hinder the new credential is lifted before that one is proven; what
has to stay for some time is lifted last.
"""

from __future__ import annotations

from collections.abc import Mapping

from rotators.core.contracts import Rotator, Store
from rotators.core.model import (
    Capability,
    Measure,
    Order,
    Overlap,
    Permission,
    RotationStep,
    StepKind,
    ValueSource,
)
from rotators.core.policy import Clause


def make_steps(
    clause: Clause, order: Order, capability: Capability, rotator: Rotator, stores: Mapping[str, Store]
) -> tuple[RotationStep, ...]:
    """Return the steps for one credential, in order."""
    draft = _Draft(rotator, stores)
    if order == Order.CONTAIN_FIRST and capability.can_contain:
        draft.end(StepKind.CONTAIN, "stop the abuse now", reversible=capability.reversible_disable)
    by_hand = () if stores or capability.renews_itself else (_make_manual_step(clause, capability),)
    if stores:
        _add_reissue_steps(draft, clause, capability)
    elif order != Order.CONTAIN_FIRST or capability.provable:
        draft.steps += by_hand
    if order == Order.RECONCILE:
        return tuple(draft.steps)
    if stores and capability.overlap == Overlap.NONE:
        draft.add(StepKind.PROVE_DEAD, "prove that the old value is dead: it ended when the new one was made")
        return tuple(draft.steps)
    if stores and clause.drain:
        draft.add(StepKind.DRAIN, "wait until no consumer uses the old credential", wait=clause.drain)
    _add_retire_steps(draft, clause, capability)
    if order == Order.CONTAIN_FIRST and not capability.provable:
        draft.steps += by_hand
    draft.lift_rest()
    return tuple(draft.steps)


class _Draft:
    """The steps of a plan in the making."""

    def __init__(self, rotator: Rotator, stores: Mapping[str, Store]) -> None:
        self.steps: list[RotationStep] = []
        self.stores = stores
        self._rotator = rotator
        self._taken: dict[str, Measure] = {}

    def add(self, kind: StepKind, title: str, *, reversible: bool = True, target: str = "", wait: int = 0) -> None:
        """Append a step at the provider, or at the destination *target*."""
        calls = self.stores[target].calls(kind) if target else self._rotator.calls(kind)
        name = f"{kind}:{target}" if target else kind
        self.steps.append(RotationStep(name, kind, title, tuple(calls), reversible, target, wait))

    def check(self, kind: StepKind, names: tuple[str, ...], title: str, *, again: bool = False) -> None:
        """Append a step for each check of the policy."""
        for name in names:
            id_ = f"{kind}:{name}{':again' if again else ''}"
            self.steps.append(RotationStep(id_, kind, f"{title}: {name}", (f"[proofs.{name}]",), target=name))

    def end(self, kind: StepKind, title: str, *, reversible: bool) -> None:
        """Append what contains or disables the credential: its measures, or one step."""
        measures = self._rotator.measures(kind)
        if not measures:
            self.add(kind, title, reversible=reversible)
        for one in measures:
            self.take(kind, one, reversible=reversible)

    def take(self, kind: StepKind, one: Measure, *, reversible: bool) -> None:
        """Append the step for one measure."""
        self._taken.setdefault(one.name, one)
        name = f"{kind}:{one.name}"
        step = RotationStep(name, kind, one.title, one.calls, reversible, one.name, best_effort=one.best_effort)
        self.steps.append(step)

    def lift_hindering(self) -> None:
        """Append the steps that take back what would hinder the new credential."""
        self._lift([one for one in self._taken.values() if one.hinders_new])

    def lift_rest(self) -> None:
        """Append the steps that take back whatever is left and does not stay for good."""
        lifted = {step.target for step in self.steps if step.kind == StepKind.LIFT}
        temporary = [one for one in self._taken.values() if one.hinders_new or one.lasts]
        self._lift([one for one in temporary if one.name not in lifted])

    def _lift(self, measures: list[Measure]) -> None:
        for one in measures:
            name, title = f"{StepKind.LIFT}:{one.name}", f"take back: {one.title}"
            self.steps.append(RotationStep(name, StepKind.LIFT, title, one.lift_calls, target=one.name, wait=one.lasts))


def _add_reissue_steps(draft: _Draft, clause: Clause, capability: Capability) -> None:
    gentle = capability.overlap == Overlap.DUAL
    if capability.value_source == ValueSource.CLIENT:
        for name in draft.stores:
            draft.add(StepKind.STORE, f"keep the new value as pending in {name}", target=name)
        draft.add(StepKind.MINT, "set the new value at the provider", reversible=gentle)
    else:
        draft.add(
            StepKind.MINT,
            "make the new credential" if gentle else "make the new value: the old one ends",
            reversible=gentle,
        )
        for name in draft.stores:
            draft.add(StepKind.STORE, f"keep the new value as pending in {name}", target=name)
    draft.lift_hindering()
    draft.add(StepKind.PROVE_NEW, "prove that the new credential works")
    draft.check(StepKind.PROVE_NEW, clause.prove, "prove that it does what its consumers do")
    for name in draft.stores:
        draft.add(StepKind.PROMOTE, f"make the new value current in {name}", target=name)
    for name in draft.stores:
        draft.add(StepKind.TIDY, f"drop what is left of the pending value in {name}", target=name)
    draft.check(StepKind.HEALTH, clause.health, "wait until the consumers work with the new value")


def _add_retire_steps(draft: _Draft, clause: Clause, capability: Capability) -> None:
    if capability.reversible_disable:
        draft.end(StepKind.DISABLE, "disable the old credential", reversible=True)
    elif capability.can_contain or capability.can_delete:
        draft.end(StepKind.DISABLE, "revoke the old credential", reversible=False)
    elif not capability.provable:
        return
    draft.add(StepKind.PROVE_DEAD, "prove that the old credential is dead")
    if draft.stores:
        draft.check(StepKind.HEALTH, clause.health, "check that the consumers work without the old value", again=True)
    if Permission.DELETE in clause.may and capability.can_delete and capability.reversible_disable:
        draft.add(StepKind.GRACE, "leave time to notice a forgotten consumer", wait=clause.grace)
        draft.add(StepKind.DELETE, "delete the old credential", reversible=False)
        draft.add(StepKind.PROVE_GONE, "prove that the old credential is gone")


def _make_manual_step(clause: Clause, capability: Capability) -> RotationStep:
    if capability.can_reissue and Permission.REISSUE not in clause.may:
        title = "the policy does not let us reissue: make the new credential and give it to its consumers"
    elif capability.provable:
        title = "no call ends it: end it by hand, make the new credential and give it to its consumers"
    else:
        title = "the provider offers no call for it: make the new credential and give it to its consumers"
    return RotationStep("person", StepKind.PERSON, title, link=capability.runbook)
