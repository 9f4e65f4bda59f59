"""Watch a tree and report changes within a second.

The operating system reports which paths changed; these are compared again, and whole
folders if one was added or removed. Events may be lost (a burst overflows the kernel's
queue, a folder is filled before it is watched), so the whole tree is compared after a
burst and at regular intervals.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from detector.errors import UsageError
from detector.incident.manifest import Difference, DifferenceKind, compare_entries, tree
from detector.incident.manifest.file_format import Manifest

BURST = 2000
"""Changes in one batch after which the whole tree is compared."""

FULL_COMPARISON = 60.0
"""Seconds between two comparisons of the whole tree."""

_TICK = 250
"""Milliseconds between checks whether to stop and whether the root still exists."""

_POLL_INTERVAL = 0.4
"""Seconds between two comparisons if the system reports no events."""

_MODIFIED = 2


def watch(
    manifest: Manifest, root: str, omit: frozenset[str], stop: threading.Event, interval: float = FULL_COMPARISON
) -> Iterator[tuple[Difference, bool]]:
    """Yield each difference when it appears (True) and when it is gone (False), until *stop* is set.

    The differences at the start come first. A missing root is a difference of kind ``root``,
    which is gone when a root exists again.
    """
    root = os.path.realpath(root)
    excluded = tree.make_exclude_filter(manifest.excluded)
    known: dict[tuple[str, DifferenceKind], Difference] = {}
    gone = Difference(".", DifferenceKind.ROOT, "folder", "gone")
    polling = False
    while not stop.is_set():
        identity = _get_identity(root)
        if identity is None:
            yield gone, True
            while not stop.wait(_TICK / 1000) and _get_identity(root) is None:
                pass
            if not stop.is_set():
                yield gone, False
            continue
        # The watch starts before the first comparison, so no change is lost.
        batches = _poll(root, stop) if polling else _watch_events(root, stop)
        next_full = time.monotonic()
        try:
            for batch in batches:
                if _get_identity(root) != identity:
                    break
                if len(batch) > BURST:
                    next_full = 0.0
                if time.monotonic() >= next_full:
                    yield from _compare(manifest, root, excluded, omit, known, None)
                    # the burst may continue
                    next_full = time.monotonic() + (1.0 if len(batch) > BURST else interval)
                elif batch:
                    yield from _compare(manifest, root, excluded, omit, known, _select_paths(batch, root, manifest.of))
        except (FileNotFoundError, NotADirectoryError):
            pass  # the root was removed while the watch started
        except RuntimeError:
            polling = True  # watchfiles does not support names that are not UTF-8


def _watch_events(root: str, stop: threading.Event) -> Iterator[set[Any]]:
    """Yield the changes that the operating system reports, and an empty set from time to time."""
    try:
        from watchfiles import watch as watch_files
    except ImportError:
        raise UsageError("watching needs watchfiles: install leakfirst with the extra watch") from None

    return watch_files(
        root,
        watch_filter=None,
        debounce=200,
        step=50,
        stop_event=stop,
        rust_timeout=_TICK,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )


def _poll(root: str, stop: threading.Event) -> Iterator[set[tuple[int, str]]]:
    """Yield the paths whose dates or sizes changed: slower than events, but it supports names that are not UTF-8."""
    before: dict[str, tuple[int, ...]] | None = None
    while not stop.is_set():
        now: dict[str, tuple[int, ...]] = {}
        for place, folders, files in os.walk(root):
            if ".git" in folders:
                folders.remove(".git")
            for name in (*files, *folders):
                at = os.path.join(place, name)
                with suppress(OSError):
                    found = os.lstat(at)
                    if name in files or os.path.islink(at):
                        now[at] = found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        seen = now if before is None else before
        yield {(0, at) for at in seen.keys() | now.keys() if seen.get(at) != now.get(at)}
        before = now
        stop.wait(_POLL_INTERVAL)


def _select_paths(batch: Iterable[tuple[int, str]], root: str, of: tuple[str, ...]) -> set[str]:
    """Return the paths to compare again, relative to the root. Events of files cover a changed folder."""
    found: set[str] = set()
    for change, at in batch:
        if change == _MODIFIED and os.path.isdir(at) and not os.path.islink(at):
            continue
        path = os.path.relpath(at, root).replace(os.sep, "/")
        if ".git" in path.split("/"):
            continue
        inside = not of or any(path == part or path.startswith(part + "/") for part in of)
        found.update([path] if inside else [part for part in of if part.startswith(path + "/")])
    return found


def _get_identity(root: str) -> tuple[int, int] | None:
    try:
        found = os.stat(root)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _compare(
    manifest: Manifest,
    root: str,
    excluded: tree.IsExcluded,
    omit: frozenset[str],
    known: dict[tuple[str, DifferenceKind], Difference],
    paths: set[str] | None,
) -> Iterator[tuple[Difference, bool]]:
    """Compare *paths* and everything below them, or the whole tree, with *manifest*; yield new and gone differences."""
    if paths is None or "." in paths:
        is_below: Callable[[str], bool] = lambda _path: True  # noqa: E731
        found = tree.read_tree(root, manifest.of, excluded, omit, manifest.entries)
    else:
        is_below = _make_subtree_filter(paths)
        parts = [path for path in paths if not _is_excluded(path, excluded)]
        found = tree.read_tree(root, parts, excluded, omit, manifest.entries) if parts else {}
    expected = {path: entry for path, entry in manifest.entries.items() if is_below(path)}
    now = {(one.path, one.what): one for one in compare_entries(expected, found)}
    still = {path for path, _ in now}
    for key in [key for key in known if is_below(key[0]) and now.get(key) != known[key]]:
        gone = known.pop(key)
        if gone.path not in still:
            yield gone, False
    for key, difference in now.items():
        if key not in known:
            known[key] = difference
            yield difference, True


def _make_subtree_filter(paths: set[str]) -> Callable[[str], bool]:
    """Return a function that says whether a path is one of *paths* or below one."""

    def is_below(path: str) -> bool:
        at = len(path)
        while at > 0:
            if path[:at] in paths:
                return True
            at = path.rfind("/", 0, at)
        return False

    return is_below


def _is_excluded(path: str, excluded: tree.IsExcluded) -> bool:
    """Return whether *path* or a folder above it is excluded."""
    pieces = path.split("/")
    return excluded(path) or any(excluded("/".join(pieces[:count]) + "/") for count in range(1, len(pieces) + 1))
