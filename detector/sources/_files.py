"""Files of a folder as shares.

A scanned folder may hold anything: pipes that never end, devices, links that
lead out or in circles, files that shrink while they are read, two-gigabyte
dumps, a hundred megabytes on one line. Regular files are read in chunks of
bounded size with a margin of context; everything else is reported as skipped.
The files of a repository below the folder are read like all others, and its
history is read as well.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector.config import Config
from detector.contracts import NestedRepository
from detector.errors import SourceError
from detector.git.layout import GIT_DIRECTORY
from detector.model import Blob, Origin, Skipped
from detector.text import chunks
from detector.text.chunks import read_fully, split_stream

IN_MEMORY_BYTES = 256 << 20
"""A container up to this size is read into memory, a larger one as a stream."""

SHARE_BYTES = 16 << 20
SHARE_FILES = 400

_SPECIAL_FILES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


FileEntry = tuple[str, str, int]
"""A regular file: its path as reports show it, the path to open, its size in bytes."""


class FileShare(NamedTuple):
    """Some files of a folder or working tree; `repository` is its name in reports."""

    files: tuple[FileEntry, ...]
    repository: str = ""
    kind: str = "worktree"
    published: bool = False
    read_before: bool = False

    @property
    def weight(self) -> int:
        """Return the bytes to read, a little extra for each open."""
        return sum(size for _, _, size in self.files) + 4096 * len(self.files)

    @property
    def name(self) -> str:
        """Name the share by its first and last file."""
        first, last = self.files[0][0], self.files[-1][0]
        return first if len(self.files) == 1 else f"{first} … {last} ({len(self.files)} files)"

    def read(self) -> Iterator[Blob | Skipped]:
        """Read the files, each as one blob or as several."""
        for shown, path, _ in self.files:
            yield from read_file(path, Origin(self.kind, shown, self.repository))


def group_files(
    files: Iterable[FileEntry | Skipped | NestedRepository],
    config: Config,
    repository: str = "",
    *,
    published: bool = False,
) -> Iterator[FileShare | Skipped | NestedRepository]:
    """Put files together into shares; files over the user's size limit are skipped."""
    batch: list[FileEntry] = []
    total = 0
    for entry in files:
        if isinstance(entry, (Skipped, NestedRepository)):
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


def walk_folder(folder: str, config: Config) -> Iterator[FileEntry | Skipped | NestedRepository]:
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
            yield from _find_history(at, {entry.name for entry in entries}, config)
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
            yield from check_file(os.path.normpath(entry.path), entry.path, found)
        pending.extend(reversed(below))


def _find_history(folder: str, names: set[str], config: Config) -> Iterator[NestedRepository | Skipped]:
    """Yield the repository if a folder with these *names* is one, so that its history is read, too."""
    if ".git" not in names and not names.issuperset(GIT_DIRECTORY):
        return
    from detector.git.repository import open_nested

    try:
        if open_nested(folder, config.allow):
            yield NestedRepository(folder, history_only=True)
    except SourceError as error:
        yield Skipped(folder, str(error))


def check_file(shown: str, path: str, found: os.stat_result) -> Iterator[FileEntry | Skipped]:
    """Yield the file if it is a regular one, a `Skipped` if it is something else."""
    if stat.S_ISREG(found.st_mode):
        yield shown, path, found.st_size
    elif stat.S_ISLNK(found.st_mode):
        yield Skipped(shown, "is a link, not followed", expected=True)
    else:
        yield Skipped(shown, describe_special_file(found), expected=True)


def describe_special_file(found: os.stat_result) -> str:
    """Return why something that is no regular file is not read."""
    return f"is {_SPECIAL_FILES.get(stat.S_IFMT(found.st_mode), 'no regular file')}"


def read_file(path: str, origin: Origin) -> Iterator[Blob | Skipped]:
    """Read one regular file in blobs of at most `CHUNK_BYTES` plus margins.

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
        yield from read_descriptor(descriptor, found.st_size, origin)
    except OSError as error:
        yield Skipped(origin.path, f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def read_descriptor(descriptor: int, size: int, origin: Origin) -> Iterator[Blob | Skipped]:
    """Read *size* bytes of an open file from its beginning, in blobs of at most `CHUNK_BYTES` plus margins."""
    if size > chunks.CHUNK_BYTES + chunks.MARGIN_BYTES:
        yield from _read_large(descriptor, size, origin)
        return
    data = read_fully(descriptor, max(size, 1))
    if len(data) < size:
        yield Skipped(origin.path, "became shorter while it was read")
    yield Blob(data, origin)  # without content it still has a name


def _read_large(descriptor: int, size: int, origin: Origin) -> Iterator[Blob | Skipped]:
    """Read a file in chunks, but a container as a whole or member by member."""
    from detector.containers.kinds import detect_kind

    head = read_fully(descriptor, 1024)
    if head[:1] == b"{":
        head += read_fully(descriptor, chunks.CHUNK_BYTES)
    os.lseek(descriptor, 0, os.SEEK_SET)
    kind = detect_kind(head)
    if not kind:
        yield from _read_chunks(descriptor, size, origin)
    elif size <= IN_MEMORY_BYTES:
        yield Blob(read_fully(descriptor, size), origin)
    else:
        from detector.containers.unpack import unpack_file

        with os.fdopen(os.dup(descriptor), "rb") as file:
            for item in unpack_file(file, size, kind, origin):
                yield item._replace(unpacked=True) if isinstance(item, Blob) else item


def _read_chunks(descriptor: int, size: int, origin: Origin) -> Iterator[Blob | Skipped]:
    total = 0
    for blob in split_stream(lambda count: read_fully(descriptor, count), origin):
        total = blob.base + len(blob.data)
        yield blob
    if total < size:
        yield Skipped(origin.path, "became shorter while it was read")


def read_files_again(origins: Iterable[Origin]) -> Iterator[Blob | Skipped]:
    """Read the files at *origins* once more."""
    for origin in origins:
        yield from read_file(os.path.join(origin.repository, origin.path), origin)
