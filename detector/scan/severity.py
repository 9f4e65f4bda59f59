"""Decide how urgent a finding is: harm x belief x place. docs/severity.md has the table, decision 17 the reasons.

*Harm* is the severity of the rule: what a credential of this kind can do. *Belief* is how certain it is that
the value is one. *Place* is who can use it where it stands. A report that calls everything high is
not read, so each step that was taken is said.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import NamedTuple

from detector.model import (
    CURRENT_KINDS,
    HISTORY_KINDS,
    SEVERITIES,
    UNREACHED_KINDS,
    Confidence,
    Finding,
    PlaceClass,
    Rule,
    Severity,
    VerdictState,
)
from detector.secret import Secret
from detector.text.places import classify_place

NO_ISSUER = frozenset(("", "any service", "HTTP", "JSON Web Token", "Private keys", "Addresses with a password",
    "One-time passwords", "Django", "age", "WireGuard"))  # fmt: skip
"""What rules without a provider name as their service: nobody issued the value, so its format proves its form alone."""

_CLASS_WORDS = {
    PlaceClass.TEST: "tests", PlaceClass.EXAMPLE: "examples", PlaceClass.DOCUMENTATION: "documentation",
    PlaceClass.VENDORED: "vendored code", PlaceClass.GENERATED: "generated code",
}  # fmt: skip


class KnownPlaces(NamedTuple):
    """What a scan knows about places besides the locations of its findings.

    `tips` are the classes of the places where a value stands in current versions of branches, by value; None
    if nobody looked: then every place that something reaches counts as current. `targets` are the
    files and folders that were scanned: what stands above them says nothing about what is in them.
    """

    tips: Mapping[Secret, Collection[PlaceClass]] | None = None
    targets: tuple[str, ...] = ()

    def classify(self, path: str) -> PlaceClass:
        """Return the class of *path*."""
        if not os.path.isabs(path) and not path.startswith(".."):
            return classify_place(path)
        above = [target.rstrip("/") for target in self.targets if path.startswith(os.path.join(target, ""))]
        return classify_place(path[len(max(above, key=len)) :] if above else os.path.basename(path))


NOTHING_KNOWN = KnownPlaces()


class Belief(NamedTuple):
    """How certain it is that a value is a credential: the highest severity that this allows, and the reason in words.

    `steps` is how many steps lower it is in tests and the like.
    """

    most: Severity
    why: str
    steps: int = 2


class Standing(NamedTuple):
    """One class of places at which a value stands: is it in the current version of a branch, does anything reach it."""

    place: PlaceClass
    is_current: bool
    is_reached: bool


def assess(finding: Finding, known: KnownPlaces = NOTHING_KNOWN) -> Finding:
    """Return *finding* with its severity, the reason for it and the class of its most exposed place."""
    harm = finding.rule.severity
    belief = weigh_belief(finding)
    if finding.verdict.state in (VerdictState.LIVE, VerdictState.DEAD):
        place = min((one.place for one in list_standings(finding, known)), key=_rank_place)
        severity = _least(harm, belief.most) if finding.verdict.state == VerdictState.DEAD else belief.most
        return finding._replace(severity=severity, severity_reason=belief.why, place=place)
    best: tuple[tuple[int, int], Severity, str, PlaceClass] | None = None
    for standing in list_standings(finding, known):
        severity, why = _weigh_place(finding.rule, _least(harm, belief.most), belief, standing)
        rank = SEVERITIES.index(severity), -_rank_place(standing.place)
        if best is None or rank > best[0]:
            best = rank, severity, why, standing.place
    assert best is not None
    reason = "; ".join(filter(None, [_describe_harm(harm, belief.most), belief.why, best[2]]))
    return finding._replace(severity=best[1], severity_reason=reason, place=best[3])


def weigh_belief(finding: Finding) -> Belief:
    """Return how certain it is that the value of *finding* is a credential that works."""
    rule, verdict, judgement = finding.rule, finding.verdict, finding.judgement
    if verdict.state == VerdictState.LIVE:
        little = SEVERITIES.index(rule.severity) < SEVERITIES.index(Severity.MEDIUM)
        return Belief(Severity.MEDIUM if little else Severity.CRITICAL, "its provider accepts it", 0)
    if verdict.state == VerdictState.DEAD:
        return Belief(Severity.LOW, "its provider refuses it", 0)
    is_proven = verdict.state == VerdictState.VALID_FORMAT
    if rule.published:
        return Belief(Severity.CRITICAL, "it is part of what is published", 0)
    if rule.service not in NO_ISSUER:
        if is_proven:
            return Belief(Severity.CRITICAL, f"its format is proven: {verdict.why or 'valid'}", 1)
        if finding.confidence != Confidence.LOW:
            return Belief(Severity.HIGH, f"it has a format of {rule.service}, but nothing in it proves it", 1)
    elif is_proven:
        return Belief(Severity.HIGH, f"its form is proven ({verdict.why or 'valid'}), but not who trusts it")
    if finding.confidence == Confidence.LOW:
        return Belief(Severity.LOW, "there is little evidence that it is a credential")
    if judgement and judgement.is_name_certain and judgement.is_value_random:
        return Belief(Severity.HIGH, "a guess, but its name is certain and its value is random")
    if finding.confidence == Confidence.HIGH and not rule.scored:
        return Belief(Severity.HIGH, "its form is certain, but nothing proves the value")
    return Belief(Severity.MEDIUM, "a guess by its name, its value and what stands around it")


def list_standings(finding: Finding, known: KnownPlaces) -> list[Standing]:
    """Return the classes of places in which a value stands; without locations, one that counts as source."""
    found: dict[Standing, None] = {}
    tips = None if known.tips is None else known.tips.get(finding.secret, ())
    for location in finding.locations:
        kind = location.origin.kind
        is_reached = kind not in UNREACHED_KINDS
        is_stored = kind in HISTORY_KINDS or (bool(location.origin.object_id) and kind not in CURRENT_KINDS)
        is_current = is_reached and (tips is None or not is_stored)
        found[Standing(known.classify(location.origin.path), is_current, is_reached)] = None
    for place in tips or ():
        found[Standing(place, True, True)] = None
    return list(found) or [Standing(PlaceClass.SOURCE, True, True)]


def _weigh_place(rule: Rule, severity: Severity, belief: Belief, standing: Standing) -> tuple[Severity, str]:
    """Return the severity at one class of places, and what the place has to do with it."""
    words = []
    if severity == Severity.CRITICAL and not standing.is_current:
        severity = Severity.HIGH
        words.append("it is only in the history")
    lowered = []
    if standing.place != PlaceClass.SOURCE and not rule.published:
        lowered.append(f"stands only in {_CLASS_WORDS[standing.place]}")
    if not standing.is_reached:
        lowered.append("no branch or tag reaches it")
    if lowered:
        before = SEVERITIES.index(severity)
        floor = min(before, SEVERITIES.index(Severity.LOW))
        after = max(before - (belief.steps or 1), floor)
        if steps := before - after:
            words.append(f"{'one step' if steps == 1 else 'two steps'} lower: {' and '.join(lowered)}")
        severity = SEVERITIES[after]
    return severity, "; ".join(words)


def _describe_harm(harm: Severity, most: Severity) -> str:
    return f"its harm is {harm}" if SEVERITIES.index(harm) < SEVERITIES.index(most) else ""


def _least(one: Severity, other: Severity) -> Severity:
    return SEVERITIES[min(SEVERITIES.index(one), SEVERITIES.index(other))]


def _rank_place(place: PlaceClass) -> int:
    return tuple(PlaceClass).index(place)
