"""Read the small text files and folders of a git directory; unreadable ones count as empty.

The pre-commit hook uses this module: standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

MAX_SMALL_FILE = 1 << 16
MAX_REFS_FILE = 1 << 29


def read_small_file(path: str, limit: int = MAX_SMALL_FILE) -> str:
    """Return the text of a regular file of at most *limit* bytes; empty if there is no such file."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > limit:
            return ""
        with open(path, "rb") as stream:
            return os.fsdecode(stream.read(limit))
    except (OSError, ValueError):
        return ""


def list_names(folder: str) -> list[str]:
    """Return the sorted names in *folder*; empty if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def list_files_below(root: str, folder: str) -> Iterator[str]:
    """Yield the regular files below *folder*, relative to *root*; symbolic links are not followed."""
    stack = [folder]
    while stack:
        current = stack.pop()
        try:
            entries = sorted(os.scandir(os.path.join(root, current)), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            name = f"{current}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                stack.append(name)
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".lock"):
                yield name
