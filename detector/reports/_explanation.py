"""``--explain``: why a value was reported or dropped, in sentences for the person who must decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp, log

from detector.model import Confidence, Evidence, Finding, Judgement, RejectedCandidate, VerdictState
from detector.text.untrusted import make_printable


def explain_finding(finding: Finding) -> Iterator[str]:
    """Yield what speaks for and against *finding*, what it adds up to, and what would change that."""
    if finding.severity_reason:
        yield f"{finding.severity}: {make_printable(finding.severity_reason)}"
    for name, value in finding.verdict.facts:
        yield f"{make_printable(name)}: {make_printable(value)}"
    if finding.judgement:
        yield from _explain_judgement(finding.judgement, finding.evidence)
        yield _describe_decision(finding.judgement, finding.confidence)
    else:
        yield from _format_evidence(finding.evidence)
    yield from _list_changes(finding)


def explain_rejected(candidate: RejectedCandidate) -> Iterator[str]:
    """Yield why *candidate* was dropped, and what would have to be different for it to be reported."""
    judgement = candidate.judgement
    if judgement is None:
        yield from _format_evidence(candidate.evidence)
        return
    yield from _explain_judgement(judgement, candidate.evidence)
    if not candidate.evidence:
        yield f"dropped before anything was added up: {make_printable(candidate.reason)}"
    elif judgement.decisive:
        yield f"it would be reported (--min-confidence low) without: {make_printable(judgement.decisive)}"
    else:
        yield "no single fact decides: several would have to be different"


def _explain_judgement(judgement: Judgement, evidence: Sequence[Evidence]) -> Iterator[str]:
    yield f"form: {make_printable(judgement.form)}"
    yield f"name: {make_printable(judgement.name)}"
    yield f"value: {make_printable(judgement.value)}"
    yield from _format_evidence(evidence)
    if evidence:
        yield _describe_sum(judgement.total)


def _format_evidence(evidence: Sequence[Evidence]) -> Iterator[str]:
    for title, wanted in (("for", 1), ("against", -1)):
        facts = [f"{make_printable(one.fact)} ({one.weight:+.1f})" for one in evidence if one.weight * wanted > 0]
        if facts:
            yield f"{title}: {'; '.join(facts)}"
    yield from (make_printable(one.fact) for one in evidence if not one.weight)


def _describe_sum(total: float) -> str:
    from detector.engine.scoring import HIGH, LOW, MEDIUM

    steps = (("low", LOW), ("medium", MEDIUM), ("high", HIGH))
    levels = ", ".join(f"{name} from {log(least / (1 - least)):+.1f}" for name, least in steps)
    return f"sum of all facts: {total:+.1f}, which is {100 / (1 + exp(-total)):.0f} %; confidence is {levels}"


def _describe_decision(judgement: Judgement, confidence: Confidence) -> str:
    if judgement.decisive:
        return f"its confidence would be less than {confidence} without: {make_printable(judgement.decisive)}"
    return f"no single fact decides: without any one of them it is still of {confidence} confidence, or another caps it"


def _list_changes(finding: Finding) -> Iterator[str]:
    """Say what would change the verdict."""
    ways = []
    if finding.rule.probe and finding.verdict.state not in (VerdictState.LIVE, VerdictState.DEAD):
        ways.append("--verify asks the provider: accepted is critical, refused is low")
    elif finding.verdict.state in (VerdictState.UNCHECKED, VerdictState.UNKNOWN):
        ways.append("nobody can be asked")
    ways.append("leakfirst:allow on its line or an entry in the baseline sets it aside")
    yield f"would change it: {'; '.join(ways)}"
