"""The working tree of a git repository: what is tracked and what could be added.

git itself says which files these are, run without the repository's own
configuration. Files that `.gitignore` names are left out (build outputs,
caches) unless asked for; a tracked file is read whatever `.gitignore` says, so
a repository cannot hide one. Submodules are repositories of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from detector.config import Config
from detector.contracts import Share
from detector.errors import SourceError
from detector.git.repository import Repository, SafeGit, discover
from detector.model import Skipped
from detector.sources import files

MAX_NESTING = 16
"""Submodules within submodules that are followed."""


def shares(target: str, config: Config) -> Iterator[Share | Skipped]:
    """Split the working tree at *target* into shares; a bare repository has none."""
    repository = discover(target, config.allow)
    if repository.work_tree:
        name = "" if target == "." else target
        yield from files.grouped(_listed(repository.work_tree, repository, config), config, name)


def submodules(repository: Repository) -> list[str]:
    """List the paths of repositories checked out inside of the working tree of *repository*."""
    found = []
    for path in _names(repository, include_ignored=False):
        at = os.path.join(repository.work_tree or "", path)
        if os.path.isdir(at) and not os.path.islink(at) and os.path.lexists(os.path.join(at, ".git")):
            found.append(at)
    return found


def _listed(root: str, repository: Repository, config: Config) -> Iterator[tuple[str, str, int] | Skipped]:
    missing = 0
    for path in _names(repository, config.include_ignored):
        at = os.path.join(root, path)
        try:
            found = os.lstat(at)
        except OSError:
            missing += 1  # deleted in the working tree; its content is in the history
            continue
        if os.path.isdir(at) and not os.path.islink(at):
            continue  # a submodule: targets.py reads it as a repository
        yield from files.regular(path, at, found)
    if missing:
        yield Skipped(root, f"{missing} tracked files are not in the working tree", expected=True)


def _names(repository: Repository, include_ignored: bool) -> list[str]:
    tree = repository.work_tree or ""
    which = ["--cached", "--others", *([] if include_ignored else ["--exclude-standard"])]
    try:
        with SafeGit(repository, index=True) as git:
            listed = git.run("-C", tree, "--work-tree", tree, "-c", "core.bare=false", "ls-files", "-z", *which)
    except SourceError as error:
        raise SourceError(f"{tree}: the list of files cannot be read: {error}") from None
    return sorted({os.fsdecode(name).rstrip("/") for name in listed.split(b"\0") if name})
