"""The `--state` of a scan: read what is new, and what is old only for new rules.

git/memory.py keeps which objects were read under which rules. Here a scan asks
it what to read, and tells it afterwards what was read to the end. Nothing is
remembered of a scan that was cut short or met trouble: the next one looks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from detector.model import Rule, Sighting
from detector.rules import pack as packs
from detector.version import version

if TYPE_CHECKING:
    from detector.git.blame import Attribution
    from detector.git.repository import Repository
    from detector.git.shares import Plan


class Reading(NamedTuple):
    """What a history has to be read for: its new objects by all rules, its old ones by the changed rules."""

    new: Plan
    old: Plan | None = None


class ScanMemory:
    """What earlier scans have read, for one scan. Without a path it knows nothing and keeps nothing."""

    def __init__(self, path: str = "", pack: packs.Pack | None = None) -> None:
        """Open the state at *path* for the rules of *pack*."""
        self._readings: list[Reading] = []
        self._state = None
        if path and pack:
            from detector.git.memory import Memory

            self._state = Memory(path, {rule.id: rule_digest(rule) for rule in pack.rules})

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the report should know of the state."""
        return self._state.notes if self._state else ()

    @property
    def changed(self) -> frozenset[str]:
        """The rules that are new or other than last time."""
        return self._state.changed if self._state else frozenset()

    def plan(self, repository: Repository, workers: int) -> Reading:
        """Divide what has to be read of *repository*."""
        from detector.git.shares import plan

        if self._state is None:
            return Reading(plan(repository, workers=workers))
        width = repository.id_bytes
        state = self._state
        if not state.changed:
            new = plan(
                repository, workers=workers, exclude=state.known(width), known_packs=state.packs, again=state.again
            )
            reading = Reading(new)
        else:
            from detector.git.packs import sort_ids

            new = plan(repository, workers=workers, exclude=state.older(width))
            old = plan(repository, workers=workers, exclude=sort_ids(new.ids)) if len(state.older(width)) else None
            reading = Reading(new, old)
        self._readings.append(reading)
        return reading

    def attributions(self, repository: Repository, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return what is known of where objects come from, if the refs are what they were then."""
        from detector.git.blame import Attribution, Place

        stored = self._state.places.get(refs_digest(repository), {}) if self._state else {}
        if not all(name in stored for name in wanted):
            return {}
        return {
            name: Attribution(stored[name][0], tuple(Place(*place) for place in stored[name][1]), stored[name][2])
            for name in wanted
        }

    def attributed(self, repository: Repository, found: Mapping[str, Attribution]) -> None:
        """Note where objects come from."""
        if self._state is not None:
            rows = {name: [at.kind, [list(place) for place in at.places], at.held_by] for name, at in found.items()}
            self._state.places[refs_digest(repository)] = rows

    def keep(self, seen: Iterable[Sighting]) -> None:
        """Remember that everything planned was read; objects with a sighting are read again next time."""
        if self._state is None:
            return
        flagged = [str(at.object_id) for at in (sighting.location.origin for sighting in seen) if at.object_id]
        for reading in self._readings:
            for plan in (reading.new, reading.old):
                if plan is not None:
                    self._state.remember(plan.ids, plan.packs, flagged)
        self._state.save()


def refs_digest(repository: Repository) -> str:
    """Name the place and the state of the refs of *repository*: with them attributions change."""
    from detector.git.repository import head, reflogs, refs

    told = repr((repository.common_dir, sorted(refs(repository).items()), head(repository), list(reflogs(repository))))
    return hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def rule_digest(rule: Rule) -> str:
    """Name what *rule* finds: its own text without the remarks for people, and the code of the judgement."""
    telling = rule._replace(finds="", harm="", revoke="", links=(), examples=(), misses=(), source="", probe={})
    text = repr(telling) + (version() if rule.judge else "")
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
