"""A file or folder, whatever it turns out to be."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from detector.config import Config
from detector.contracts import Claim, HistoryState, NestedRepository, TargetNote
from detector.errors import SourceError, UsageError
from detector.git.layout import find_root
from detector.model import Blob, Origin, Skipped
from detector.sources._files import (
    FileShare,
    describe_special_file,
    group_files,
    read_file,
    read_files_again,
    walk_folder,
)

__all__ = ["ORIGIN_KINDS", "claim", "read_again", "read_file", "split"]

ORIGIN_KINDS = ("worktree", "archive", "image")


def claim(target: str, config: Config) -> Claim:
    """Claim any path that nobody claims more specifically."""
    del target, config
    return Claim.ANY_PATH


def split(
    target: str, config: Config, state: HistoryState
) -> Iterator[FileShare | Skipped | NestedRepository | TargetNote]:
    """Split a file or folder into shares of some megabytes each."""
    del state
    if not os.path.exists(target):
        raise SourceError(f"{target}: no such file or folder")
    if not config.worktree:
        raise UsageError(f"{target}: --no-worktree is for the top of a git repository, and this is none")
    if os.path.isdir(target):
        yield from _note_unread_history(target, config)
        yield from group_files(walk_folder(target, config), config)
        return
    found = os.stat(target)
    if stat.S_ISREG(found.st_mode):
        yield from group_files([(target, target, found.st_size)], config)
    else:
        yield Skipped(target, describe_special_file(found))


def _note_unread_history(folder: str, config: Config) -> Iterator[TargetNote]:
    top = find_root(folder)
    if config.history and top != os.path.abspath(folder):
        top = top if os.path.isabs(folder) else os.path.relpath(top)
        yield TargetNote(f"{folder} is part of the repository at {top}: its history was not read; scan {top} for that")


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the files once more."""
    del config
    return read_files_again(origins)
