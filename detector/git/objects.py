"""Single objects: inflating within a budget, loose files, and git as fallback.

Compressed data lies about its size when somebody wants it to. So nothing is
inflated further than its header announced, nothing is announced beyond what
its compressed bytes can hold, and nothing is built beyond the budget.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector.errors import SourceError
from detector.git.pack_walker import KINDS, ObjectError, inflate
from detector.git.repository import Repository, SafeGit


class Budget(NamedTuple):
    """How much a single object may cost, in bytes.

    `chain` bounds the sum of everything built on the way from a whole object
    to one that is made of deltas: a few bytes of deltas can ask for a lot.
    """

    object: int = 128 << 20
    chain: int = 16 << 30


def loose_ids(store: str, id_bytes: int = 20) -> Iterator[str]:
    """Yield the ids of the loose objects in an object directory, in order."""
    rest = 2 * id_bytes - 2
    digits = frozenset("0123456789abcdef")
    for number in range(256):
        folder = f"{number:02x}"
        try:
            names = sorted(os.listdir(os.path.join(store, folder)))
        except OSError:
            continue
        for name in names:
            if len(name) == rest and digits.issuperset(name):
                yield folder + name


def loose_path(store: str, object_id: str) -> str:
    """Return the file of a loose object."""
    return os.path.join(store, object_id[:2], object_id[2:])


def read_loose(path: str, kinds: Iterable[str] = KINDS, budget: Budget | None = None) -> tuple[str, bytes] | None:
    """Return type and content of a loose object; None if it is of no wanted type.

    `ObjectError` if it cannot be read, `FileNotFoundError` if it is gone.
    """
    limit = (budget or Budget()).object
    with open(path, "rb") as stream:
        start = stream.read(8192)
        try:
            head = zlib.decompressobj().decompress(start, 64)
        except zlib.error:
            raise ObjectError("compressed data is corrupt") from None
        name, space, _ = head.partition(b" ")
        kind = name.decode("ascii", "replace")
        digits, end, _ = head[len(name) + 1 :].partition(b"\0")
        if not space or not end or kind not in KINDS[1:] or not digits.isdigit():
            raise ObjectError("loose object has no header that we know")
        if kind not in kinds:
            return None
        size = int(digits)
        if size > limit:
            raise ObjectError(f"{size} bytes are over the limit of {limit}")
        before = len(name) + 1 + len(digits) + 1
        # Even what cannot be compressed grows by less than this.
        raw = start + stream.read(size + size // 512 + 1024)
    return kind, inflate(memoryview(raw), before + size)[before:]


def cat_file(
    repository: Repository, ids: Iterable[str], budget: Budget | None = None
) -> Iterator[tuple[str, str, bytes | None]]:
    """Read objects through ``git cat-file --batch``: (id, type, content).

    The type is ``missing`` for an object that is not there; the content is
    None for what is missing or over budget. Slow and sure: for layouts that we
    do not know, and as the oracle of our own reader.
    """
    limit = (budget or Budget()).object
    with SafeGit(repository) as git, git.feed("".join(f"{name}\n" for name in ids).encode()) as asked:
        process = git.start("cat-file", "--batch", "--buffer", stdin=asked)
        stream = process.stdout
        assert stream is not None
        for line in stream:
            words = line.split()
            if len(words) != 3 or not words[2].isdigit():
                yield words[0].decode("ascii", "replace") if words else "", "missing", None
                continue
            name, kind, size = words[0].decode(), words[1].decode(), int(words[2])
            if size > limit:
                left = size + 1
                while left > 0:
                    left -= len(stream.read(min(left, 1 << 20))) or left
                yield name, kind, None
                continue
            data = stream.read(size + 1)
            if len(data) != size + 1:
                raise SourceError(f"{repository.git_dir}: git cat-file ended early")
            yield name, kind, data[:-1]


def all_objects(repository: Repository) -> Iterator[tuple[str, str, int]]:
    """List every object with type and size, as git finds them."""
    with SafeGit(repository) as git:
        process = git.start("cat-file", "--batch-all-objects", "--unordered", "--batch-check", "--buffer")
        assert process.stdout is not None
        for line in process.stdout:
            name, kind, size = line.split()
            yield name.decode(), kind.decode(), int(size)
        if process.wait():
            raise SourceError(f"{repository.git_dir}: git could not list the objects")
