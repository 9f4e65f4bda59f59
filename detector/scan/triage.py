"""Sort what was seen: one credential a finding, all its places, worst first.

Sightings of equal values are one finding, whichever rule saw them; the most
telling rule names it. What the user asked not to see is set aside here, with
the reason, never silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from detector.fingerprint import compute_fingerprint
from detector.model import CONFIDENCES, SEVERITIES, Finding, Ignored, Location, Rule, Sighting, VerdictState
from detector.secret import Secret


def build_findings(sightings: Iterable[Sighting], rules: Sequence[Rule], key: bytes) -> list[Finding]:
    """Put sightings of the same credential together; the result is sorted and stable.

    The order is severity, confidence, then the first place. Within a finding
    the oldest commit comes first.
    """
    groups: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        groups.setdefault(compute_fingerprint(sighting.secret, key), []).append(sighting)
    findings = [_build_finding(name, group, rules) for name, group in groups.items()]
    findings.sort(key=_order)
    return findings


def split_ignored(
    sightings: Iterable[Sighting], rules: Sequence[Rule], key: bytes, why: Callable[[Sighting, Rule], str]
) -> tuple[list[Sighting], list[Ignored]]:
    """Part what stays from what is ignored; *why* names the reason, or "" for what stays.

    A credential that is ignored in one place and not in another is in both lists.
    """
    kept: list[Sighting] = []
    ignored: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        reason = why(sighting, rules[sighting.rule])
        (ignored.setdefault(reason, []) if reason else kept).append(sighting)
    return kept, [
        Ignored(finding, reason)
        for reason in sorted(ignored)
        for finding in build_findings(ignored[reason], rules, key)
    ]


def _build_finding(name: str, group: list[Sighting], rules: Sequence[Rule]) -> Finding:
    group = sorted(group, key=lambda s: _age(s.location))  # workers end in any order; the oldest of equals is told
    best = max(group, key=lambda s: (*_weight(s, rules), rules[s.rule].id))
    parts: dict[tuple[str, str], tuple[str, Secret]] = {}
    for sighting in group:
        for part in sighting.parts:
            parts.setdefault((part[0], part[1].digest(b"parts")), part)
    rule = rules[best.rule]
    places = {_place(sighting.location): sighting.location for sighting in group}
    return Finding(
        fingerprint=name,
        rule=rule,
        severity=rule.severity,
        confidence=best.confidence,
        secret=best.secret,
        parts=tuple(part for _, part in sorted(parts.items())),
        locations=tuple(sorted(places.values(), key=_age)),
        verdict=best.verdict,
        evidence=best.evidence,
    )


def _weight(sighting: Sighting, rules: Sequence[Rule]) -> tuple[int, int, int, int]:
    rule = rules[sighting.rule]
    return (
        int(sighting.verdict.state == VerdictState.VALID_FORMAT),
        rule.specificity,
        CONFIDENCES.index(sighting.confidence),
        len(sighting.parts),
    )


def _place(location: Location) -> tuple[object, ...]:
    origin = location.origin
    return (origin.kind, origin.repository, origin.path, origin.object_id, origin.commit, location.start)


def _age(location: Location) -> tuple[object, ...]:
    origin = location.origin
    return (
        to_timestamp(origin.when),
        origin.path,
        location.line,
        location.column,
        origin.object_id or "",
        location.start,
    )


def to_timestamp(when: str | None) -> float:
    """Return seconds since 1970 of an ISO 8601 date; what has no date comes last."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(when).timestamp() if when else float("inf")
    except (ValueError, OverflowError):
        return float("inf")


def _order(finding: Finding) -> tuple[object, ...]:
    first = finding.locations[0]
    return (
        -SEVERITIES.index(finding.severity),
        -CONFIDENCES.index(finding.confidence),
        first.origin.path,
        first.line,
        first.column,
        finding.rule.id,
        finding.fingerprint,
    )


def is_confident(finding: Finding, least: str) -> bool:
    """Tell whether *finding* reaches the confidence that the user wants to see."""
    return CONFIDENCES.index(finding.confidence) >= CONFIDENCES.index(least)
