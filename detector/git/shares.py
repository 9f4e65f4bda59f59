"""Divide the objects of a repository among workers, and read a share of them.

`plan` looks at the whole repository once and returns shares: small values that
can be pickled, each with a list of steps in reading order. `read` carries a
share out in whatever process it lands. Over all shares every object is yielded
exactly once, however many packs, alternates and loose files hold it, and
however many workers there are.

A very large delta family is cut in two where the balance asks for it; the
second half builds the few bases again that lie above the cut.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np  # noqa: TID253  (this module is itself imported late)

from detector.engine.stored import Stored
from detector.git.objects import (
    Budget,
    all_objects,
    cat_file,
    loose_ids,
    loose_path,
    read_loose,
)
from detector.git.pack_walker import FAMILY, KINDS, YIELD, ObjectError, Walker
from detector.git.packs import (
    Bytes,
    Objects,
    PackError,
    Walk,
    find_rows,
    open_pack,
    read_headers,
    read_index,
    read_ranks,
    sort_ids,
    walk,
)
from detector.git.repository import Repository
from detector.model import Skipped

CONTENT = ("blob", "commit", "tag")
"""The types that hold what people wrote; trees hold names alone."""

_WORTH = 20_000.0
"""Least cost of a share: below 20 ms dividing does not pay."""

_RESIDENT = 64 << 20
"""How much of a mapped pack may stay in memory after it was read."""

_PORTION = 1 << 20
"""How many bytes of content are read at a time."""


class Steps(NamedTuple):
    """Steps through one pack. The columns are arrays of machine words, as bytes.

    `ids` holds the ids of all steps behind each other, `kinds` and `flags`
    (see pack_walker.py) a byte for each.
    """

    path: str
    trailer: bytes
    ids: bytes
    kinds: bytes
    flags: bytes
    depth: bytes
    body: bytes
    end: bytes
    size: bytes


class Share(NamedTuple):
    """A part of the work: some steps through packs, some loose files, some ids to ask git for.

    Ids in `again` are read if they are still there; if one is not, those in `spare` are read as well.
    """

    repository: Repository
    packs: tuple[Steps, ...] = ()
    loose: tuple[tuple[str, str], ...] = ()
    asked: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    kinds: tuple[str, ...] = CONTENT
    cost: float = 0.0
    objects: int = 0
    spare: tuple[str, ...] = ()


class Plan(NamedTuple):
    """All shares of a repository and what could not be planned."""

    shares: tuple[Share, ...]
    skipped: tuple[Skipped, ...]
    ids: Bytes
    """The ids of all objects that the shares yield (some loose ones may be of other types)."""
    packs: tuple[bytes, ...] = ()
    """Marks of the packs that were opened: once all shares are read, they need not be opened again."""


def plan(
    repository: Repository,
    kinds: Sequence[str] = CONTENT,
    workers: int = 1,
    exclude: Bytes | Iterable[bytes] | None = None,
    per_worker: int = 8,
    known_packs: Collection[bytes] = (),
    again: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> Plan:
    """Divide all objects of the given *kinds* into shares.

    *exclude* names objects that need not be read again: sorted rows of bytes,
    or a set of ids. *known_packs* (marks, see `Plan`) need not even be opened, if
    *exclude* names what they hold. *again* are ids to read all the same, if they
    are there, and *spare* are read if one of them is not (known_objects.py keeps all of these).
    There are some shares per worker, smaller ones towards the end, so that the workers end together
    even when the estimate is wrong; begin with the first, they are the largest.
    """
    skipped = list(repository.skipped)
    if not repository.known_layout:
        return _plan_by_git(repository, kinds, workers * per_worker, exclude, skipped)
    width = repository.id_bytes
    done = _as_rows(exclude, width)
    codes = np.isin(np.arange(8), [KINDS.index(kind) for kind in kinds])
    marks: list[bytes] = []

    walks: list[tuple[str, bytes, Bytes, Objects, Walk]] = []
    asked = _as_rows((bytes.fromhex(name) for name in (*again, *spare)), width)
    seen: list[Bytes] = [ids for ids in (done, asked) if ids is not None]
    fresh: list[Bytes] = []
    for path in pack_paths(repository, skipped):
        try:
            mark = pack_mark(path + ".pack", width)
            if mark in known_packs:
                continue
            index = read_index(path + ".idx", width)
            data, count = open_pack(path + ".pack", width)
            with _closing(data):
                if count != len(index.offsets):
                    raise PackError("pack and index disagree about the number of objects")
                pack = np.frombuffer(data, np.uint8)
                if bytes(pack[-width:]) != index.trailer:
                    raise PackError("pack and index do not belong together")
                found = read_headers(pack, index, width, read_ranks(path + ".rev", count))
                del pack
        except (PackError, OSError, ValueError) as problem:
            skipped.append(Skipped(path + ".pack", str(problem)))
            continue
        broken = np.flatnonzero(found.kind == 0)
        skipped += [Skipped(_hex(index.ids[row]), "object in a pack is broken") for row in found.row[broken]]
        chosen = codes[found.kind]
        wanted = chosen.copy()
        if seen:
            unread = np.ones(len(index.offsets), bool)
            for ids in seen:
                unread &= find_rows(ids, index.ids) < 0
            wanted &= unread[found.row]
        seen.append(index.ids)
        steps = walk(found, chosen, wanted)
        walks.append((path, index.trailer, index.ids, found, steps))
        fresh.append(index.ids[found.row[wanted]])
        if not len(broken):
            marks.append(mark)

    loose: list[tuple[str, str]] = []
    have: set[str] = set()
    for store in repository.object_dirs:
        for name in loose_ids(store, width):
            if name not in have:
                have.add(name)
                loose.append((name, store))
    if loose and seen:
        rows = np.frombuffer(bytes.fromhex("".join(name for name, _ in loose)), np.uint8).reshape(-1, width)
        unread = np.ones(len(loose), bool)
        for ids in seen:
            unread &= find_rows(ids, rows) < 0
        loose = [entry for entry, new in zip(loose, unread, strict=True) if new]
    if loose:
        rows = np.frombuffer(bytes.fromhex("".join(name for name, _ in loose)), np.uint8).reshape(-1, width)
        fresh.append(rows)
    ids = np.concatenate(fresh) if fresh else np.empty((0, width), np.uint8)
    shares = _divide(repository, tuple(kinds), walks, loose, max(1, workers * per_worker))
    if again:
        shares += (Share(repository, (), (), (), tuple(again), tuple(kinds), 1000.0, len(again), tuple(spare)),)
    return Plan(shares, tuple(skipped), ids, tuple(marks))


def read(
    share: Share,
    skipped: list[Skipped],
    budget: Budget | None = None,
) -> Iterator[Stored]:
    """Yield the objects of a share; what cannot be read is appended to *skipped*."""
    budget = budget or Budget()
    lost: list[str] = list(share.asked)
    for steps in share.packs:
        try:
            data, _ = open_pack(steps.path, share.repository.id_bytes)
        except (OSError, PackError):
            data = None
        if data is None or data[-share.repository.id_bytes :] != steps.trailer:
            lost += _wanted(steps, share.repository.id_bytes)  # git has repacked while we read
            continue
        with _closing(data):
            yield from _read_pack(data, steps, share.repository.id_bytes, skipped, budget)
    for name, store in share.loose:
        try:
            found = read_loose(loose_path(store, name), share.kinds, budget)
        except FileNotFoundError:
            lost.append(name)  # packed in the meantime
            continue
        except (OSError, ObjectError) as problem:
            skipped.append(Skipped(name, str(problem)))
            continue
        if found:
            yield Stored(bytes.fromhex(name), *found)
    gone = False
    if lost or share.again:
        for name, kind, content in cat_file(share.repository, [*lost, *share.again], budget):
            if content is not None and kind in share.kinds:
                yield Stored(bytes.fromhex(name), kind, content)
            elif content is None and kind == "missing" and name in share.again:
                gone = True
            elif content is None:
                skipped.append(Skipped(name, "object is missing" if kind == "missing" else "over the size limit"))
    if gone and share.spare:
        yield from read(share._replace(packs=(), loose=(), asked=(), again=share.spare, spare=()), skipped, budget)


def _read_pack(data: mmap.mmap, steps: Steps, width: int, skipped: list[Skipped], budget: Budget) -> Iterator[Stored]:
    columns = [_words(steps.depth), list(steps.flags), list(steps.kinds)]
    columns += map(_words, (steps.body, steps.end, steps.size))
    walker = Walker(memoryview(data), steps.ids, width, columns, (budget.object, budget.chain))
    let_go = 0
    while found := walker.some(_PORTION, skipped):
        yield from found
        if walker.read - let_go > _RESIDENT:
            let_go = walker.read
            _let_go(data)


def _divide(
    repository: Repository,
    kinds: tuple[str, ...],
    walks: list[tuple[str, bytes, Bytes, Objects, Walk]],
    loose: list[tuple[str, str]],
    count: int,
) -> tuple[Share, ...]:
    """Cut everything by cost; one share may span packs.

    Each share is a little smaller than the one before, so that the last ones to be
    read are short and the workers end together.
    """
    loose_cost = [60.0 + _size(loose_path(store, name)) * 0.01 for name, store in loose]
    total = sum(float(steps.cost.sum()) for *_, steps in walks) + sum(loose_cost)
    if not total:
        return ()
    count = max(1, min(count, int(total / _WORTH)))
    bounds = total * (1 - (1 - np.arange(1, count + 1) / count) ** 2)  # where each share ends
    packs: list[list[Steps]] = [[] for _ in range(count)]
    costs = [0.0] * count
    objects = [0] * count
    passed = 0.0
    for path, trailer, ids, found, steps in walks:
        ends = passed + np.cumsum(steps.cost)
        part = np.minimum(np.searchsorted(bounds, ends - 1e-6), count - 1)
        cuts = np.searchsorted(part, np.arange(count + 1))
        for number in range(count):
            first, last = int(cuts[number]), int(cuts[number + 1])
            if first < last:
                packs[number].append(_steps(path, trailer, ids, found, steps, first, last))
                costs[number] += float(steps.cost[first:last].sum())
                objects[number] += last - first
        passed = float(ends[-1]) if len(ends) else passed
    files: list[list[tuple[str, str]]] = [[] for _ in range(count)]
    for entry, cost in zip(loose, loose_cost, strict=True):
        number = min(int(np.searchsorted(bounds, passed, "right")), count - 1)
        passed += cost
        files[number].append(entry)
        costs[number] += cost
        objects[number] += 1
    shares = [
        Share(repository, tuple(packs[number]), tuple(files[number]), (), (), kinds, costs[number], objects[number])
        for number in range(count)
    ]
    return tuple(sorted((share for share in shares if share.objects), key=lambda share: -share.cost))


def _steps(path: str, trailer: bytes, ids: Bytes, found: Objects, steps: Walk, first: int, last: int) -> Steps:
    node, depth = steps.node[first:last], steps.depth[first:last]
    flags = steps.flags[first:last]
    above = []  # the bases above the cut, nearest first
    if depth[0]:
        base = int(node[0])
        for _ in range(int(depth[0])):
            base = int(found.base[base])
            above.append(base)
        node = np.append(np.array(above[::-1]), node)
        depth = np.append(np.arange(len(above)), depth)
        flags = np.append(np.full(len(above), FAMILY, np.uint8), flags)
    return Steps(
        path + ".pack",
        trailer,
        ids[found.row[node]].tobytes(),
        found.kind[node].tobytes(),
        flags.tobytes(),
        depth.astype(np.int64).tobytes(),
        found.body[node].tobytes(),
        found.end[node].tobytes(),
        found.size[node].tobytes(),
    )


def _plan_by_git(
    repository: Repository,
    kinds: Sequence[str],
    count: int,
    exclude: Bytes | Iterable[bytes] | None,
    skipped: list[Skipped],
) -> Plan:
    done = _as_rows(exclude, repository.id_bytes)
    known: set[str] = set() if done is None else {row.tobytes().hex() for row in done}
    found = [entry for entry in all_objects(repository) if entry[1] in kinds and entry[0] not in known]
    total = sum(size + 1000 for _, _, size in found)
    parts: list[list[str]] = [[] for _ in range(count)]
    passed = 0
    for name, _, size in found:
        parts[min(passed * count // max(total, 1), count - 1)].append(name)
        passed += size + 1000
    shares = [
        Share(repository, (), (), tuple(part), (), tuple(kinds), total / count, len(part)) for part in parts if part
    ]
    width = repository.id_bytes
    ids = np.frombuffer(bytes.fromhex("".join(name for name, _, _ in found)), np.uint8).reshape(-1, width)
    return Plan(tuple(shares), tuple(skipped), ids)


def size_of_packs(repository: Repository) -> int:
    """Return how many bytes the packs of a repository have."""
    return sum(_size(path + ".pack") for path in pack_paths(repository, []))


def pack_paths(repository: Repository, skipped: list[Skipped]) -> list[str]:
    """Return the packs without their suffix, in a fixed order; the own store comes first."""
    found = []
    for store in repository.object_dirs:
        folder = os.path.join(store, "pack")
        names = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix != ".pack" or not name.startswith("pack-"):
                continue
            if stem + ".idx" in names:
                found.append(os.path.join(folder, stem))
            else:
                skipped.append(Skipped(os.path.join(folder, name), "pack without an index"))
    return found


def pack_mark(path: str, width: int) -> bytes:
    """Recognise a pack by its checksum, which ends the file, and its size."""
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size < 12 + width:
            raise PackError("pack is cut short")
        stream.seek(size - width)
        return stream.read(width) + size.to_bytes(8, "big")


def _as_rows(ids: Bytes | Iterable[bytes] | None, width: int) -> Bytes | None:
    if ids is None:
        return None
    if isinstance(ids, np.ndarray):
        return ids if len(ids) else None
    flat = b"".join(ids)
    return sort_ids(np.frombuffer(flat, np.uint8).reshape(-1, width)) if flat else None


def _wanted(steps: Steps, width: int) -> list[str]:
    return [
        steps.ids[number * width : (number + 1) * width].hex()
        for number, flag in enumerate(steps.flags)
        if flag & YIELD
    ]


def _words(column: bytes) -> list[int]:
    return array("q", column).tolist()


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _hex(row: Bytes) -> str:
    return row.tobytes().hex()


def _let_go(data: mmap.mmap) -> None:
    """Give mapped pages back; they come again from the file when they are needed."""
    if hasattr(data, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        data.madvise(mmap.MADV_DONTNEED)


class _closing:
    """Close a map if nothing looks at it any more; else its last view will."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        try:
            self.data.close()
        except BufferError:
            _let_go(self.data)
