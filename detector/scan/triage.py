"""Build findings from sightings: one for each credential, with all its locations, the most severe first.

Sightings of equal values are one finding, whichever rules made them; the most
specific rule names it. What the user ignores is kept apart, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from detector.fingerprint import compute_fingerprint
from detector.model import CONFIDENCES, SEVERITIES, Finding, Ignored, Location, Rule, Sighting, VerdictState
from detector.scan.severity import NOTHING_KNOWN, KnownPlaces, assess
from detector.secret import Secret


def build_findings(
    sightings: Iterable[Sighting], rules: Sequence[Rule], key: bytes, known: KnownPlaces = NOTHING_KNOWN
) -> list[Finding]:
    """Return one finding for each credential, sorted by severity, confidence and first location.

    The result does not depend on the order of *sightings*. The locations of a
    finding are sorted by date, the oldest first. *known* is what their severity
    depends on besides.
    """
    groups: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        groups.setdefault(compute_fingerprint(sighting.secret, key), []).append(sighting)
    findings = [assess(_build_finding(name, group, rules), known) for name, group in groups.items()]
    findings.sort(key=_sort_by_severity)
    return findings


def split_ignored(
    sightings: Iterable[Sighting],
    rules: Sequence[Rule],
    key: bytes,
    find_reason: Callable[[Sighting, Rule], str],
    known: KnownPlaces = NOTHING_KNOWN,
) -> tuple[list[Sighting], list[Ignored]]:
    """Separate the sightings to report from ignored findings.

    *find_reason* returns why a sighting is ignored, or "". A credential that is ignored
    at one location but not at another is in both lists.
    """
    kept: list[Sighting] = []
    ignored: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        reason = find_reason(sighting, rules[sighting.rule])
        (ignored.setdefault(reason, []) if reason else kept).append(sighting)
    return kept, [
        Ignored(finding, reason)
        for reason in sorted(ignored)
        for finding in build_findings(ignored[reason], rules, key, known)
    ]


def _build_finding(name: str, group: list[Sighting], rules: Sequence[Rule]) -> Finding:
    group = sorted(
        group, key=lambda s: _sort_by_age(s.location)
    )  # workers finish in any order; of equal sightings the oldest counts
    best = max(group, key=lambda s: (*_rank(s, rules), rules[s.rule].id))
    parts: dict[tuple[str, str], tuple[str, Secret]] = {}
    for sighting in (best, *group):
        for part in sighting.parts:
            parts.setdefault((part[0], part[1].digest(b"parts")), part)
    rule = rules[best.rule]
    locations = {_identify(sighting.location): sighting.location for sighting in group}
    return Finding(
        fingerprint=name,
        rule=rule,
        severity=rule.severity,
        confidence=best.confidence,
        secret=best.secret,
        parts=tuple(sorted(parts.values(), key=lambda part: part[0])),  # of one name, the most likely first
        locations=tuple(sorted(locations.values(), key=_sort_by_age)),
        verdict=best.verdict,
        evidence=best.evidence,
        judgement=best.judgement,
    )


def _rank(sighting: Sighting, rules: Sequence[Rule]) -> tuple[int, int, int, int]:
    rule = rules[sighting.rule]
    return (
        int(sighting.verdict.state == VerdictState.VALID_FORMAT),
        rule.specificity,
        CONFIDENCES.index(sighting.confidence),
        len({name for name, _ in sighting.parts}),
    )


def _identify(location: Location) -> tuple[object, ...]:
    origin = location.origin
    return (origin.kind, origin.repository, origin.path, origin.object_id, origin.commit, location.start)


def _sort_by_age(location: Location) -> tuple[object, ...]:
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
    """Return seconds since 1970 of an ISO 8601 date; infinity if there is none, so that it comes last."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(when).timestamp() if when else float("inf")
    except (ValueError, OverflowError):
        return float("inf")


def _sort_by_severity(finding: Finding) -> tuple[object, ...]:
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
    """Return whether *finding* reaches the minimal confidence *least*."""
    return CONFIDENCES.index(finding.confidence) >= CONFIDENCES.index(least)
