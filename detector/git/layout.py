"""Recognise repositories by the names in a folder, without running git."""

from __future__ import annotations

import os

GIT_DIRECTORY = ("HEAD", "objects", "refs")
"""The names in every git directory; a bare repository is a git directory."""


def is_repository(path: str) -> bool:
    """Return whether *path* is the top folder of a repository: of a working tree, or a git directory."""
    if os.path.lexists(os.path.join(path, ".git")):
        return True
    return all(os.path.exists(os.path.join(path, name)) for name in GIT_DIRECTORY)


def is_bare(folder: str) -> bool:
    """Return whether *folder* is a git directory without a working tree."""
    has_tree = os.path.basename(folder) == ".git" or os.path.lexists(os.path.join(folder, ".git"))
    return not has_tree and is_repository(folder)


def find_root(path: str) -> str:
    """Return the top folder of the repository that contains *path*, or the folder of *path* if there is none.

    Returns "" if *path* does not exist, as for a URL or ``-``.
    """
    if path == "-" or not os.path.exists(path):
        return ""
    folder = at = os.path.abspath(path if os.path.isdir(path) else os.path.dirname(path))
    if is_bare(folder):
        return folder
    while not os.path.exists(os.path.join(at, ".git")):
        parent = os.path.dirname(at)
        if parent == at:
            return folder
        at = parent
    return at
