"""Find out which values of a history still stand in the current version of a branch.

The scan of a history keeps the oldest version of each file, so a location does not say whether its value
is still there. Only for what may be critical this is worth reading trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from detector.config import Config
from detector.errors import SourceError
from detector.model import PlaceClass, Rule, Severity, Sighting, VerdictState
from detector.secret import Secret
from detector.text.places import classify_place


def find_tips(
    sightings: Iterable[Sighting], rules: Sequence[Rule], config: Config
) -> Mapping[Secret, frozenset[PlaceClass]] | None:
    """Return where the values of *sightings* that may be critical stand at the heads of branches.

    *sightings* are those of all versions, before attribution. Returns None if every place counts as current,
    because only new commits are looked at; a repository that cannot be read counts as if all were at a tip.
    """
    if config.since or config.range or config.staged:
        return None
    wanted: dict[str, dict[str, set[Secret]]] = {}
    for sighting in sightings:
        origin = sighting.location.origin
        if origin.object_id and origin.kind != "index" and may_be_critical(sighting, rules):
            wanted.setdefault(origin.repository, {}).setdefault(origin.object_id, set()).add(sighting.secret)
    found: dict[Secret, set[PlaceClass]] = {}
    for repository, objects in wanted.items():
        for object_id, path in _list_heads(repository, list(objects), config):
            for secret in objects[object_id]:
                found.setdefault(secret, set()).add(classify_place(path))
    return {secret: frozenset(places) for secret, places in found.items()}


def may_be_critical(sighting: Sighting, rules: Sequence[Rule]) -> bool:
    """Return whether the severity of *sighting* depends on its value being at a tip."""
    is_proven = sighting.verdict.state == VerdictState.VALID_FORMAT
    return is_proven and rules[sighting.rule].severity == Severity.CRITICAL


def _list_heads(repository: str, objects: list[str], config: Config) -> Iterable[tuple[str, str]]:
    """Return (object, path) for those of *objects* that a branch has now; all of them if nobody can tell."""
    from detector.git.branch_heads import find_in_branch_heads
    from detector.git.repository import discover

    try:
        heads = find_in_branch_heads(discover(repository or ".", config.allow), objects)
    except SourceError:
        return [(object_id, "") for object_id in objects]
    return [(head.object_id, head.path) for head in heads]
