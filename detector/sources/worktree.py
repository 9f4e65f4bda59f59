"""The working tree of a git repository: what is tracked and what could be added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.config import Config
from detector.contracts import Claim, HistoryState, NestedRepository
from detector.git.layout import is_repository
from detector.git.repository import discover
from detector.model import Blob, Origin, Skipped
from detector.sources._files import FileShare, group_files, read_files_again
from detector.sources._worktree import list_files, list_submodules

__all__ = ["ORIGIN_KINDS", "claim", "list_files", "list_submodules", "read_again", "split"]

ORIGIN_KINDS = ("worktree", "archive", "image")


def claim(target: str, config: Config) -> Claim:
    """Claim a repository, unless its files are not wanted."""
    return Claim.LAYOUT if config.worktree and is_repository(target) else Claim.NONE


def split(target: str, config: Config, state: HistoryState) -> Iterator[FileShare | Skipped | NestedRepository]:
    """Split the working tree at *target* into shares; a bare repository has none."""
    del state
    repository = discover(target, config.allow)
    if repository.work_tree:
        yield from group_files(list_files(repository, config), config, "" if target == "." else target)


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the files once more."""
    del config
    return read_files_again(origins)
