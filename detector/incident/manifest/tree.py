"""Read a tree: what is there, and the digests of its files, many at a time.

No link is followed, and a file that turns into one, or into a pipe, between
listing and reading is not read. `.git` is left out: it changes by being looked at.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256

from detector.errors import UsageError
from detector.incident.manifest.file_format import Entry

CHUNK = 1 << 20
SMALL = 1 << 16
PORTION = 128
"""Files that a thread takes at once, at most."""

_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
_BITS = ((stat.S_IXUSR, "executable"), (stat.S_ISUID, "setuid"), (stat.S_ISGID, "setgid"), (stat.S_ISVTX, "sticky"))

Excluded = Callable[[str], bool]


def excluding(patterns: Sequence[str]) -> Excluded:
    """Return what tells whether a path is left out; patterns are those of `.gitignore`."""
    if not patterns:
        return lambda _: False
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns).match_file
    except ValueError as error:
        raise UsageError(f"a pattern to exclude is wrong: {error}") from None


def read(
    root: str,
    parts: Iterable[str] = (),
    excluded: Excluded = lambda _: False,
    omit: Collection[str] = (),
    known: Collection[str] | None = None,
) -> dict[str, Entry]:
    """Return what is below *root*, or in *parts* of it, by path.

    *omit* are files that are no part of the tree (the manifest itself). Where
    *known* is given, other files are listed, but their content is not read.
    """
    files: list[str] = []
    found: dict[str, Entry] = {}
    for entry in _listed(root, sorted(set(parts)) or [""], excluded, omit):
        if entry.kind == "file" and (known is None or entry.path in known):
            files.append(entry.path)
        else:
            found[entry.path] = entry
    found.update((entry.path, entry) for entry in _digested(root, files))
    return found


def _listed(root: str, parts: Sequence[str], excluded: Excluded, omit: Collection[str]) -> Iterator[Entry]:
    """Yield files without digests, links, and what is neither; a part that is not there yields nothing."""
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
            yield _named(part, at, mode)
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
            yield Entry(here or ".", "unreadable", target=error.strerror or "cannot be listed")
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
                yield Entry(path)
            else:
                try:
                    yield _named(path, entry.path, entry.stat(follow_symlinks=False).st_mode)
                except OSError:
                    continue  # gone meanwhile


def _named(path: str, at: str, mode: int) -> Entry:
    if stat.S_ISREG(mode):
        return Entry(path)
    if stat.S_ISLNK(mode):
        try:
            return Entry(path, "link", target=os.readlink(at))
        except OSError as error:
            return Entry(path, "unreadable", target=error.strerror or "cannot be read")
    return Entry(path, _KINDS.get(stat.S_IFMT(mode), "other"))


def _digested(root: str, paths: list[str]) -> Iterator[Entry]:
    workers = min(os.cpu_count() or 1, 8)
    size = min(PORTION, len(paths) // (4 * workers) + 1)  # few files may be large ones
    portions = [paths[at : at + size] for at in range(0, len(paths), size)]
    if workers < 2 or len(portions) < 2:
        for portion in portions:
            yield from _portion(root, portion)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        for entries in pool.map(lambda portion: _portion(root, portion), portions):
            yield from entries


def _portion(root: str, paths: list[str]) -> list[Entry]:
    return [entry for path in paths if (entry := _digest(root, path)) is not None]


def _digest(root: str, path: str) -> Entry | None:
    """Return the file with its digest and mode; None if it is gone."""
    try:
        descriptor = os.open(f"{root}/{path}", _OPEN)
    except FileNotFoundError:
        return None
    except OSError as error:
        if os.path.islink(os.path.join(root, path)):
            return _named(path, os.path.join(root, path), stat.S_IFLNK)
        return Entry(path, "unreadable", target=error.strerror or "cannot be opened")
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            return _named(path, os.path.join(root, path), mode)
        digest = sha256(os.read(descriptor, SMALL))
        while data := os.read(descriptor, CHUNK):  # a short answer is no end: file systems may give less
            digest.update(data)
    except OSError as error:
        return Entry(path, "unreadable", target=error.strerror or "cannot be read")
    finally:
        os.close(descriptor)
    return Entry(path, "file", digest.hexdigest(), mode=tuple(word for bit, word in _BITS if mode & bit))
