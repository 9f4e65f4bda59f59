"""Read refs, HEAD, reflogs and shallow commits from their files, without running git.

The pre-commit hook uses this module: standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from detector.errors import SourceError
from detector.git._files import MAX_REFS_FILE, list_files_below, list_names, read_small_file
from detector.git.repository import Repository

MAX_SYMBOLIC_REFS = 5
"""How many symbolic refs are followed one after the other, as in git."""

_MAX_REF_FILE = 4096
_HEX = frozenset("0123456789abcdef")


class ReflogEntry(NamedTuple):
    """One update of a ref, as recorded in its reflog."""

    ref: str
    old: str
    new: str
    message: str


def read_refs(repository: Repository) -> dict[str, str]:
    """Return every ref with the object id it points to; symbolic refs are resolved.

    Includes HEAD, the pseudorefs (ORIG_HEAD, MERGE_HEAD, …) and, under
    ``worktrees/NAME/``, those of linked worktrees.
    """
    if repository.ref_storage != "files":
        raise SourceError(
            f"{repository.common_dir}: refs are stored as {repository.ref_storage!r}, which is not supported"
        )
    size = 2 * repository.id_bytes
    found = _read_packed_refs(repository, size)
    symbolic: dict[str, str] = {}

    def read_ref(name: str, path: str) -> None:
        text = read_small_file(path, _MAX_REF_FILE).strip()
        if text.startswith("ref:"):
            symbolic[name] = text[4:].strip()
        elif _is_object_id(text[:size], size):
            found[name] = text[:size]

    folders = [(repository.git_dir, ""), (repository.common_dir, "")]
    worktrees = os.path.join(repository.common_dir, "worktrees")
    folders += [(os.path.join(worktrees, name), f"worktrees/{name}/") for name in list_names(worktrees)]
    for folder, prefix in reversed(folders):
        for name in list_names(folder):
            if name.isupper() and name.replace("_", "").isalpha():
                read_ref(prefix + name, os.path.join(folder, name))
        for name in list_files_below(folder, "refs"):
            read_ref(prefix + name, os.path.join(folder, name))
    for name, target in symbolic.items():
        for _ in range(MAX_SYMBOLIC_REFS):
            if target in symbolic:
                target = symbolic[target]
        if target in found:
            found[name] = found[target]
    return found


def _read_packed_refs(repository: Repository, size: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in read_small_file(os.path.join(repository.common_dir, "packed-refs"), MAX_REFS_FILE).splitlines():
        if len(line) > size and line[size] == " " and _is_object_id(line[:size], size):
            found[line[size + 1 :]] = line[:size]
    return found


def read_head(repository: Repository) -> str | None:
    """Return the id of the commit that HEAD points to; None before the first commit."""
    size = 2 * repository.id_bytes
    text = read_small_file(os.path.join(repository.git_dir, "HEAD"), _MAX_REF_FILE).strip()
    for _ in range(MAX_SYMBOLIC_REFS):
        if not text.startswith("ref:"):
            return text[:size] if _is_object_id(text[:size], size) else None
        name = text[4:].strip()
        if name.startswith(("/", "..")) or "/../" in name:
            return None
        for folder in (repository.git_dir, repository.common_dir):
            text = read_small_file(os.path.join(folder, name), _MAX_REF_FILE).strip()
            if text:
                break
        else:
            ending = " " + name
            for line in read_small_file(os.path.join(repository.common_dir, "packed-refs"), MAX_REFS_FILE).splitlines():
                if line.endswith(ending) and len(line) == size + len(ending):
                    return line[:size]
            return None
    return None


def read_shallow_commits(repository: Repository) -> tuple[str, ...]:
    """Return the commits of a shallow clone whose parents were not fetched."""
    text = read_small_file(os.path.join(repository.common_dir, "shallow"), MAX_REFS_FILE)
    return tuple(line for line in text.split() if _is_object_id(line, 2 * repository.id_bytes))


def read_reflogs(repository: Repository) -> Iterator[ReflogEntry]:
    """Yield the entries of all reflogs, linked worktrees included; each log starts with its oldest entry."""
    size = 2 * repository.id_bytes
    worktrees = os.path.join(repository.common_dir, "worktrees")
    folders = [repository.common_dir, *(os.path.join(worktrees, name) for name in list_names(worktrees))]
    for folder in folders:
        for name in list_files_below(folder, "logs"):
            for line in read_small_file(os.path.join(folder, name), MAX_REFS_FILE).splitlines():
                old, new = line[:size], line[size + 1 : 2 * size + 1]
                if _is_object_id(old, size) and _is_object_id(new, size):
                    yield ReflogEntry(name[5:], old, new, line.partition("\t")[2])


def _is_object_id(text: str, size: int) -> bool:
    return len(text) == size and _HEX.issuperset(text)
