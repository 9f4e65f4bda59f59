"""The intermediate results of one repository while a sweep works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detector.fleet.object_ids import split_rows
from detector.fleet.tasks import ShareResult, SurveyResult

if TYPE_CHECKING:
    from sqlalchemy import Row

    from detector.fleet.inventory import RepositoryEntry
    from detector.fleet.state.store import Checkpoint
    from detector.model import Skipped


class RepositoryWork:
    """One repository at work: its row in the state, and what its tasks have returned.

    `remaining_shares` counts the shares of a divided repository that are not read
    yet. With `ended`, results of tasks that are still running do not matter any more.
    """

    def __init__(self, entry: RepositoryEntry, row: Row[Any] | None, checkpoint: Checkpoint) -> None:
        self.entry = entry
        self.row = row
        self.checkpoint = checkpoint
        self.survey = SurveyResult("")
        self.packs = b""
        self.flagged = set[bytes]()
        self.shares: list[ShareResult] = []
        self.skipped: tuple[Skipped, ...] = ()
        self.remaining_shares = 0
        self.seconds = 0.0
        self.ended = False

    @property
    def key(self) -> str:
        """The key of the repository in the inventory and in the state."""
        return self.entry.key

    def flag(self, content: bytes) -> None:
        """Add objects that contain findings."""
        self.flagged.update(split_rows(content, self.survey.id_bytes))
