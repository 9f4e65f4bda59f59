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
from detector.git.repository import discover
from detector.model import Blob, Lineage, Origin, Skipped


class HistoryShare(NamedTuple):
    """Some objects of one repository; `repository` is its name in reports."""

    part: git_shares.Share
    repository: str

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
        for item in git_shares.read(self.part, skipped, traced=True):
            lineage = Lineage(item.id, item.base, item.copies, item.depth)
            yield Blob(item.data, Origin(item.kind, "", repository, item.id.hex()), lineage=lineage)
        for skip in skipped:
            yield skip._replace(where=f"{repository}:{skip.where}" if repository else skip.where)


def shares(target: str, config: Config) -> Iterator[HistoryShare | Skipped]:
    """Split the objects of the repository at *target* into shares of like cost."""
    repository = discover(target, config.allow)
    plan = git_shares.plan(repository, workers=config.workers)
    yield from plan.skipped
    name = "" if target == "." else target
    if repository.shallow:
        yield Skipped(target, "is a shallow clone: older history is not here (git fetch --unshallow brings it)")
    if repository.promisor:
        yield Skipped(target, "is a partial clone: objects that were not fetched are not here (git fetch --refetch)")
    for share in plan.shares:
        yield HistoryShare(share, name)
