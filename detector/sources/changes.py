"""What is new in a git repository: staged, since a revision, or in a range.

Blobs are read completely, because a credential may have parts on old lines; only
hits on new lines are reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from detector.config import Config
from detector.contracts import Claim, HistoryState
from detector.errors import SourceError, UsageError
from detector.model import HISTORY_KINDS, Blob, Origin, Skipped

if TYPE_CHECKING:
    from detector.git.repository import Repository

ORIGIN_KINDS = ("index", *HISTORY_KINDS)


class ChangesShare(NamedTuple):
    """Everything that is new, as one share: git lists it in one stream."""

    repository: Repository
    label: str
    since: str = ""
    range: str = ""
    weight: int = 1 << 20
    published: bool = False
    read_before: bool = False

    @property
    def name(self) -> str:
        """Name the share by what was asked for."""
        what = self.range or (f"changes since {self.since}" if self.since else "staged changes")
        return f"{what} of {self.label or '.'}"

    def read(self) -> Iterator[Blob | Skipped]:
        """Read what is new, each object once for each path."""
        from detector.git import changes

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


def claim(target: str, config: Config) -> Claim:
    """Claim any path if only what is new there is asked for."""
    del target
    return Claim.OPTION if config.staged or config.since or config.range else Claim.NONE


def split(target: str, config: Config, state: HistoryState) -> Iterator[ChangesShare]:
    """Return one share for the repository at *target*. Raises `SourceError` if it is none."""
    del state
    from detector.git.repository import discover

    label = "" if target == "." else target
    yield ChangesShare(discover(target, config.allow), label, config.since, config.range)


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the objects once more, by their ids."""
    from detector.git.history import read_objects_again

    return read_objects_again(origins, config.allow)


def check_revisions(targets: Sequence[str], config: Config) -> None:
    """Raise `UsageError` for a revision that none of *targets* has: it is mistyped.

    If some of them have it, or one cannot be read, the shares report that.
    """
    from detector.git import changes
    from detector.git.repository import discover

    try:
        if not targets or any(
            changes.has_revision(discover(target, config.allow), config.since, config.range) for target in targets
        ):
            return
    except SourceError:
        return
    raise UsageError(f"{changes.describe_unknown_revision(config.since, config.range)} in {', '.join(targets)}")
