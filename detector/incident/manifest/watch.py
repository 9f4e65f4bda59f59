"""Stay, and say within a second what changes in a tree.

The system tells which paths changed; those are looked at again, whole folders
where one came or went. A message may get lost (a storm overflows the queue of
the kernel, a folder is filled before it is watched), so the whole tree is
looked at after a storm and now and then.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from detector.errors import UsageError
from detector.incident.manifest import Difference, differences, tree
from detector.incident.manifest.file_format import Manifest

STORM = 2000
"""Changes at once after which the whole tree is looked at."""

SWEEP = 60.0
"""Seconds after which the whole tree is looked at in any case."""

_TICK = 250
"""Milliseconds after which is looked whether to stop, and whether the root is still there."""

_POLL = 0.4
"""Seconds between two looks where the system cannot tell."""

_MODIFIED = 2


def watch(
    manifest: Manifest, root: str, omit: frozenset[str], stop: threading.Event, sweep: float = SWEEP
) -> Iterator[tuple[Difference, bool]]:
    """Yield each difference as it comes (True) and as it goes (False), until *stop* is set.

    The differences that there are at the start come first. That the root is
    gone is one of kind ``root``; it is over when there is a root again.
    """
    try:
        from watchfiles import watch as changes
    except ImportError:
        raise UsageError("watching needs watchfiles: pip install 'leakfirst[watch]'") from None

    root = os.path.realpath(root)
    excluded = tree.excluding(manifest.excluded)
    known: dict[tuple[str, str], Difference] = {}
    gone = Difference(".", "root", "folder", "gone")
    polling = False
    while not stop.is_set():
        identity = _identity(root)
        if identity is None:
            yield gone, True
            while not stop.wait(_TICK / 1000) and _identity(root) is None:
                pass
            if not stop.is_set():
                yield gone, False
            continue
        # The watch is set up before the first look, so nothing that happens meanwhile is lost.
        batches = (
            _polled(root, stop)
            if polling
            else changes(
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
        )
        look_at = time.monotonic()
        try:
            for batch in batches:
                if _identity(root) != identity:
                    break
                if len(batch) > STORM:
                    look_at = 0.0
                if time.monotonic() >= look_at:
                    yield from _look(manifest, root, excluded, omit, known, None)
                    # more of a storm may be under way
                    look_at = time.monotonic() + (1.0 if len(batch) > STORM else sweep)
                elif batch:
                    yield from _look(manifest, root, excluded, omit, known, _paths(batch, root, manifest.of))
        except (FileNotFoundError, NotADirectoryError):
            pass  # the root went away while the watch was set up
        except RuntimeError:
            polling = True  # a name that is not UTF-8, of which it cannot tell


def _polled(root: str, stop: threading.Event) -> Iterator[set[tuple[int, str]]]:
    """Yield what changed between looks at the dates and sizes of all files: slower, but never at a loss for a name."""
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
        stop.wait(_POLL)


def _paths(batch: Iterable[tuple[int, str]], root: str, of: tuple[str, ...]) -> set[str]:
    """Return what to look at again, relative to the root. Of a folder that changed, its files tell."""
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


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = os.stat(root)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _look(
    manifest: Manifest,
    root: str,
    excluded: tree.Excluded,
    omit: frozenset[str],
    known: dict[tuple[str, str], Difference],
    paths: set[str] | None,
) -> Iterator[tuple[Difference, bool]]:
    """Compare *paths* and all below them, or everything, with *manifest*; yield what is new and what is over."""
    if paths is None or "." in paths:
        below: Callable[[str], bool] = lambda _path: True  # noqa: E731
        found = tree.read(root, manifest.of, excluded, omit, manifest.entries)
    else:
        below = _beneath(paths)
        parts = [path for path in paths if not _left_out(path, excluded)]
        found = tree.read(root, parts, excluded, omit, manifest.entries) if parts else {}
    expected = {path: entry for path, entry in manifest.entries.items() if below(path)}
    now = {(one.path, one.what): one for one in differences(expected, found)}
    still = {path for path, _ in now}
    for key in [key for key in known if below(key[0]) and now.get(key) != known[key]]:
        over = known.pop(key)
        if over.path not in still:
            yield over, False
    for key, difference in now.items():
        if key not in known:
            known[key] = difference
            yield difference, True


def _beneath(paths: set[str]) -> Callable[[str], bool]:
    """Return what tells whether a path is one of *paths* or below one."""

    def below(path: str) -> bool:
        at = len(path)
        while at > 0:
            if path[:at] in paths:
                return True
            at = path.rfind("/", 0, at)
        return False

    return below


def _left_out(path: str, excluded: tree.Excluded) -> bool:
    """Tell whether *path* or a folder above it is excluded."""
    pieces = path.split("/")
    return excluded(path) or any(excluded("/".join(pieces[:count]) + "/") for count in range(1, len(pieces) + 1))
