"""Read single objects: loose files, and any object through git.

A header may declare a false size on purpose. So no more is inflated than the
header declares, a size that the compressed bytes cannot produce is an error,
and so is an object that exceeds the budget.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector.errors import SourceError
from detector.git._files import open_regular
from detector.git.pack_walker import KINDS, ObjectError, inflate
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit


class ObjectBudget(NamedTuple):
    """Limits for reading a single object, in bytes.

    `object` limits its size. `chain` limits the total size of all objects
    rebuilt along its delta chain: a few bytes of deltas can produce gigabytes.
    """

    object: int = 128 << 20
    chain: int = 16 << 30


def list_loose_ids(store: str, id_bytes: int = 20) -> Iterator[str]:
    """Yield the ids of the loose objects in an object directory, sorted."""
    name_length = 2 * id_bytes - 2
    digits = frozenset("0123456789abcdef")
    for number in range(256):
        folder = f"{number:02x}"
        try:
            names = sorted(os.listdir(os.path.join(store, folder)))
        except OSError:
            continue
        for name in names:
            if len(name) == name_length and digits.issuperset(name):
                yield folder + name


def get_loose_path(store: str, object_id: str) -> str:
    """Return the path of a loose object."""
    return os.path.join(store, object_id[:2], object_id[2:])


def read_loose(path: str, kinds: Iterable[str] = KINDS, budget: ObjectBudget | None = None) -> tuple[str, bytes] | None:
    """Return type and content of a loose object; None if its type is not one of *kinds*.

    `ObjectError` if it cannot be read, `FileNotFoundError` if it does not exist.
    """
    limit = (budget or ObjectBudget()).object
    with open_regular(path) as stream:
        start = stream.read(8192)
        try:
            head = zlib.decompressobj().decompress(start, 64)
        except zlib.error:
            raise ObjectError("compressed data is corrupt") from None
        name, space, _ = head.partition(b" ")
        kind = name.decode("ascii", "replace")
        digits, end, _ = head[len(name) + 1 :].partition(b"\0")
        if not space or not end or kind not in KINDS[1:] or not digits.isdigit():
            raise ObjectError("loose object has an unknown header")
        if kind not in kinds:
            return None
        size = int(digits)
        if size > limit:
            raise ObjectError(f"{size} bytes are over the limit of {limit}")
        header_length = len(name) + 1 + len(digits) + 1
        # Incompressible data grows by less than this.
        raw = start + stream.read(size + size // 512 + 1024)
    return kind, inflate(memoryview(raw), header_length + size)[header_length:]


def cat_file(
    repository: Repository, ids: Iterable[str], budget: ObjectBudget | None = None
) -> Iterator[tuple[str, str, bytes | None]]:
    """Read objects through ``git cat-file --batch``: (id, type, content).

    The type of an object that does not exist is ``missing``. The content is
    None for an object that is missing or exceeds the budget. Slower than our
    own reader but independent of it: used for unknown repository formats, and
    as the oracle in tests.
    """
    limit = (budget or ObjectBudget()).object
    with SafeGit(repository) as git, git.open_input("".join(f"{name}\n" for name in ids).encode()) as stdin:
        process = git.start("cat-file", "--batch", "--buffer", stdin=stdin)
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


def list_all_objects(repository: Repository) -> Iterator[tuple[str, str, int]]:
    """Yield (id, type, size) of every object, in the order in which git finds them."""
    with SafeGit(repository) as git:
        process = git.start("cat-file", "--batch-all-objects", "--unordered", "--batch-check", "--buffer")
        assert process.stdout is not None
        for line in process.stdout:
            name, kind, size = line.split()
            yield name.decode(), kind.decode(), int(size)
        if process.wait():
            raise SourceError(f"{repository.git_dir}: git could not list the objects")
