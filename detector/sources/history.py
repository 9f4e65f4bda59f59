"""The whole history of a git repository: every blob, commit and tag, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from detector.config import Config
from detector.contracts import Claim, HistoryState, NestedRepository
from detector.git.layout import is_repository
from detector.model import HISTORY_KINDS, Blob, Origin, Skipped

if TYPE_CHECKING:
    from detector.git.current_names import NameShare
    from detector.git.history import HistoryShare

ORIGIN_KINDS = (*HISTORY_KINDS, "ref")


def claim(target: str, config: Config) -> Claim:
    """Claim a repository, unless its history is not wanted."""
    return Claim.LAYOUT if config.history and is_repository(target) else Claim.NONE


def split(
    target: str, config: Config, state: HistoryState
) -> Iterator[HistoryShare | NameShare | Skipped | NestedRepository]:
    """Split the objects of the repository at *target* into shares.

    The repositories in its working tree follow, if nobody else lists them.
    """
    from detector.git.current_names import NameShare
    from detector.git.history import split_history
    from detector.git.repository import discover

    repository = discover(target, config.allow)
    name = "" if target == "." else target
    yield from split_history(repository, name, config, state)
    yield NameShare(repository, name, config.head_only)
    if not config.worktree:
        from detector.sources._worktree import list_submodules

        yield from list_submodules(repository)


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the objects once more, by their ids."""
    from detector.git.history import read_objects_again

    return read_objects_again(origins, config.allow)
