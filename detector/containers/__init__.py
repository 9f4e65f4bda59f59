"""Containers: archives, packages, images and documents are read as the files that they hold.

A container is known by its first bytes, whatever its name. Its members are
read in memory or as a stream, one within the other; nothing is written to
disk, no name is ever opened, links and devices are not followed. A `Budget`
bounds bytes, members, nesting and time of one outermost container; what does
not fit becomes a `Skipped`, and what was read until then counts.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from detector.containers.contract import Member, Stream
from detector.containers.kinds import recognised
from detector.containers.limits import DEPTH, IN_MEMORY, Budget, OverLimit
from detector.model import Blob, Origin, Skipped
from detector.text import chunks


class Ended(NamedTuple):
    """All of a member was given out: its `key` in `Clean`, and the bytes and members that it took."""

    key: tuple[bytes, str]
    bytes: int
    members: int


class Clean:
    """Members in which nothing was found, so that the next version of their container need not unpack them.

    A member is known by a digest of its compressed bytes, and by its path, which some rules ask for.
    """

    MOST = 20_000

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, str], Ended] = {}

    def get(self, key: tuple[bytes, str]) -> Ended | None:
        """Return what the member took, if it is known."""
        return self._known.get(key)

    def add(self, ended: Ended) -> None:
        """Remember a member, if there is room."""
        if len(self._known) < self.MOST:
            self._known[ended.key] = ended


class Opener(NamedTuple):
    """How one kind is opened: a function of a module, which wants a seekable file or takes a stream."""

    module: str
    function: str
    streams: bool = False


def _archive(function: str, streams: bool = False) -> Opener:
    return Opener("detector.containers.archives", function, streams)


def _document(function: str) -> Opener:
    return Opener("detector.containers.documents", function)


OPENERS = {
    "zip": _archive("zip_members"),
    "tar": _archive("tar_members", True),
    "image": Opener("detector.containers.images", "image_members"),
    "gzip": _archive("gzip_member", True),
    "bzip2": _archive("bzip2_member", True),
    "xz": _archive("xz_member", True),
    "zstd": _archive("zstd_member", True),
    "ar": _archive("ar_members", True),
    "cpio": _archive("cpio_members", True),
    "rpm": _archive("rpm_member", True),
    "7z": _archive("sevenzip_members"),
    "rar": _archive("rar_members", True),
    "pdf": _document("pdf_texts"),
    "sqlite": _document("sqlite_tables"),
    "pyc": _document("pyc_constants"),
    "encrypted office": _document("encrypted_office"),
    "notebook": _document("notebook_cells"),
    "source map": _document("source_map_sources"),
}


def inside(data: bytes, kind: str, origin: Origin) -> Iterator[Blob | Skipped]:
    """Yield what the container *data* of *kind* holds, containers within it opened."""
    yield from inside_file(io.BytesIO(data), len(data), kind, origin)


def inside_but(data: bytes, kind: str, origin: Origin, clean: Clean) -> Iterator[Blob | Skipped | Ended]:
    """Do the same, leave out members that are known to be *clean*, and say where the others end."""
    yield from _within_budget(io.BytesIO(data), Budget(len(data)), kind, origin, clean)


def inside_file(file: Any, size: int, kind: str, origin: Origin) -> Iterator[Blob | Skipped]:
    """Do the same for a seekable binary file."""
    if kind == "image" and not origin.object_id:
        origin = origin._replace(kind="image")
    for item in _within_budget(file, Budget(size), kind, origin):
        assert not isinstance(item, Ended)
        yield item


def _within_budget(
    file: Any, budget: Budget, kind: str, origin: Origin, clean: Clean | None = None
) -> Iterator[Blob | Skipped | Ended]:
    try:
        yield from _members(file, kind, origin, budget, 1, (), clean)
    except OverLimit as limit:
        yield Skipped(_where(origin), str(limit))


def _members(
    file: Any,
    kind: str,
    origin: Origin,
    budget: Budget,
    depth: int,
    via: tuple[str, ...] = (),
    clean: Clean | None = None,
) -> Iterator[Blob | Skipped | Ended]:
    if kind == "image" and not hasattr(file, "seek"):
        kind = "tar"  # only its layers lose their numbers
    opener = OPENERS[kind]
    if not opener.streams and not hasattr(file, "seek"):
        content = file.read(IN_MEMORY + 1)
        if len(content) > IN_MEMORY:
            yield Skipped(_where(origin), f"a {kind} within another container, too large to be opened")
            return
        file = io.BytesIO(content)
    open_ = getattr(import_module(opener.module), opener.function)
    try:
        for member in open_(file):
            budget.enter()
            if isinstance(member, Skipped):
                yield member._replace(where=_where(_within(origin, member.where)))
                continue
            at = origin if member.left else _within(origin, member.name)
            own = () if member.name or member.left else (*via, kind)
            if clean is None or not member.mark:
                yield from _content(member, at, budget, depth, own)
                continue
            key = member.mark, at.path
            if known := clean.get(key):
                budget.members -= known.members
                budget.take(known.bytes)
                continue
            before = budget.bytes, budget.members
            yield from _content(member, at, budget, depth, own)
            yield Ended(key, before[0] - budget.bytes, before[1] - budget.members)
    except OverLimit:
        raise
    except Exception as problem:  # whatever a library makes of a hostile file, the others are still read
        reason = f"cannot be read to the end as {kind}, only as it stands: {_told(problem)}"
        yield Skipped(_where(origin), reason, expected=True)


def _told(problem: Exception) -> str:
    text = " ".join(str(problem).split())[:120]
    return text if text.isprintable() and text else type(problem).__name__


def _within(origin: Origin, name: str) -> Origin:
    """Return the origin of a member. In history the outer path is not known yet and is put in front later."""
    kept = origin.kind == "image" or (origin.object_id and origin.kind not in ("index", "worktree"))
    kind = origin.kind if kept else "archive"
    outer = f"{origin.path}!" if origin.path else ""
    return origin._replace(kind=kind, path=f"{outer}{name}" if name else origin.path)


def _where(origin: Origin) -> str:
    """Say where that is. In history the outer path is not known yet, and the id stands for it."""
    whole = not origin.object_id or origin.commit or origin.kind == "index"
    return origin.path if whole else f"{origin.object_id}!{origin.path}".rstrip("!")


class _Counted:
    """A stream whose bytes are counted, and that ends where it breaks."""

    def __init__(self, stream: Stream, budget: Budget, first: bytes = b"", trouble: str = "") -> None:
        self._stream = stream
        self._budget = budget
        self._ahead = first
        self.trouble = trouble

    def read(self, size: int = -1, /) -> bytes:
        parts = []
        if self._ahead:
            parts.append(self._ahead[: size if size >= 0 else None])
            self._ahead = self._ahead[len(parts[0]) :]
            size -= len(parts[0]) if size >= 0 else 0
        while size and not self.trouble:
            try:
                part = self._stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
            except OverLimit:
                raise
            except Exception as problem:
                self.trouble = _told(problem)
                break
            if not part:
                break
            self._budget.take(len(part))
            parts.append(part)
            size -= len(part) if size >= 0 else 0
        return b"".join(parts)


def _content(
    member: Member, origin: Origin, budget: Budget, depth: int, via: tuple[str, ...]
) -> Iterator[Blob | Skipped | Ended]:
    stream = _Counted(member.stream, budget)
    head = stream.read(chunks.CHUNK_BYTES + chunks.MARGIN_BYTES)
    if not head and not stream.trouble:
        return
    kind = "" if member.left else recognised(head)
    again = _Counted(member.stream, budget, head, stream.trouble)
    if kind and depth >= DEPTH:
        yield Skipped(_where(origin), f"containers within each other, more than {DEPTH} deep")
    elif kind:
        told = False
        for item in _members(again, kind, origin, budget, depth + 1, via):
            told = told or isinstance(item, Blob)
            yield item
        if not told or kind in ("pdf", "sqlite", "pyc"):  # their own bytes may say more
            yield Blob(head, origin, core=None if len(head) <= chunks.CHUNK_BYTES else (0, chunks.CHUNK_BYTES), via=via)
    else:
        for blob in chunks.split_stream(again.read, origin):
            yield blob._replace(via=via, core=None if blob.core == (0, len(blob.data)) else blob.core)
    if again.trouble:
        yield Skipped(_where(origin), f"cannot be read to the end: {again.trouble}", expected=True)
