"""A folder of repositories, bare or not, at any depth.

Repositories inside another repository's work tree are not listed. A symbolic
link is followed if it leads to a repository, but not to a folder of
repositories. A repository is read in place; whoever made it keeps it up to date.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, RefusedRow, RepositoryEntry
from detector.fleet.inventory._entries import make_path_entry
from detector.fleet.names import InvalidName, make_line
from detector.git.layout import is_repository
from detector.model import Skipped


def list_repositories(location: str, _options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the repositories below *location*.

    Raises `UsageError` if it is not a folder. A missing folder with an absolute path
    is a `Skipped`: it may not be mounted, and the sweep continues with the others.
    """
    root = os.path.expanduser(location)
    if root.startswith("~"):
        raise UsageError(f"{location}: this user has no home folder")
    if not os.path.isdir(root):
        if os.path.isabs(root):
            return iter([Skipped(make_line(root), "no such folder")])
        raise UsageError(f"{location}: no such folder")
    return _walk(os.path.abspath(root))


def _walk(root: str) -> Iterator[RepositoryEntry | Skipped]:
    folders = [root]
    while folders:
        folder = folders.pop()
        if is_repository(folder):
            try:
                yield make_path_entry(folder, root)
            except InvalidName as error:
                yield RefusedRow(make_line(folder), str(error))
            continue
        try:
            with os.scandir(folder) as scanned:
                inner = [entry for entry in scanned if entry.is_dir()]
        except OSError as error:
            yield Skipped(make_line(folder), f"cannot be read ({error.strerror})")
            continue
        followed = (entry.path for entry in inner if not entry.is_symlink() or is_repository(entry.path))
        folders += sorted(followed, reverse=True)
