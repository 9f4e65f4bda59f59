"""What may be said at the end of a run: the least that its four facets allow.

*value*: does the leaked value still work? *sessions*: and what was opened
with it? *strangers*: was something made with it that nobody has explained?
*service*: do the consumers work with the new one? `finished` means that all
four are closed by evidence that the journal shows. What cannot be known makes
the run end as `ended`; what is known to be open leaves it to a person.
"""

from __future__ import annotations

from collections.abc import Iterable

from rotators.core.model import Facet, FacetReport, FacetState, Order, ProofState, RotationPlan, RunState, StepKind
from rotators.core.runs import Progress

CLOSING = (ProofState.DEAD, ProofState.GONE)


def judge_facets(plan: RotationPlan, now: Progress, rest: Iterable[FacetReport]) -> tuple[FacetReport, ...]:
    """Return how each facet stands that the plan is about; *rest* is what the rotator reports of the others."""
    found = [_judge_value(plan, now), _judge_service(plan, now), *rest]
    return tuple(report for report in found if report is not None)


def judge_ending(facets: Iterable[FacetReport]) -> RunState:
    """Return the state of a run whose steps are all done."""
    states = {report.state for report in facets}
    if FacetState.OPEN in states:
        return RunState.NEEDS_PERSON
    return RunState.FINISHED if states <= {FacetState.CLOSED} else RunState.ENDED


def format_facets(facets: Iterable[FacetReport]) -> str:
    """Return *facets* on one line, what is not closed first."""
    ordered = sorted(facets, key=lambda report: list(FacetState).index(report.state))
    return "; ".join(f"{report.facet} {report.state}: {report.why}" for report in ordered)


def list_proven(plan: RotationPlan, now: Progress) -> tuple[str, ...]:
    """Return what is proven so far: contained (the old value is refused), replaced (the consumers have the new one)."""
    if now.undoing:
        return ()
    proven = []
    value = _judge_value(plan, now)
    if value is not None and value.state == FacetState.CLOSED:
        proven.append("contained")
    promotions = {step.id for step in plan.steps if step.kind == StepKind.PROMOTE}
    service = _judge_service(plan, now)
    if promotions and promotions <= now.done and service is not None and service.state == FacetState.CLOSED:
        proven.append("replaced")
    return tuple(proven)


def _judge_value(plan: RotationPlan, now: Progress) -> FacetReport | None:
    if plan.order == Order.RECONCILE:
        return None
    proofs = [step.id for step in plan.steps if step.kind in (StepKind.PROVE_DEAD, StepKind.PROVE_GONE)]
    results = [now.results[name] for name in proofs if name in now.results]
    for result, why in reversed(results):
        if result in CLOSING:
            return FacetReport(Facet.VALUE, FacetState.CLOSED, why)
    why = results[-1][1] if results else "nobody has asked whether the old value still works"
    return FacetReport(Facet.VALUE, FacetState.UNKNOWN, why)


def _judge_service(plan: RotationPlan, now: Progress) -> FacetReport | None:
    if not plan.stores:
        return None
    result, why = now.results.get(StepKind.PROVE_NEW, ("", "the new value was not tried"))
    checked = [step.target for step in plan.steps if step.target and step.kind == StepKind.HEALTH]
    if passed := sorted({name for name in checked if f"{StepKind.HEALTH}:{name}" in now.done}):
        why = f"{why}; the consumers passed {', '.join(passed)}"
    state = FacetState.CLOSED if result == ProofState.ALIVE else FacetState.UNKNOWN
    return FacetReport(Facet.SERVICE, state, why)
