"""The whole history of a git repository: every blob, commit and tag, once.

Objects come straight from the object store (detector/git), not from a walk over
commits, so merge-only, amended, stashed and dangling content is read too. An
object says nothing of the commit that brought it; `targets.place` asks for that
afterwards, for the few objects with a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from detector.config import Config
from detector.git import shares as git_shares
from detector.git.gaps import gaps
from detector.git.repository import discover
from detector.memory import ScanMemory
from detector.model import Blob, Lineage, Origin, Skipped


class HistoryShare(NamedTuple):
    """Some objects of one repository; `repository` is its name in reports.

    With `changed_rules` they were read before, and only rules that have changed
    since have anything to say.
    """

    part: git_shares.Share
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
        repository = self.repository
        for item in git_shares.read(self.part, skipped):
            lineage = Lineage(item.id, item.base, item.delta, item.depth)
            yield Blob(item.data, Origin(item.kind, "", repository, item.id.hex()), lineage=lineage)
        for skip in skipped:
            yield skip._replace(where=f"{repository}:{skip.where}" if repository else skip.where)


def shares(target: str, config: Config, memory: ScanMemory | None = None) -> Iterator[HistoryShare | Skipped]:
    """Split the objects of the repository at *target* into shares of like cost.

    *memory* leaves out what an earlier scan has read.
    """
    repository = discover(target, config.allow)
    name = "" if target == "." else target
    reading = (memory or ScanMemory()).plan(repository, config.workers)
    for plan, changed in ((reading.new, False), (reading.old, True)):
        if plan is not None:
            yield from plan.skipped
            yield from (HistoryShare(share, name, changed) for share in plan.shares)
    yield from gaps(repository)
    if repository.shallow:
        yield Skipped(target, "is a shallow clone: older history is not here (git fetch --unshallow brings it)")
    if repository.promisor:
        yield Skipped(target, "is a partial clone: objects that were not fetched are not here (git fetch --refetch)")
