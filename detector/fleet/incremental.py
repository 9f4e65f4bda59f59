"""Update the findings of a repository that has only grown since the last sweep.

Of a hundred versions of a file that hold one credential, the oldest counts. As
long as commits are only added, the others cannot come to count. They need not
be read again, and only the new commits have to be searched for the one that
added a new object. All flagged objects are read again when a ref was deleted,
moved elsewhere than forward or is a tag that moved, when a reflog changed, and
when a new commit restores an object that existed before: that object may be an
older version.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from detector.errors import SourceError
from detector.git.blame import Attribution, Blame, Introduction
from detector.git.branch_heads import BRANCHES
from detector.git.refs import read_reflogs, read_refs
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit, run_safe_git
from detector.scan.masking import NameMasker
from detector.scan.state import ScanState

FORWARD = ("HEAD", *BRANCHES)
"""Prefixes of the refs that may move forward."""


class AttributionSnapshot(NamedTuple):
    """What one sweep leaves for the next: the refs (by `_hide_name`), and where the objects that count come from."""

    refs: Mapping[str, str]
    reflogs: str
    objects: Mapping[str, Attribution]

    def to_bytes(self) -> bytes:
        """Return the form in which the state stores it."""
        rows = {
            name: [at.kind, [list(each) for each in at.introductions], at.held_by] for name, at in self.objects.items()
        }
        values = {"refs": dict(self.refs), "reflogs": self.reflogs, "objects": rows}
        return zlib.compress(json.dumps(values, separators=(",", ":")).encode(), 6)


def parse_snapshot(content: bytes) -> AttributionSnapshot | None:
    """Read what `to_bytes` wrote; None if there is nothing or it is damaged."""
    if not content:
        return None
    try:
        values: Any = json.loads(zlib.decompress(content))
        objects = {
            name: Attribution(kind, tuple(Introduction(*place) for place in places), held_by)
            for name, (kind, places, held_by) in values["objects"].items()
        }
        return AttributionSnapshot(values["refs"], values["reflogs"], objects)
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


class IncrementalMemory(ScanState):
    """Which flagged objects have to be read again, and what is known about where they come from.

    If `is_incremental`, `objects_to_read` are the new ones and those that counted
    before; otherwise all flagged objects.
    """

    def __init__(
        self, repository: Repository, flagged: Collection[str], newly_flagged: Collection[str], snapshot: bytes
    ) -> None:
        super().__init__()
        self._refs = {_hide_name(name): commit for name, commit in read_refs(repository).items()}
        self._reflogs = _digest_reflogs(repository)
        self._attributions: dict[str, Attribution] = {}
        self._counting: set[str] = set()
        self.objects_to_read = sorted(flagged)
        before = parse_snapshot(snapshot)
        self.is_incremental = before is not None and self._continue_from(before, repository, flagged, newly_flagged)
        if self.is_incremental:
            self.objects_to_read = sorted(self._attributions)

    def load_attributions(self, repository: Repository, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return where objects come from, if all of them existed before or were added by new commits."""
        del repository
        if not self.is_incremental or not all(name in self._attributions for name in wanted):
            return {}
        return {name: self._attributions[name] for name in wanted}

    def record_attributions(
        self, repository: Repository, found: Mapping[str, Attribution], counting: Collection[str]
    ) -> None:
        """Record where objects come from; the ones that are not *counting* are later versions of those that are."""
        del repository
        self._attributions.update(found)
        self._counting.update(counting)

    def save(self, masker: NameMasker) -> bytes:
        """Return the snapshot for the next sweep, masked by *masker*.

        It is empty if a path contains a credential: a rule may depend on the path.
        """
        objects = {name: self._attributions[name] for name in sorted(self._counting) if name in self._attributions}
        if any(masker.mask(place.path) != place.path for at in objects.values() for place in at.introductions):
            return b""
        objects = {name: _mask(at, masker) for name, at in objects.items()}
        return AttributionSnapshot(self._refs, self._reflogs, objects).to_bytes()

    def _continue_from(
        self,
        before: AttributionSnapshot,
        repository: Repository,
        flagged: Collection[str],
        newly_flagged: Collection[str],
    ) -> bool:
        """Complete the attributions of *before*; return False if that is not possible."""
        if self._reflogs != before.reflogs or not before.objects.keys() <= set(flagged):
            return False
        moved = {name: commit for name, commit in before.refs.items() if self._refs.get(name) != commit}
        if any(name not in self._refs or not name.startswith(FORWARD) for name in moved):
            return False
        try:
            if moved and _has_lost_commits(repository, moved.values(), self._refs.values()):
                return False
            found = _attribute_new_objects(repository, before, set(flagged) - set(newly_flagged), newly_flagged)
        except SourceError:
            return False
        if found is None:
            return False
        self._attributions = {**before.objects, **found}
        return True


def _hide_name(ref: str) -> str:
    """Return the prefix of *ref* and a digest of its name: a name may contain anything, even a credential."""
    prefix = next((start for start in FORWARD if ref.startswith(start)), "")
    return prefix + hashlib.blake2b(ref.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _mask(at: Attribution, masker: NameMasker) -> Attribution:
    places = tuple(Introduction(*map(masker.mask, place)) for place in at.introductions)
    return Attribution(at.kind, places, masker.mask(at.held_by))


def _has_lost_commits(repository: Repository, old: Iterable[str], new: Iterable[str]) -> bool:
    """Return whether a commit can be reached from *old* but not from *new*."""
    revisions = "".join([*(f"{commit}\n" for commit in set(old)), *(f"^{commit}\n" for commit in set(new))]).encode()
    return bool(run_safe_git(repository, "rev-list", "--max-count=1", "--ignore-missing", "--stdin", data=revisions))


def _attribute_new_objects(
    repository: Repository, before: AttributionSnapshot, old: Collection[str], new: Collection[str]
) -> dict[str, Attribution] | None:
    """Return where the *new* objects come from; None if new commits do not add them, or restore *old* ones."""
    with SafeGit(repository) as git:
        kinds = {name: kind for name, kind in git.read_types(new) if kind != "missing"}
    with Blame(repository, known=tuple(set(before.refs.values()))) as blame:
        if blame.find_introduced(old):
            return None
        if not new:
            return {}
        if len(kinds) < len(new) or not blame.reaches_all(kinds):
            return None
        return blame.attribute(kinds)


def _digest_reflogs(repository: Repository) -> str:
    entries = repr(list(read_reflogs(repository))).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(entries, digest_size=8).hexdigest()
