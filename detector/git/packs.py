"""Where every object of a pack file stands and what it is built from, in bulk.

git answers such questions for one object at a time. A history has a million of
them, so here whole columns are computed at once with numpy: the index, all
object headers, all delta bases, the type of each object (that of the root of
its delta chain) and the order in which a reader should walk.

The order is a depth-first walk of the delta forest: each object is inflated
once and its delta applied once, while the base is still in memory. Among the
children of one base the smallest family comes first, so that a base is let go
before its largest family starts, and no more than log2(objects) bases are ever
held at once, however the pack was made.

Nothing here trusts the pack: an offset out of bounds, a base that is missing,
a chain that bites its tail mark the objects concerned as broken, nothing more.
"""

from __future__ import annotations

import mmap
import os
from typing import Any, NamedTuple

import numpy as np  # noqa: TID253  (this module is itself imported late)
from numpy.typing import NDArray  # noqa: TID253

from detector.git.pack_walker import FAMILY, LAST, YIELD

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7

MAX_DEPTH = 10_000
"""Longest delta chain that is followed; git itself never makes one over 4095."""

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]
Mask = NDArray[np.bool_]


class PackError(ValueError):
    """A pack or index whose layout is not the one we know."""


class Index(NamedTuple):
    """One `.idx` file: object ids in order of id, and their offsets in the pack."""

    ids: Bytes
    offsets: Longs
    trailer: bytes


class Objects(NamedTuple):
    """The objects of one pack in the order in which they stand in it.

    `row` finds the id (a row of `Index.ids`), `body` and `end` delimit the
    compressed bytes, `size` is that of the inflated bytes (for a delta: of the
    delta), `base` the number of the delta base, itself for a whole object.
    `kind` is 0 where the object is broken.
    """

    row: Longs
    kind: Bytes
    body: Longs
    end: Longs
    size: Longs
    base: Longs
    root: Longs
    depth: Longs


class Walk(NamedTuple):
    """Steps in the order of reading; `node` numbers the objects they read."""

    node: Longs
    depth: Longs
    flags: Bytes
    cost: NDArray[np.float64]


def read_index(path: str, id_bytes: int = 20) -> Index:
    """Read an index of version 2 or 1. `PackError` if it is anything else."""
    data = _map(path)
    size = len(data)
    if bytes(data[:4]) != b"\xfftOc":
        return _read_old_index(data, id_bytes)
    fixed = 8 + 1024 + 2 * id_bytes
    if size < fixed or bytes(data[4:8]) != b"\x00\x00\x00\x02":
        raise PackError("not a pack index of a version that we know")
    fan_out = data[8:1032].view(">u4").astype(np.int64)
    count = int(fan_out[255])
    if bool((np.diff(fan_out) < 0).any()) or fixed + count * (id_bytes + 8) > size:
        raise PackError("pack index is cut short")
    start = 1032
    ids = data[start : start + count * id_bytes].reshape(count, id_bytes)
    start += count * (id_bytes + 4)
    offsets = data[start : start + 4 * count].view(">u4").astype(np.int64)
    start += 4 * count
    large = data[start : size - 2 * id_bytes]
    high = offsets >> 31 == 1
    if high.any():
        table = large[: len(large) // 8 * 8].view(">u8")
        which = offsets[high] & 0x7FFFFFFF
        if int(which.max()) >= len(table):
            raise PackError("pack index points outside of its table of large offsets")
        offsets[high] = table[which].astype(np.int64)
    _check_order(ids)
    return Index(ids, offsets, bytes(data[size - 2 * id_bytes : size - id_bytes]))


def _read_old_index(data: Bytes, id_bytes: int) -> Index:
    """Version 1 has no head: a fan-out table, then offset and id of each object."""
    count = int.from_bytes(bytes(data[1020:1024]), "big")
    width = 4 + id_bytes
    if len(data) != 1024 + count * width + 2 * id_bytes:
        raise PackError("not a pack index of a version that we know")
    table = data[1024 : 1024 + count * width].reshape(count, width)
    offsets = np.ascontiguousarray(table[:, :4]).view(">u4").ravel().astype(np.int64)
    trailer = bytes(data[len(data) - 2 * id_bytes : len(data) - id_bytes])
    ids = np.ascontiguousarray(table[:, 4:])
    _check_order(ids)
    return Index(ids, offsets, trailer)


def _check_order(ids: Bytes) -> None:
    """Looking up an id relies on their order."""
    heads = _heads(ids)
    if bool((heads[1:] < heads[:-1]).any()):
        raise PackError("ids in the pack index are not in order")


def open_pack(path: str, id_bytes: int = 20) -> tuple[mmap.mmap, int]:
    """Map a pack file; return the map and the number of objects it announces."""
    with open(path, "rb") as stream:
        if os.fstat(stream.fileno()).st_size < 12 + id_bytes:
            raise PackError("pack is cut short")
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    if data[:4] != b"PACK" or data[4:8] not in (b"\x00\x00\x00\x02", b"\x00\x00\x00\x03"):
        data.close()
        raise PackError("not a pack of a version that we know")
    return data, int.from_bytes(data[8:12], "big")


def read_headers(pack: Bytes, index: Index, id_bytes: int = 20, ranks: Longs | None = None) -> Objects:
    """Parse all object headers of *pack*, find bases, roots, types and depths.

    *ranks* may name the rows of the index in order of offset (a `.rev` file);
    it is used if it is true and saves the sort.
    """
    finish = len(pack) - id_bytes
    offsets = index.offsets
    if ranks is None or not _sorts(ranks, offsets):
        ranks = np.argsort(offsets, kind="stable")
    offset = offsets[ranks]
    end = np.append(offset[1:], finish)[: len(offset)]
    good = (offset >= 12) & (offset < end) & (end <= finish)
    last = len(pack) - 1

    at = np.clip(offset, 0, last)
    byte = pack[at]
    kind = (byte >> 4) & 7
    size = (byte & 15).astype(np.int64)
    body = at + 1
    more = np.flatnonzero(byte & 128)
    for shift in range(4, 61, 7):
        if not len(more):
            break
        byte = pack[np.minimum(body[more], last)]
        size[more] |= (byte & np.uint8(127)).astype(np.int64) << shift
        body[more] += 1
        more = more[byte >= 128]
    good[more] = False

    base = np.arange(len(offset))
    ofs = np.flatnonzero(kind == OFS_DELTA)
    if len(ofs):
        byte = pack[np.minimum(body[ofs], last)]
        back = (byte & np.uint8(127)).astype(np.int64)
        body[ofs] += 1
        more = np.flatnonzero(byte & 128)
        for _ in range(7):
            if not len(more):
                break
            byte = pack[np.minimum(body[ofs[more]], last)]
            back[more] = ((back[more] + 1) << 7) | (byte & np.uint8(127))
            body[ofs[more]] += 1
            more = more[byte >= 128]
        good[ofs[more]] = False
        target = offset[ofs] - back
        found = np.minimum(np.searchsorted(offset, target), len(offset) - 1)
        hit = offset[found] == target
        base[ofs[hit]] = found[hit]
        good[ofs[~hit]] = False
    ref = np.flatnonzero(kind == REF_DELTA)
    if len(ref):
        where = np.minimum(body[ref], max(0, len(pack) - id_bytes))
        names = pack[where[:, None] + np.arange(id_bytes)]
        body[ref] += id_bytes
        rows = find_rows(index.ids, names)
        place = np.empty(len(offset), np.int64)
        place[ranks] = np.arange(len(offset))
        hit = rows >= 0
        base[ref[hit]] = place[rows[hit]]
        good[ref[~hit]] = False
    good &= (body < end) & (size >= 0)  # ten bytes of a size may hold more than fits

    root, depth = base.copy(), (base != np.arange(len(base))).astype(np.int64)
    whole = good.copy()  # the object and every base below it
    for _ in range(max(1, len(base)).bit_length() + 1):
        further = root[root]
        whole &= whole[root]
        if np.array_equal(further, root):
            break
        np.minimum(depth + depth[root], 1 << 40, out=depth)
        root = further
    types = kind[root]
    whole &= (types >= COMMIT) & (types <= TAG) & (depth <= MAX_DEPTH) & whole[root]
    return Objects(ranks, np.where(whole, types, 0).astype(np.uint8), body, end, size, base, root, depth)


def walk(objects: Objects, chosen: Mask, wanted: Mask) -> Walk:
    """Return the order in which to read the *wanted* objects.

    *chosen* limits the families that are looked at (all objects of some types);
    bases that nobody needs do not appear.
    """
    nodes = np.flatnonzero(chosen & (objects.kind > 0))
    number = np.full(len(chosen), -1, np.int64)
    number[nodes] = np.arange(len(nodes))
    parent = number[objects.base[nodes]]
    depth = objects.depth[nodes]
    wants = wanted[nodes]

    # Bottom up, level by level: whose family holds something wanted?
    levels = _levels(depth)
    needed = wants.astype(np.int64)
    for level in reversed(levels[1:]):
        np.add.at(needed, parent[level], needed[level])
    if not needed.all():
        kept = np.flatnonzero(needed)
        again = np.full(len(nodes), -1, np.int64)
        again[kept] = np.arange(len(kept))
        nodes, parent, depth, wants = nodes[kept], again[parent[kept]], depth[kept], wants[kept]
        levels = _levels(depth)
    count = len(nodes)
    if not count:
        none = np.empty(0, np.int64)
        return Walk(none, none, np.empty(0, np.uint8), np.empty(0))
    family = np.ones(count, np.int64)
    for level in reversed(levels[1:]):
        np.add.at(family, parent[level], family[level])

    # Top down: a child starts behind its base and its smaller siblings.
    child = np.flatnonzero(depth > 0)
    child = child[np.lexsort((family[child], parent[child]))]
    above = parent[child]
    before = np.cumsum(family[child]) - family[child]
    first = np.append(True, above[1:] != above[:-1]) if len(child) else np.empty(0, bool)
    before -= np.maximum.accumulate(np.where(first, before, 0)) if len(child) else 0
    gap = np.zeros(count, np.int64)
    gap[child] = before
    place = np.empty(count, np.int64)
    tops = levels[0]
    place[tops] = np.cumsum(family[tops]) - family[tops]
    for level in levels[1:]:
        place[level] = place[parent[level]] + 1 + gap[level]

    flags = np.where(wants, YIELD, 0).astype(np.uint8)
    flags[family > 1] |= FAMILY
    if len(child):
        flags[child[np.append(first[1:], True)]] |= LAST
    order = np.empty(count, np.int64)
    order[place] = np.arange(count)
    node = nodes[order]
    # Microseconds, roughly: a call, inflating, writing and looking at the result.
    cost = 3.0 + objects.size[node] * 0.003 + objects.size[objects.root[node]] * 0.0008
    return Walk(node, depth[order], flags[order], cost)


def find_rows(ids: Bytes, names: Bytes) -> Longs:
    """Return for each of *names* its row in the sorted *ids*, or -1."""
    found = np.full(len(names), -1, np.int64)
    if not len(ids) or not len(names):
        return found
    heads, sought = _heads(ids), _heads(names)
    place = np.minimum(np.searchsorted(heads, sought), len(ids) - 1)
    same = (ids[place] == names).all(axis=1)
    found[same] = place[same]
    # Two ids with equal first eight bytes are an attack or a miracle; be right, not fast.
    doubtful = np.flatnonzero(~same & (heads[place] == sought))
    if len(doubtful):
        rows = {bytes(ids[row]): int(row) for row in np.flatnonzero(np.isin(heads, sought[doubtful]))}
        for which in doubtful:
            found[which] = rows.get(bytes(names[which]), -1)
    return found


def sort_ids(ids: Bytes) -> Bytes:
    """Return *ids* in order, each once."""
    if not len(ids):
        return ids
    flat: Bytes = np.ascontiguousarray(ids)
    columns: Any = [flat[:, part : part + 4].copy().view(">u4").ravel() for part in range(0, ids.shape[1], 4)]
    flat = flat[np.lexsort(columns[::-1])]
    fresh = np.append(True, (flat[1:] != flat[:-1]).any(axis=1))
    unique: Bytes = flat[fresh]
    return unique


def _heads(ids: Bytes) -> NDArray[np.uint64]:
    return np.ascontiguousarray(ids[:, :8]).view(">u8").ravel().astype(np.uint64)


def _levels(depth: Longs) -> list[Longs]:
    """Split the numbers of the nodes by depth, shallow first."""
    if not len(depth):
        return [np.empty(0, np.int64)]
    order = np.argsort(depth, kind="stable")
    cuts = np.searchsorted(depth[order], np.arange(1, int(depth.max()) + 1))
    return np.split(order, cuts)


def _sorts(ranks: Longs, offsets: Longs) -> bool:
    count = len(offsets)
    if len(ranks) != count or (count and int(ranks.max()) >= count):
        return False
    return bool((np.diff(offsets[ranks]) > 0).all())


def read_ranks(path: str, count: int) -> Longs | None:
    """Read a `.rev` file: the rows of the index in order of offset; None if there is none."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(12)
            if head[:8] != b"RIDX\x00\x00\x00\x01":
                return None
            return np.frombuffer(stream.read(4 * count), ">u4").astype(np.int64)
    except (OSError, ValueError):
        return None


def _map(path: str) -> Bytes:
    with open(path, "rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            raise PackError("file is empty")
        return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
