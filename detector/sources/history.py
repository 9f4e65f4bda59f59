"""The whole history of a git repository: every blob, commit and tag, once.

Objects come straight from the object store (detector/git), not from a walk over
commits, so merge-only, amended, stashed and dangling content is read too. An
object says nothing of the commit that brought it; `targets.place` asks for that
afterwards, for the few objects with a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from detector.config import Config
from detector.engine.stored import Stored
from detector.git import shares as git_shares
from detector.git.missing_objects import find_missing_objects
from detector.git.repository import Repository, discover
from detector.model import Blob, Origin, Skipped


class HistoryPlan(NamedTuple):
    """What a history has to be read for: its new objects by all rules, its old ones by the changed rules."""

    new: git_shares.SharePlan
    old: git_shares.SharePlan | None = None


class HistoryPlanner(Protocol):
    """Decides which objects of a repository are read; an earlier scan may have read the others."""

    def plan(self, repository: Repository, workers: int) -> HistoryPlan:
        """Divide what has to be read of *repository* into shares."""


class HistoryShare(NamedTuple):
    """Some objects of one repository; `repository` is its name in reports.

    With `changed_rules` they were read before, and only rules that have changed
    since have anything to say.
    """

    part: git_shares.ObjectShare
    repository: str
    changed_rules: bool = False

    @property
    def weight(self) -> int:
        """Return the estimated cost, in bytes of plain files."""
        return int(self.part.cost * 1000)

    @property
    def name(self) -> str:
        """Name the portion by its size and repository."""
        return f"{self.part.objects} objects of the history of {self.repository or '.'}"

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read the objects; what cannot be read is told at the end."""
        skipped: list[Skipped] = []
        for stored in self.objects(skipped):
            yield self.blob(stored)
        yield from skipped

    def objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        """Read the objects; what cannot be read is appended to *skipped*."""
        lost: list[Skipped] = []
        yield from git_shares.read_share(self.part, lost)
        where = f"{self.repository}:" if self.repository else ""
        skipped += (skip._replace(where=where + skip.where) for skip in lost)

    def blob(self, stored: Stored) -> Blob:
        """Return the content of *stored* with its origin."""
        return Blob(stored.data, Origin(stored.kind, "", self.repository, stored.id.hex()))


def shares(target: str, config: Config, memory: HistoryPlanner | None = None) -> Iterator[HistoryShare | Skipped]:
    """Split the objects of the repository at *target* into shares of like cost.

    *memory* leaves out what an earlier scan has read.
    """
    repository = discover(target, config.allow)
    name = "" if target == "." else target
    with ThreadPoolExecutor(1) as beside:  # that is for git to do, while we divide
        missing = beside.submit(list, find_missing_objects(repository))
        if memory:
            reading = memory.plan(repository, config.workers)
        else:
            reading = HistoryPlan(git_shares.plan_shares(repository, workers=config.workers))
    for plan, changed in ((reading.new, False), (reading.old, True)):
        if plan is not None:
            yield from plan.skipped
            yield from (HistoryShare(share, name, changed) for share in plan.shares)
    yield from missing.result()
    if repository.shallow:
        yield Skipped(target, "is a shallow clone: older history is not here (git fetch --unshallow brings it)")
    if repository.promisor:
        yield Skipped(target, "is a partial clone: objects that were not fetched are not here (git fetch --refetch)")
