"""Read a tree of files with their digests, in several threads.

Links are not followed, and a file that is replaced by a link or a pipe between listing
and reading is not read. `.git` is omitted, because git changes it even when it only reads.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256

from detector.errors import UsageError
from detector.incident.manifest.file_format import ManifestEntry

CHUNK = 1 << 20
FIRST_CHUNK = 1 << 16
MAX_BATCH = 128
"""Largest number of files in one unit of work of a thread."""

_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
_BITS = ((stat.S_IXUSR, "executable"), (stat.S_ISUID, "setuid"), (stat.S_ISGID, "setgid"), (stat.S_ISVTX, "sticky"))

IsExcluded = Callable[[str], bool]


def make_exclude_filter(patterns: Sequence[str]) -> IsExcluded:
    """Return a function that says whether a path is excluded; the patterns have the syntax of `.gitignore`."""
    if not patterns:
        return lambda _: False
    from detector.ignores.gitignore import compile_gitignore

    for pattern in patterns:
        if not len(compile_gitignore([pattern])):
            raise UsageError(f"--exclude {pattern!r} is no pattern of gitignore syntax")
    return compile_gitignore(patterns).match_file


def read_tree(
    root: str,
    parts: Iterable[str] = (),
    excluded: IsExcluded = lambda _: False,
    omit: Collection[str] = (),
    known: Collection[str] | None = None,
) -> dict[str, ManifestEntry]:
    """Return the entries below *root*, or in *parts* of it, by path.

    *omit* are files that do not belong to the tree, such as the manifest itself. With
    *known*, files that are not in it are listed without digest.
    """
    files: list[str] = []
    found: dict[str, ManifestEntry] = {}
    for entry in _list_entries(root, sorted(set(parts)) or [""], excluded, omit):
        if entry.kind == "file" and (known is None or entry.path in known):
            files.append(entry.path)
        else:
            found[entry.path] = entry
    found.update((entry.path, entry) for entry in _hash_files(root, files))
    return found


def _list_entries(
    root: str, parts: Sequence[str], excluded: IsExcluded, omit: Collection[str]
) -> Iterator[ManifestEntry]:
    """Yield files without digests, links and other entries; a part that does not exist yields nothing."""
    stack: list[tuple[str, str]] = []
    seen: set[str] = set()
    for part in parts:
        at = os.path.join(root, part) if part else root
        try:
            mode = os.lstat(at).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode):
            stack.append((part, at))
        elif not excluded(part) and part not in omit:
            yield _make_entry(part, at, mode)
    while stack:
        here, at = stack.pop()
        if here in seen:
            continue
        seen.add(here)
        try:
            entries = list(os.scandir(at))
        except FileNotFoundError:
            continue
        except OSError as error:
            yield ManifestEntry(here or ".", "unreadable", target=error.strerror or "cannot be listed")
            continue
        for entry in entries:
            path = f"{here}/{entry.name}" if here else entry.name
            if entry.name == ".git" or (path in omit and entry.is_file(follow_symlinks=False)):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not excluded(path + "/"):
                    stack.append((path, entry.path))
            elif excluded(path):
                continue
            elif entry.is_file(follow_symlinks=False):
                yield ManifestEntry(path)
            else:
                try:
                    yield _make_entry(path, entry.path, entry.stat(follow_symlinks=False).st_mode)
                except OSError:
                    continue  # removed meanwhile


def _make_entry(path: str, at: str, mode: int) -> ManifestEntry:
    if stat.S_ISREG(mode):
        return ManifestEntry(path)
    if stat.S_ISLNK(mode):
        try:
            return ManifestEntry(path, "link", target=os.readlink(at))
        except OSError as error:
            return ManifestEntry(path, "unreadable", target=error.strerror or "cannot be read")
    return ManifestEntry(path, _KINDS.get(stat.S_IFMT(mode), "other"))


def _hash_files(root: str, paths: list[str]) -> Iterator[ManifestEntry]:
    workers = min(os.cpu_count() or 1, 8)
    size = min(MAX_BATCH, len(paths) // (4 * workers) + 1)  # few files may be large
    batches = [paths[at : at + size] for at in range(0, len(paths), size)]
    if workers < 2 or len(batches) < 2:
        for batch in batches:
            yield from _hash_batch(root, batch)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        for entries in pool.map(lambda batch: _hash_batch(root, batch), batches):
            yield from entries


def _hash_batch(root: str, paths: list[str]) -> list[ManifestEntry]:
    return [entry for path in paths if (entry := _hash_file(root, path)) is not None]


def _hash_file(root: str, path: str) -> ManifestEntry | None:
    """Return the file with its digest and mode; None if it was removed."""
    try:
        descriptor = os.open(f"{root}/{path}", _OPEN)
    except FileNotFoundError:
        return None
    except OSError as error:
        if os.path.islink(os.path.join(root, path)):
            return _make_entry(path, os.path.join(root, path), stat.S_IFLNK)
        return ManifestEntry(path, "unreadable", target=error.strerror or "cannot be opened")
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            return _make_entry(path, os.path.join(root, path), mode)
        digest = sha256(os.read(descriptor, FIRST_CHUNK))
        while data := os.read(descriptor, CHUNK):  # until empty: a file system may return less than requested
            digest.update(data)
    except OSError as error:
        return ManifestEntry(path, "unreadable", target=error.strerror or "cannot be read")
    finally:
        os.close(descriptor)
    return ManifestEntry(path, "file", digest.hexdigest(), mode=tuple(word for bit, word in _BITS if mode & bit))
