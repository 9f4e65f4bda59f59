"""Unpack containers: archives, packages, images and documents become the files they contain.

A container is detected by its first bytes, whatever its name. Members are read
in memory or as a stream, one inside the other. Nothing is written to disk, no
member name is ever opened as a path, links and devices are not followed. An
`UnpackBudget` limits bytes, members, nesting and time of one outermost
container. What exceeds a limit becomes a `Skipped`; the members read before it
are kept.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from detector.containers.contract import Member, Stream
from detector.containers.kinds import OPENERS, PARTLY_READ, detect_kind
from detector.containers.limits import MAX_DEPTH, MAX_IN_MEMORY, LimitExceeded, UnpackBudget
from detector.model import CURRENT_KINDS, Blob, Origin, Skipped
from detector.text import chunks

_FILE_KINDS = (*CURRENT_KINDS, "stdin")
"""Kinds of origin whose members get the kind "archive"; those of a history or of an added source keep theirs."""


class MemberEnd(NamedTuple):
    """A member was read completely: its `key` in `CleanMembers`, and how much of the budget it used."""

    key: tuple[bytes, str]
    bytes: int
    members: int


class CleanMembers:
    """Members without findings, so that they are not unpacked again in the next version of their container.

    A member is identified by a digest of its compressed bytes and by its path,
    because some rules depend on the path.
    """

    MAX_ENTRIES = 20_000

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, str], MemberEnd] = {}

    def get(self, key: tuple[bytes, str]) -> MemberEnd | None:
        """Return the end of the member with this key; None if it is not known."""
        return self._known.get(key)

    def add(self, end: MemberEnd) -> None:
        """Add a member, unless the maximum is reached."""
        if len(self._known) < self.MAX_ENTRIES:
            self._known[end.key] = end


def unpack(data: bytes, kind: str, origin: Origin) -> Iterator[Blob | Skipped]:
    """Yield the members of the container *data*; containers inside it are unpacked too."""
    yield from unpack_file(io.BytesIO(data), len(data), kind, origin)


def unpack_changed(data: bytes, kind: str, origin: Origin, clean: CleanMembers) -> Iterator[Blob | Skipped | MemberEnd]:
    """Yield the members that are not in *clean*, and a `MemberEnd` after each that could be added to it."""
    yield from _unpack_within_budget(io.BytesIO(data), UnpackBudget(len(data)), kind, origin, clean)


def unpack_file(file: Any, size: int, kind: str, origin: Origin) -> Iterator[Blob | Skipped]:
    """Yield the members of a container in a seekable binary file of *size* bytes."""
    if kind == "image" and not origin.object_id:
        origin = origin._replace(kind="image")
    for item in _unpack_within_budget(file, UnpackBudget(size), kind, origin):
        assert not isinstance(item, MemberEnd)
        yield item


def _unpack_within_budget(
    file: Any, budget: UnpackBudget, kind: str, origin: Origin, clean: CleanMembers | None = None
) -> Iterator[Blob | Skipped | MemberEnd]:
    try:
        yield from _unpack_members(file, kind, origin, budget, 1, (), clean)
    except LimitExceeded as limit:
        yield Skipped(_describe_location(origin), str(limit))


def _unpack_members(
    file: Any,
    kind: str,
    origin: Origin,
    budget: UnpackBudget,
    depth: int,
    via: tuple[str, ...] = (),
    clean: CleanMembers | None = None,
) -> Iterator[Blob | Skipped | MemberEnd]:
    if kind == "image" and not hasattr(file, "seek"):
        kind = "tar"  # members are read the same; layers are named by digest instead of number
    opener = OPENERS[kind]
    read_members = getattr(import_module(opener.module), opener.function)
    try:
        for member in read_members(file):
            budget.count_member()
            if isinstance(member, Skipped):
                yield member._replace(where=_describe_location(_make_member_origin(origin, member.where)))
                continue
            at = origin if member.is_remainder else _make_member_origin(origin, member.name)
            own = () if member.name or member.is_remainder else (*via, kind)
            if clean is None or not member.digest:
                yield from _unpack_member(member, at, budget, depth, own)
                continue
            key = member.digest, at.path
            if known := clean.get(key):
                budget.members -= known.members
                budget.count_bytes(known.bytes)
                continue
            before = budget.bytes, budget.members
            yield from _unpack_member(member, at, budget, depth, own)
            yield MemberEnd(key, before[0] - budget.bytes, before[1] - budget.members)
    except LimitExceeded:
        raise
    except Exception as problem:  # libraries raise all kinds of errors for hostile files; go on with the others
        reason = f"could not be unpacked completely as {kind}: {_describe_problem(problem)}"
        yield Skipped(_describe_location(origin), reason)


def _describe_problem(problem: Exception) -> str:
    text = " ".join(str(problem).split())[:120]
    return text if text.isprintable() and text else type(problem).__name__


def _make_member_origin(origin: Origin, name: str) -> Origin:
    """Return the origin of a member. For objects of a history, the path of the container is prepended later."""
    kind = "archive" if origin.kind in _FILE_KINDS else origin.kind
    outer = f"{origin.path}!" if origin.path else ""
    return origin._replace(kind=kind, path=f"{outer}{name}" if name else origin.path)


def _describe_location(origin: Origin) -> str:
    """Return the path to report. For objects of a history it is not known yet; the object id takes its place."""
    has_path = not origin.object_id or origin.commit or origin.kind == "index"
    return origin.path if has_path else f"{origin.object_id}!{origin.path}".rstrip("!")


class _CountedStream:
    """A stream that counts its bytes against a budget; an error ends it and is kept in `error`."""

    def __init__(self, stream: Stream, budget: UnpackBudget, first: bytes = b"", error: str = "") -> None:
        self._stream = stream
        self._budget = budget
        self._buffered = first
        self.error = error

    def read(self, size: int = -1, /) -> bytes:
        parts = []
        if self._buffered:
            parts.append(self._buffered[: size if size >= 0 else None])
            self._buffered = self._buffered[len(parts[0]) :]
            size -= len(parts[0]) if size >= 0 else 0
        while size and not self.error:
            try:
                part = self._stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
            except LimitExceeded:
                raise
            except Exception as problem:
                self.error = _describe_problem(problem)
                break
            if not part:
                break
            self._budget.count_bytes(len(part))
            parts.append(part)
            size -= len(part) if size >= 0 else 0
        return b"".join(parts)


def _unpack_member(
    member: Member, origin: Origin, budget: UnpackBudget, depth: int, via: tuple[str, ...]
) -> Iterator[Blob | Skipped | MemberEnd]:
    stream = _CountedStream(member.stream, budget)
    head = stream.read(chunks.CHUNK_BYTES + chunks.MARGIN_BYTES)
    if not head and not stream.error:
        return
    kind = "" if member.is_remainder else detect_kind(head)
    restarted = _CountedStream(member.stream, budget, head, stream.error)
    if kind and depth >= MAX_DEPTH:
        yield Skipped(_describe_location(origin), f"containers are nested more than {MAX_DEPTH} levels deep")
    elif kind:
        yield from _unpack_nested(restarted, head, kind, origin, budget, depth, via)
    else:
        yield from _split(restarted, origin, via)
    if restarted.error:
        yield Skipped(_describe_location(origin), f"could not be read completely: {restarted.error}")


def _unpack_nested(
    stream: _CountedStream,
    head: bytes,
    kind: str,
    origin: Origin,
    budget: UnpackBudget,
    depth: int,
    via: tuple[str, ...],
) -> Iterator[Blob | Skipped | MemberEnd]:
    """Unpack a member that is a container; yield its own bytes too if its reader does not return all content."""
    file: Any = stream
    own = head
    if not OPENERS[kind].streams and kind != "image":
        own = stream.read(MAX_IN_MEMORY + 1)
        if len(own) > MAX_IN_MEMORY:
            yield Skipped(_describe_location(origin), f"{kind} inside another container is too large to be unpacked")
            own = own[:-1]
        file = io.BytesIO(own)
    has_content = is_damaged = False
    for item in _unpack_members(file, kind, origin, budget, depth + 1, via):
        has_content = has_content or isinstance(item, Blob)
        is_damaged = is_damaged or isinstance(item, Skipped)
        yield item
    if not has_content or is_damaged or kind in PARTLY_READ:
        yield from _split(io.BytesIO(own), origin, via)


def _split(stream: Stream, origin: Origin, via: tuple[str, ...]) -> Iterator[Blob]:
    for blob in chunks.split_stream(stream.read, origin):
        yield blob._replace(via=via, core=None if blob.core == (0, len(blob.data)) else blob.core)
