"""Files and folders, whatever they turn out to be.

A scanned folder may hold anything: pipes that never end, devices, links that
lead out or in circles, files that shrink while they are read, two-gigabyte
dumps, a hundred megabytes on one line. Regular files are read in pieces of
bounded size with a margin of context; everything else is skipped and said.
Of a repository below a folder the files are read like all others, and its history is read as well.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector.config import Config
from detector.contracts import Inner
from detector.errors import SourceError
from detector.git.layout import GIT_DIRECTORY
from detector.model import Blob, Origin, Skipped
from detector.text import chunks
from detector.text.chunks import read_fully, split_stream

WHOLE = 256 << 20
"""A container up to this size is read into memory, a larger one as a stream."""

SHARE_BYTES = 16 << 20
SHARE_FILES = 400

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class FileShare(NamedTuple):
    """Some files: (path as shown, path to open, size); `published` as they are, if somebody says so."""

    files: tuple[tuple[str, str, int], ...]
    repository: str = ""
    kind: str = "worktree"
    published: bool = False

    @property
    def weight(self) -> int:
        """Return the bytes to read, a little extra for each open."""
        return sum(size for _, _, size in self.files) + 4096 * len(self.files)

    @property
    def name(self) -> str:
        """Name the portion by its first and last file."""
        first, last = self.files[0][0], self.files[-1][0]
        return first if len(self.files) == 1 else f"{first} … {last} ({len(self.files)} files)"

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read the files, each in one piece or in several."""
        for shown, path, _ in self.files:
            yield from read_file(path, Origin(self.kind, shown, self.repository))


def shares(target: str, config: Config) -> Iterator[FileShare | Skipped | Inner]:
    """Split a file or folder into portions of some megabytes each."""
    if not os.path.exists(target):
        raise SourceError(f"{target}: no such file or folder")
    if os.path.isdir(target):
        yield from grouped(walk(target, config), config)
    else:
        mode = os.stat(target).st_mode
        if not stat.S_ISREG(mode):
            yield Skipped(target, f"is {KINDS.get(stat.S_IFMT(mode), 'no regular file')}")
            return
        yield from grouped([(target, target, os.path.getsize(target))], config)


def grouped(
    files: Iterable[tuple[str, str, int] | Skipped | Inner],
    config: Config,
    repository: str = "",
    *,
    published: bool = False,
) -> Iterator[FileShare | Skipped | Inner]:
    """Put files together into shares; files over the user's size limit are skipped."""
    batch: list[tuple[str, str, int]] = []
    total = 0
    for entry in files:
        if isinstance(entry, (Skipped, Inner)):
            yield entry
            continue
        if config.max_size and entry[2] > config.max_size:
            yield Skipped(entry[0], f"larger than --max-size ({entry[2]} bytes)", expected=True)
            continue
        batch.append(entry)
        total += entry[2]
        if total >= SHARE_BYTES or len(batch) >= SHARE_FILES:
            yield FileShare(tuple(batch), repository, published=published)
            batch, total = [], 0
    if batch:
        yield FileShare(tuple(batch), repository, published=published)


def walk(folder: str, config: Config) -> Iterator[tuple[str, str, int] | Skipped | Inner]:
    """List regular files below *folder*, in order, and the repositories there; links are not followed."""
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        at = pending.pop()
        try:
            here = os.stat(at)
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            entries = sorted(os.scandir(at), key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(at, f"cannot be listed: {error.strerror}")
            continue
        if at != folder and config.history:
            yield from _history_of(at, {entry.name for entry in entries}, config)
        below = []
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git":
                        below.append(entry.path)
                    continue
                found = entry.stat(follow_symlinks=False)
            except OSError as error:
                yield Skipped(entry.path, f"cannot be examined: {error.strerror}")
                continue
            yield from regular(os.path.normpath(entry.path), entry.path, found)
        pending.extend(reversed(below))


def _history_of(folder: str, names: set[str], config: Config) -> Iterator[Inner | Skipped]:
    """Yield the repository that a folder with these *names* is, for its history. Its files are read like all others."""
    if ".git" not in names and not names.issuperset(GIT_DIRECTORY):
        return
    from detector.git.repository import open_nested

    try:
        if open_nested(folder, config.allow):
            yield Inner(folder, history_only=True)
    except SourceError as error:
        yield Skipped(folder, str(error))


def regular(shown: str, path: str, found: os.stat_result) -> Iterator[tuple[str, str, int] | Skipped]:
    """Yield the file if it is a regular one, a `Skipped` if it is something else."""
    if stat.S_ISREG(found.st_mode):
        yield shown, path, found.st_size
    elif stat.S_ISLNK(found.st_mode):
        yield Skipped(shown, "is a link, not followed", expected=True)
    else:
        yield Skipped(shown, f"is {KINDS.get(stat.S_IFMT(found.st_mode), 'no regular file')}", expected=True)


def read_file(path: str, origin: Origin) -> Iterator[Blob | Skipped]:
    """Read one regular file in pieces of at most `CHUNK_BYTES` plus margins.

    The file is opened without blocking and checked again once it is open: what
    was a file when it was listed may be a pipe now.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        yield Skipped(origin.path, f"cannot be read: {error.strerror}")
        return
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            yield Skipped(origin.path, "is no regular file any more")
            return
        if found.st_size <= chunks.CHUNK_BYTES + chunks.MARGIN_BYTES:
            data = read_fully(descriptor, max(found.st_size, 1))
            if len(data) < found.st_size:
                yield Skipped(origin.path, "became shorter while it was read")
            if data:
                yield Blob(data, origin)
            return
        yield from _large(descriptor, found.st_size, origin)
    except OSError as error:
        yield Skipped(origin.path, f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def _large(descriptor: int, size: int, origin: Origin) -> Iterator[Blob | Skipped]:
    """Read a file in pieces, unless it is a container, which makes sense as a whole only."""
    from detector.containers.kinds import detect_kind

    head = read_fully(descriptor, 1024)
    if head[:1] == b"{":
        head += read_fully(descriptor, chunks.CHUNK_BYTES)
    os.lseek(descriptor, 0, os.SEEK_SET)
    kind = detect_kind(head)
    if not kind:
        yield from _pieces(descriptor, size, origin)
    elif size <= WHOLE:
        yield Blob(read_fully(descriptor, size), origin)
    else:
        from detector.containers.unpack import unpack_file

        with os.fdopen(os.dup(descriptor), "rb") as file:
            yield from unpack_file(file, size, kind, origin)


def _pieces(descriptor: int, size: int, origin: Origin) -> Iterator[Blob | Skipped]:
    total = 0
    for blob in split_stream(lambda count: read_fully(descriptor, count), origin):
        total = blob.base + len(blob.data)
        yield blob
    if total < size:
        yield Skipped(origin.path, "became shorter while it was read")
