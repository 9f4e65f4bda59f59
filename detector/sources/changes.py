"""What is new in a git repository: staged, since a revision, or in a range.

Blobs are read whole, because a credential may have parts on old lines; only
what stands on new lines is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from detector.config import Config
from detector.errors import SourceError, UsageError
from detector.git import changes
from detector.git.repository import Repository, discover
from detector.model import Blob, Origin, Skipped


class ChangesShare(NamedTuple):
    """Everything that is new, as one portion: git tells it as one stream."""

    repository: Repository
    label: str
    since: str = ""
    range: str = ""
    weight: int = 1 << 20

    @property
    def name(self) -> str:
        """Name the portion by what was asked for."""
        what = self.range or (f"changes since {self.since}" if self.since else "staged changes")
        return f"{what} of {self.label or '.'}"

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read what is new, each object once for each path."""
        if self.since or self.range:
            found = changes.read_new_objects(self.repository, self.since, self.range)
        else:
            found = changes.read_staged(self.repository)
        for change in found:
            if isinstance(change, Skipped):
                yield change
                continue
            kind = change.kind if change.commit or change.kind != "blob" else "index"
            origin = Origin(kind, change.path, self.label, change.object_id, change.commit)
            yield Blob(change.data, origin, new=change.new)


def shares(target: str, config: Config) -> Iterator[ChangesShare]:
    """Return one share for the repository at *target*. Raises `SourceError` if it is none."""
    label = "" if target == "." else target
    yield ChangesShare(discover(target, config.allow), label, config.since, config.range)


def check_revisions(targets: Sequence[str], config: Config) -> None:
    """Raise `UsageError` for a revision that none of *targets* has: it is mistyped.

    Where only some of them have it, and where one cannot be read, the share says so.
    """
    try:
        if not targets or any(
            changes.has_revision(discover(target, config.allow), config.since, config.range) for target in targets
        ):
            return
    except SourceError:
        return
    raise UsageError(f"{changes.describe_unknown_revision(config.since, config.range)} in {', '.join(targets)}")
