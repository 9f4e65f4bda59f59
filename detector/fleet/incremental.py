"""Tell what is new of a repository that has only grown.

Of a hundred versions of a file that hold one credential the oldest counts. As
long as history is only added to, the others cannot come to count, so they need
not be read again, and only new commits have to be looked through for what
brought a new object in. It is told whole again when a ref was deleted, moved
elsewhere than forward or is a tag that moved, when a reflog changed, and when a
new commit brings back an object that was there before: it may be an older one.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from detector.errors import SourceError
from detector.git.blame import Attribution, Blame, Place
from detector.git.branch_heads import BRANCHES
from detector.git.repository import Repository, SafeGit, reflogs, refs, safe_git
from detector.scan.masking import Veil
from detector.scan.state import ScanMemory

FORWARD = ("HEAD", *BRANCHES)
"""Beginnings of the refs that may move forward."""


class Before(NamedTuple):
    """What was told last time: the refs as they were (`_called`), and where the objects that count come from."""

    refs: Mapping[str, str]
    reflogs: str
    objects: Mapping[str, Attribution]

    def packed(self) -> bytes:
        """Return this as the state keeps it."""
        rows = {name: [at.kind, [list(place) for place in at.places], at.held_by] for name, at in self.objects.items()}
        told = {"refs": dict(self.refs), "reflogs": self.reflogs, "objects": rows}
        return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 6)


def unpacked(content: bytes) -> Before | None:
    """Read what `packed` wrote; None where nothing was kept."""
    if not content:
        return None
    try:
        told: Any = json.loads(zlib.decompress(content))
        objects = {
            name: Attribution(kind, tuple(Place(*place) for place in places), held_by)
            for name, (kind, places, held_by) in told["objects"].items()
        }
        return Before(told["refs"], told["reflogs"], objects)
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


class Growth(ScanMemory):
    """The memory with which flagged objects are told: of all of them, or of what is new.

    `wanted` are the objects to read; with `grown` these are the new ones and
    those that count since before.
    """

    def __init__(self, repository: Repository, flagged: Collection[str], fresh: Collection[str], kept: bytes) -> None:
        super().__init__()
        self._refs = {_called(name): tip for name, tip in refs(repository).items()}
        self._reflogs = _digest(repository)
        self._found: dict[str, Attribution] = {}
        self._told: set[str] = set()
        self.wanted = sorted(flagged)
        before = unpacked(kept)
        self.grown = before is not None and self._grown(repository, before, flagged, fresh)
        if self.grown:
            self.wanted = sorted(self._found)

    def attributions(self, repository: Repository, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return where objects come from, if all of them were there before or were brought by new commits."""
        del repository
        if not self.grown or not all(name in self._found for name in wanted):
            return {}
        return {name: self._found[name] for name in wanted}

    def attributed(self, repository: Repository, found: Mapping[str, Attribution], told: Collection[str]) -> None:
        """Note where objects come from, and which of them are *told*: the others are later versions of these."""
        del repository
        self._found.update(found)
        self._told.update(told)

    def kept(self, veil: Veil) -> bytes:
        """Return what the next time needs, as far as *veil* lets it be seen.

        That is nothing where a path holds a value: what is in the file may be judged by it.
        """
        objects = {name: self._found[name] for name in sorted(self._told) if name in self._found}
        if any(veil.text(place.path) != place.path for at in objects.values() for place in at.places):
            return b""
        objects = {name: _veiled(at, veil) for name, at in objects.items()}
        return Before(self._refs, self._reflogs, objects).packed()

    def _grown(self, repository: Repository, before: Before, flagged: Collection[str], fresh: Collection[str]) -> bool:
        if self._reflogs != before.reflogs or not before.objects.keys() <= set(flagged):
            return False
        moved = {name: tip for name, tip in before.refs.items() if self._refs.get(name) != tip}
        if any(name not in self._refs or not name.startswith(FORWARD) for name in moved):
            return False
        try:
            if moved and _left(repository, moved.values(), self._refs.values()):
                return False
            found = _brought(repository, before, set(flagged) - set(fresh), fresh)
        except SourceError:
            return False
        if found is None:
            return False
        self._found = {**before.objects, **found}
        return True


def _called(ref: str) -> str:
    """Return what is kept of the name of *ref*: enough to know it again, for a name may hold anything."""
    kind = next((start for start in FORWARD if ref.startswith(start)), "")
    return kind + hashlib.blake2b(ref.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _veiled(at: Attribution, veil: Veil) -> Attribution:
    places = tuple(Place(*map(veil.text, place)) for place in at.places)
    return Attribution(at.kind, places, veil.text(at.held_by))


def _left(repository: Repository, old: Iterable[str], new: Iterable[str]) -> bool:
    """Tell whether *old* lead to a commit to which nothing *new* leads."""
    given = "".join([*(f"{tip}\n" for tip in set(old)), *(f"^{tip}\n" for tip in set(new))])
    return bool(safe_git(repository, "rev-list", "--max-count=1", "--ignore-missing", "--stdin", given=given.encode()))


def _brought(
    repository: Repository, before: Before, old: Collection[str], fresh: Collection[str]
) -> dict[str, Attribution] | None:
    """Return where *fresh* objects come from; None if new commits do not say, or bring *old* ones back."""
    with SafeGit(repository) as git:
        kinds = {name: kind for name, kind in git.types(fresh) if kind != "missing"}
    with Blame(repository, known=tuple(set(before.refs.values()))) as blame:
        if blame.brings(old):
            return None
        if not fresh:
            return {}
        if len(kinds) < len(fresh) or not blame.brings_all(kinds):
            return None
        return blame.attribute(kinds)


def _digest(repository: Repository) -> str:
    return hashlib.blake2b(
        repr(list(reflogs(repository))).encode("utf-8", "surrogateescape"), digest_size=8
    ).hexdigest()
