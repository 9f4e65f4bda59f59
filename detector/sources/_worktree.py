"""The files of a git working tree: what is tracked and what could be added.

git lists them, run without the repository's own configuration. Files that
`.gitignore` names are left out (build outputs, caches) unless asked for; a
tracked file is read whatever `.gitignore` says, so a repository cannot hide one.
Submodules are repositories of their own; a folder that git calls a submodule but
that is no repository is read file by file.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from detector.config import Config
from detector.contracts import NestedRepository
from detector.errors import SourceError
from detector.git.repository import Repository, open_nested
from detector.git.safe_git import SafeGit
from detector.model import Skipped
from detector.sources._files import FileEntry, check_file, walk_folder

_NOT_OPENED = re.compile(r"^warning: could not open directory '(.*?)': ([^\n]*)$", re.DOTALL | re.MULTILINE)
"""How git says that it lists less than there is; it does not fail for that."""


def list_submodules(repository: Repository) -> Iterator[NestedRepository]:
    """List the repositories checked out inside of the working tree of *repository*."""
    if repository.work_tree:
        yield from (entry for entry in list_files(repository) if isinstance(entry, NestedRepository))


def list_files(
    repository: Repository, config: Config | None = None
) -> Iterator[FileEntry | Skipped | NestedRepository]:
    """List what git lists in the working tree: regular files, repositories of their own, and what is not read."""
    config = config or Config()
    root = repository.work_tree or ""
    missing = 0
    names, unlisted = _ask_git(repository, config.include_ignored)
    yield from unlisted
    if names is None:
        yield from _list_without_git(root, config)
        return
    for path in names:
        at = os.path.join(root, path)
        try:
            found = os.lstat(at)
            if stat.S_ISDIR(found.st_mode):
                yield from _list_folder(path, at, config)
                continue
        except (FileNotFoundError, NotADirectoryError):
            missing += 1  # deleted in the working tree; its content is in the history
        except PermissionError as error:  # that of its folder, for nobody needs one for the file itself
            folder = path if os.path.isdir(at) else os.path.dirname(path)
            yield Skipped(folder or root, f"cannot be listed: {error.strerror}")
        except OSError as error:
            yield Skipped(path, f"cannot be examined: {error.strerror}")
        else:
            yield from check_file(path, at, found)
    if missing:
        yield Skipped(root, f"{missing} tracked files are not in the working tree", expected=True)


def _list_folder(path: str, at: str, config: Config) -> Iterator[FileEntry | Skipped | NestedRepository]:
    """Yield what git lists as one name: a repository of its own, or a folder that only poses as one, whose files count.

    Raises `OSError` where it cannot be looked into.
    """
    os.listdir(at)
    try:
        if open_nested(at, config.allow):
            yield NestedRepository(at)
            return
    except SourceError as error:
        yield Skipped(path, str(error))
    yield from _walk_below(path, at, config)


def _list_without_git(root: str, config: Config) -> Iterator[FileEntry | Skipped | NestedRepository]:
    """List every file, because git would wait for a pipe for ever."""
    yield Skipped(
        root, "a pipe or device in the place of a .gitignore or a git directory keeps git from listing the files"
    )
    yield from _walk_below("", root, config)


def _walk_below(path: str, at: str, config: Config) -> Iterator[FileEntry | Skipped | NestedRepository]:
    for entry in walk_folder(at, config):
        if isinstance(entry, Skipped | NestedRepository):
            yield entry
        else:
            _, place, size = entry
            yield os.path.join(path, os.path.relpath(place, at)), place, size


def _has_pipe(tree: str) -> bool:
    """Tell whether git waits for something that is no file: it opens each .gitignore, and HEAD of each repository."""
    for folder, folders, _ in os.walk(tree):
        paths = [os.path.join(folder, ".gitignore")]
        if ".git" in folders:
            folders.remove(".git")
            if folder != tree:
                paths += [os.path.join(folder, ".git", name) for name in ("HEAD", "commondir")]
        if any(os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path) for path in paths):
            return True
    return False


def _ask_git(repository: Repository, include_ignored: bool) -> tuple[list[str] | None, list[Skipped]]:
    """Return the paths that git lists, None if it waits for a pipe, and the folders that it could not open."""
    tree = repository.work_tree or ""
    which = ["--cached", "--others", *([] if include_ignored else ["--exclude-standard"])]
    warned: list[str] = []
    stuck: list[bool] = []

    def is_stuck() -> bool:
        stuck.append(_has_pipe(tree))
        return stuck[-1]

    try:
        with SafeGit(repository, index=True) as git:
            options = ("-C", tree, "--work-tree", tree, "-c", "core.bare=false")
            listed = git.run(*options, "ls-files", "-z", *which, warnings=warned, is_stuck=is_stuck)
    except SourceError as error:
        if any(stuck):
            return None, []
        raise SourceError(f"{tree}: the list of files cannot be read: {error}") from None
    unlisted = [
        Skipped(match[1].rstrip("/"), f"cannot be listed: {match[2]}")
        for match in _NOT_OPENED.finditer("\n".join(warned))
    ]
    return sorted({os.fsdecode(name).rstrip("/") for name in listed.split(b"\0") if name}), unlisted
