"""Which objects are being read: a repository that shares many of them with another one waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.fleet.repository_work import RepositoryWork

if TYPE_CHECKING:
    from detector.git.packs import ByteArray

MAX_SHARED = 32
"""Number of objects that two repositories may both read, rather than one waiting for the other."""


class Claims:
    """The objects that each repository is reading, and the repositories that wait."""

    def __init__(self) -> None:
        self._ids: dict[str, ByteArray] = {}
        self._waiting: list[RepositoryWork] = []

    def claim(self, work: RepositoryWork, ids: ByteArray) -> bool:
        """Return whether *work* may read *ids* now; otherwise it waits until another repository is read."""
        from detector.git.packs import find_rows

        same_length = (claimed for claimed in self._ids.values() if claimed.shape[1] == ids.shape[1])
        if any(int((find_rows(claimed, ids) >= 0).sum()) > MAX_SHARED for claimed in same_length):
            self._waiting.append(work)
            return False
        self._ids[work.key] = ids
        return True

    def release(self, work: RepositoryWork) -> list[RepositoryWork]:
        """End the claim of *work*; return all that waited, to claim again."""
        if self._ids.pop(work.key, None) is None:
            return []
        waiting, self._waiting = self._waiting, []
        return waiting
