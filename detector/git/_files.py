"""Read the files and folders of a git directory; small ones that are unreadable count as empty.

A pipe in the place of a file would be waited for without end, by us and by git.

The pre-commit hook uses this module: standard library only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

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


def open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading, without waiting if it is something else. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file", path)
    return os.fdopen(descriptor, "rb")


def list_special_files(store: str) -> Iterator[str]:
    """Yield what is neither a file nor a folder (pipes, devices) where git reads files of an object store."""
    digits = frozenset("0123456789abcdef")
    inner = [name for name in list_names(store) if len(name) == 2 and digits.issuperset(name)]
    for folder in ("", "info", "info/commit-graphs", "pack", *inner):
        try:
            entries = list(os.scandir(os.path.join(store, folder)))
        except OSError:
            continue
        for entry in entries:
            if not entry.is_file() and not entry.is_dir() and os.path.exists(entry.path):
                yield entry.path


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
