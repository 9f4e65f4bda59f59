"""Where a credential stands, once per line of a file, and under which name a service remembers it.

A service closes an alert and opens another when this name changes. So it is the same on every
machine, and it survives edits of the file and a new baseline: it depends on the rule, the path and
the value, under a key that is derived from the repository itself (scan/alert_keys.py). Without
such a key the value is left out, and the text around it counts instead.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from detector.model import CURRENT_KINDS, Finding, Location

LENGTH = 32
"""Hex digits of an identity."""


class Place(NamedTuple):
    """One line of a file, or of an object without a path, that holds a credential.

    `location` is where it is shown: in the working tree, else in the newest version. `others` are older
    versions of the file, told with its first line. `identity` is the same for the same credential in the
    same file; further lines count from the first.
    """

    location: Location
    others: tuple[Location, ...]
    identity: str


def list_places(finding: Finding, keys: Mapping[str, bytes], seen: Counter[str]) -> list[Place]:
    """Return the places of *finding*, in the order of its locations; *keys* are those of its repositories.

    *seen* counts the identities of one report: where the value is left out, two may be equal.
    """
    found = []
    for (repository, name), group in _group_locations(finding).items():
        shown = _choose_shown(group)
        others = tuple(at for at in group if at.origin != shown.origin)
        for location in _list_lines(group, shown):
            identity = _compute_identity(finding, name, location, keys.get(repository, b""))
            seen[identity] += 1
            if seen[identity] > 1:
                identity = hashlib.sha256(f"{identity}\0{seen[identity]}".encode()).hexdigest()[:LENGTH]
            found.append(Place(location, others, identity))
            others = ()
    return found


def count_places(finding: Finding) -> int:
    """Return how many places `list_places` returns."""
    return sum(len(_list_lines(group, _choose_shown(group))) for group in _group_locations(finding).values())


def _choose_shown(group: list[Location]) -> Location:
    return next((at for at in group if at.origin.kind in CURRENT_KINDS), group[-1])


def _list_lines(group: list[Location], shown: Location) -> list[Location]:
    """Return the locations in the version of *shown*, in the order of the file."""
    return sorted((at for at in group if at.origin == shown.origin), key=lambda at: (at.start, at.line, at.column))


def _group_locations(finding: Finding) -> dict[tuple[str, str], list[Location]]:
    """Return the locations by repository, and by path or else by object."""
    groups: dict[tuple[str, str], list[Location]] = {}
    for location in finding.locations:
        origin = location.origin
        groups.setdefault((origin.repository, origin.path or f"{origin.kind} {origin.object_id}"), []).append(location)
    return groups


def _compute_identity(finding: Finding, name: str, shown: Location, key: bytes) -> str:
    value = finding.secret.digest(key) if key else " ".join([finding.secret.redacted, *shown.snippet.split()])
    text = "\0".join(["leakfirst alert 1", finding.rule.id, name, value])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
