"""The `--state` of a scan: read new objects with all rules, and known objects only with changed rules.

git/known_objects.py stores which objects were read with which rules. Nothing is
stored about a scan that was interrupted or could not read everything: the next
one reads the same objects again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from detector import __version__
from detector.fingerprint import load_project_key
from detector.model import Rule, Sighting
from detector.rules import pack as packs

CONTENT_ID_BYTES = 24
"""Length of the ids of contents that are no git objects, whose ids have 20 or 32 bytes."""

if TYPE_CHECKING:
    from detector.git.blame import Attribution
    from detector.git.history import HistoryPlan
    from detector.git.repository import Repository
    from detector.scan.masking import NameMasker


class ScanState:
    """What earlier scans have read. Without a path it knows nothing and stores nothing."""

    def __init__(self, path: str = "", pack: packs.Pack | None = None, every_version: bool = False) -> None:
        """Open the state at *path* for the rules of *pack*."""
        self._every_version = every_version
        self._plans: list[HistoryPlan] = []
        self._repositories: dict[str, tuple[str, str]] = {}
        self._contents: dict[str, list[bytes]] = {}
        self._state = None
        if path and pack:
            from detector.git.known_objects import KnownObjectsFile

            rules = {rule.id: digest_rule(rule) for rule in pack.rules}
            self._state = KnownObjectsFile(path, rules, load_project_key())

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the state for the reader of the report."""
        return self._state.notes if self._state else ()

    @property
    def changed_rules(self) -> frozenset[str]:
        """The ids of rules that are new or have changed since the last scan."""
        return self._state.changed if self._state else frozenset()

    def plan(self, name: str, repository: Repository, workers: int) -> HistoryPlan:
        """Divide what has to be read of *repository* into shares.

        Objects with a finding are read again. As long as no ref has changed, later versions of a file whose
        oldest version has the finding are left out, unless every version is asked for.
        """
        from detector.git.history import HistoryPlan
        from detector.git.shares import plan_shares

        del name
        if self._state is None:
            return HistoryPlan(plan_shares(repository, workers=workers))
        planned = self._plan_changed_rules(repository, workers) or self._plan_new_objects(repository, workers)
        self._plans.append(planned)
        return planned

    def needs_reading(self, digest: str, place: str) -> bool:
        """Return whether no scan has read the content with *digest* and found nothing; it is then read as *place*."""
        if self._state is None:
            return True
        name = hashlib.blake2b(digest.encode(), digest_size=CONTENT_ID_BYTES, person=b"content").digest()
        if self._state.is_known(name):
            return False
        self._contents.setdefault(place, []).append(name)
        return True

    def _plan_new_objects(self, repository: Repository, workers: int) -> HistoryPlan:
        """Plan for the same rules as last time: new objects, and those with a finding that counts."""
        from detector.git.history import HistoryPlan
        from detector.git.shares import plan_shares

        assert self._state is not None
        known = {} if self._every_version else self._load_known(repository)
        counting = set(known.get("told", ()))
        later_versions = [name for name in known.get("rows", ()) if name not in counting] if counting else []
        skipped = frozenset(later_versions)
        new = plan_shares(
            repository,
            workers=workers,
            exclude=self._state.get_known_ids(repository.id_bytes),
            known_packs=self._state.known_packs,
            reread=[name for name in self._state.flagged if name not in skipped],
            reread_fallback=later_versions,
        )
        return HistoryPlan(new)

    def _plan_changed_rules(self, repository: Repository, workers: int) -> HistoryPlan | None:
        """Plan for rules that have changed: new objects with all rules, known ones with those; None if none has."""
        from detector.git.history import HistoryPlan
        from detector.git.packs import sort_ids
        from detector.git.shares import plan_shares

        assert self._state is not None
        if not self._state.changed:
            return None
        outdated = self._state.get_outdated_ids(repository.id_bytes)
        new = plan_shares(repository, workers=workers, exclude=outdated)
        old = plan_shares(repository, workers=workers, exclude=sort_ids(new.ids)) if len(outdated) else None
        return HistoryPlan(new, old)

    def load_attributions(self, repository: Repository, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return where objects come from, if that is known and no ref has changed since."""
        from detector.git.blame import Attribution, Introduction

        stored = self._load_known(repository).get("rows", {})
        if not all(name in stored for name in wanted):
            return {}
        return {
            name: Attribution(
                stored[name][0], tuple(Introduction(*place) for place in stored[name][1]), stored[name][2]
            )
            for name in wanted
        }

    def record_attributions(
        self, repository: Repository, found: Mapping[str, Attribution], counting: Collection[str]
    ) -> None:
        """Record where objects come from; the ones that are not *counting* are later versions of those that are."""
        if self._state is not None:
            rows = {
                name: [at.kind, [list(place) for place in at.introductions], at.held_by] for name, at in found.items()
            }
            home, refs = self._identify(repository)
            rows = {**self._load_known(repository).get("rows", {}), **rows}
            self._state.attributions[home] = {"refs": refs, "rows": rows, "told": sorted(counting)}

    def _load_known(self, repository: Repository) -> dict[str, Any]:
        """Return the stored attributions of *repository*, if no ref has changed since."""
        if self._state is None:
            return {}
        home, refs = self._identify(repository)
        known = self._state.attributions.get(home, {})
        return known if known.get("refs") == refs else {}

    def _identify(self, repository: Repository) -> tuple[str, str]:
        """Return the stored name of *repository*, and the digest of its refs when this scan first asked."""
        if repository.common_dir not in self._repositories:
            home = hashlib.blake2b(os.fsencode(repository.common_dir), digest_size=16).hexdigest()
            self._repositories[repository.common_dir] = home, digest_refs(repository)
        return self._repositories[repository.common_dir]

    def save_objects_read(self, sightings: Iterable[Sighting], masker: NameMasker) -> None:
        """Store that all planned objects were read; those with a sighting are read again next time.

        Where they come from is stored masked by *masker*. An attribution whose path contains a value is left out:
        the score may depend on the path, so it has to be found again.
        """
        if self._state is None:
            return
        sightings = tuple(sightings)
        flagged = [str(at.object_id) for at in (sighting.location.origin for sighting in sightings) if at.object_id]
        for planned in self._plans:
            for plan in (planned.new, planned.old):
                if plan is not None:
                    self._state.add(plan.ids, plan.pack_keys, flagged)
        self._save_contents_read(sightings)
        for home, _ in self._repositories.values():
            rows = self._state.attributions.get(home, {}).get("rows", {})
            for name, (kind, places, held_by) in list(rows.items()):
                masked = [[masker.mask(text) for text in place] for place in places]
                rows[name] = [kind, masked, masker.mask(held_by)]
                if any(place[1] != before[1] for place, before in zip(masked, places, strict=True)):
                    del rows[name]
        self._state.save()

    def _save_contents_read(self, sightings: Iterable[Sighting]) -> None:
        """Add the contents that were read and in which nothing was found; the others are read again next time."""
        assert self._state is not None
        import numpy as np

        if self._state.changed:
            self._state.forget(CONTENT_ID_BYTES)  # other targets were read with the rules of before
        found = {place for sighting in sightings for place in list_containers(sighting.location.origin.path)}
        clean = [name for place, names in self._contents.items() if place not in found for name in names]
        if clean:
            from detector.git.packs import sort_ids

            self._state.add(sort_ids(np.frombuffer(b"".join(clean), np.uint8).reshape(-1, CONTENT_ID_BYTES)))


def list_containers(path: str) -> Iterator[str]:
    """Yield *path* and what may be the paths of the containers around it.

    >>> list(list_containers("a.zip!b!c"))
    ['a.zip!b!c', 'a.zip!b', 'a.zip']
    """
    while path:
        yield path
        path = path.rpartition("!")[0]


def digest_refs(repository: Repository) -> str:
    """Return a digest of the place and the refs of *repository*: attributions are valid as long as it is the same."""
    from detector.git.refs import read_head, read_reflogs, read_refs

    described = repr(
        (
            repository.common_dir,
            sorted(read_refs(repository).items()),
            read_head(repository),
            list(read_reflogs(repository)),
        )
    )
    return hashlib.blake2b(described.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def digest_rule(rule: Rule) -> str:
    """Return a digest of everything in *rule* that decides what it finds; of a scored one, the version as well."""
    decisive = rule._replace(finds="", harm="", revoke="", links=(), examples=(), misses=(), source="", probe={})
    text = repr(decisive) + (__version__ if rule.scored else "")
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
