"""The whole history of a git repository as shares: every blob, commit and tag, once.

Objects are read from the object store, not in a walk over commits, so content that
is only in a merge, amended, stashed or unreachable is read too. The commit that
added an object is searched afterwards, for the few objects with a finding
(scan/attribution.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from detector.config import Config
from detector.engine.stored import Stored
from detector.errors import SourceError
from detector.git import shares as git_shares
from detector.git.missing_objects import find_missing_objects
from detector.git.objects import cat_file
from detector.git.repository import Repository, discover
from detector.model import Blob, Origin, Skipped

if TYPE_CHECKING:
    from detector.contracts import HistoryState

_OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class HistoryShare(NamedTuple):
    """Some objects of one repository; `repository` is its name in reports."""

    part: git_shares.ObjectShare
    repository: str
    read_before: bool = False
    published: bool = False

    @property
    def weight(self) -> int:
        """Return the estimated cost, in bytes of plain files."""
        return int(self.part.cost * 1000)

    @property
    def name(self) -> str:
        """Name the share by its size and repository."""
        return f"{self.part.objects} objects of the history of {self.repository or '.'}"

    def read(self) -> Iterator[Blob | Skipped]:
        """Read the objects; what cannot be read comes last."""
        skipped: list[Skipped] = []
        for stored in self.read_objects(skipped):
            yield self.make_blob(stored)
        yield from skipped

    def read_objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        """Read the objects; what cannot be read is appended to *skipped*."""
        lost: list[Skipped] = []
        yield from git_shares.read_share(self.part, lost)
        where = f"{self.repository}:" if self.repository else ""
        skipped += (skip._replace(where=where + skip.where) for skip in lost)

    def make_blob(self, stored: Stored) -> Blob:
        """Return the content of *stored* with its origin."""
        return Blob(stored.data, Origin(stored.kind, "", self.repository, stored.id.hex()))


class HistoryPlan(NamedTuple):
    """What a history has to be read for: new objects with all rules, known ones only with changed rules."""

    new: git_shares.SharePlan
    old: git_shares.SharePlan | None = None


class NoState:
    """The state of a scan that remembers nothing: everything is read."""

    def plan(self, name: str, repository: Repository, workers: int) -> HistoryPlan:
        """Divide all objects of *repository* into shares."""
        del name
        return HistoryPlan(git_shares.plan_shares(repository, workers=workers))

    def needs_reading(self, digest: str, place: str) -> bool:
        """Everything is read."""
        del digest, place
        return True


def split_history(
    repository: Repository, name: str, config: Config, state: HistoryState
) -> Iterator[HistoryShare | Skipped]:
    """Split the objects of *repository*, which reports call *name*, into shares of similar cost.

    *state* leaves out what an earlier scan has read.
    """
    where = name or "."
    with ThreadPoolExecutor(1) as other_thread:  # git searches for missing objects while we divide
        missing = other_thread.submit(list, find_missing_objects(repository))
        plan = state.plan(name, repository, config.workers)
    for part, read_before in ((plan.new, False), (plan.old, True)):
        if part is not None:
            yield from part.skipped
            yield from (HistoryShare(share, name, read_before) for share in part.shares)
    yield from missing.result()
    if repository.shallow:
        yield Skipped(where, "is a shallow clone: older history is not here (git fetch --unshallow brings it)")
    if repository.promisor:
        yield Skipped(where, "is a partial clone: objects that were not fetched are not here (git fetch --refetch)")


def read_objects_again(origins: Iterable[Origin], allow: Sequence[str] = ()) -> Iterator[Blob | Skipped]:
    """Read the objects of *origins* once more, by their ids."""
    by_repository: dict[str, dict[str, list[Origin]]] = {}
    for origin in origins:
        name = str(origin.object_id)
        if _OBJECT_ID.fullmatch(name):
            by_repository.setdefault(origin.repository, {}).setdefault(name, []).append(origin)
        else:
            yield Skipped(origin.path or origin.kind, f"{origin.kind} without an object id cannot be read again")
    for path, wanted in by_repository.items():
        try:
            repository = discover(path or ".", allow)
        except SourceError as error:
            yield Skipped(path or ".", str(error))
            continue
        for name, _, data in cat_file(repository, wanted):
            if data is None:
                yield Skipped(name, "the object is not there any more")
                continue
            for origin in wanted.get(name, ()):
                yield Blob(data, origin)
