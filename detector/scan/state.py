"""The `--state` of a scan: read new objects with all rules, and known objects only with changed rules.

git/known_objects.py stores which objects were read with which rules. Nothing is
stored about a scan that was interrupted or could not read everything: the next
one reads the same objects again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from detector import __version__
from detector.model import Rule, Sighting
from detector.rules import pack as packs

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
        self._homes: dict[str, tuple[str, str]] = {}
        self._state = None
        if path and pack:
            from detector.git.known_objects import KnownObjectsFile

            self._state = KnownObjectsFile(path, {rule.id: digest_rule(rule) for rule in pack.rules})

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the report should know of the state."""
        return self._state.notes if self._state else ()

    @property
    def changed(self) -> frozenset[str]:
        """The rules that are new or other than last time."""
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
        width = repository.id_bytes
        state = self._state
        if not state.changed:
            known = {} if self._every_version else self._load_known(repository)
            spare = dict.fromkeys(known.get("rows", ()) if known.get("told") else ())
            for name in known.get("told", ()):
                spare.pop(name, None)
            again = [name for name in state.flagged if name not in spare]
            new = plan_shares(
                repository,
                workers=workers,
                exclude=state.get_known_ids(width),
                known_packs=state.known_packs,
                reread=again,
                reread_fallback=list(spare),
            )
            planned = HistoryPlan(new)
        else:
            from detector.git.packs import sort_ids

            new = plan_shares(repository, workers=workers, exclude=state.get_outdated_ids(width))
            old = (
                plan_shares(repository, workers=workers, exclude=sort_ids(new.ids))
                if len(state.get_outdated_ids(width))
                else None
            )
            planned = HistoryPlan(new, old)
        self._plans.append(planned)
        return planned

    def load_attributions(self, repository: Repository, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return what is known of where objects come from, if the refs are what they were then."""
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
        """Return what was found out of *repository* when its refs were what they are now."""
        if self._state is None:
            return {}
        home, refs = self._identify(repository)
        known = self._state.attributions.get(home, {})
        return known if known.get("refs") == refs else {}

    def _identify(self, repository: Repository) -> tuple[str, str]:
        """Name *repository*, and the state of its refs when it was first asked about in this scan."""
        if repository.common_dir not in self._homes:
            home = hashlib.blake2b(os.fsencode(repository.common_dir), digest_size=16).hexdigest()
            self._homes[repository.common_dir] = home, digest_refs(repository)
        return self._homes[repository.common_dir]

    def save_objects_read(self, seen: Iterable[Sighting], masker: NameMasker) -> None:
        """Remember that everything planned was read; objects with a sighting are read again next time.

        Where these come from is kept as far as *masker* lets it be seen. A path that holds a value is not: what is
        in the file may be judged by it, so it is asked for again.
        """
        if self._state is None:
            return
        flagged = [str(at.object_id) for at in (sighting.location.origin for sighting in seen) if at.object_id]
        for planned in self._plans:
            for plan in (planned.new, planned.old):
                if plan is not None:
                    self._state.add(plan.ids, plan.pack_keys, flagged)
        for home, _ in self._homes.values():
            rows = self._state.attributions.get(home, {}).get("rows", {})
            for name, (kind, places, held_by) in list(rows.items()):
                hidden = [[masker.mask(text) for text in place] for place in places]
                rows[name] = [kind, hidden, masker.mask(held_by)]
                if any(place[1] != before[1] for place, before in zip(hidden, places, strict=True)):
                    del rows[name]
        self._state.save()


def digest_refs(repository: Repository) -> str:
    """Name the place and the state of the refs of *repository*: with them attributions change."""
    from detector.git.refs import read_head, read_reflogs, read_refs

    told = repr(
        (
            repository.common_dir,
            sorted(read_refs(repository).items()),
            read_head(repository),
            list(read_reflogs(repository)),
        )
    )
    return hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def digest_rule(rule: Rule) -> str:
    """Name what *rule* finds: its own text without the remarks for people, and the code of the scoring."""
    telling = rule._replace(finds="", harm="", revoke="", links=(), examples=(), misses=(), source="", probe={})
    text = repr(telling) + (__version__ if rule.scored else "")
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
