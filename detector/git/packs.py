"""Parse pack files and their indexes as a whole, and plan the order in which to read the objects.

git parses one object header at a time. A history has a million objects, so
whole columns are computed at once with numpy: the index, all object headers,
all base objects, the type of each object (that of the root of its delta chain)
and the reading order.

The order is a depth-first walk of the delta forest: each object is inflated
once and its delta applied once, while its base object is still in memory. The
children of a base are read in the order of their family size (the object and
all that is built on it), smallest first. So a base can be dropped before its
largest family starts, and at most log2(objects) bases are in memory at once,
however the pack was made.

Packs are untrusted: an offset out of bounds, a missing base object or a cyclic
delta chain marks the objects concerned as broken, and the others are read.
"""

from __future__ import annotations

import mmap
import os
from typing import Any, NamedTuple

import numpy as np  # noqa: TID253  (this module is itself imported late)
from numpy.typing import NDArray  # noqa: TID253

from detector.git._files import open_regular
from detector.git.pack_walker import HAS_CHILDREN, LAST_CHILD, WANTED

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7

MAX_DEPTH = 10_000
"""Longest delta chain that is followed; git itself creates none longer than 4095."""

ByteArray = NDArray[np.uint8]
LongArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class PackError(ValueError):
    """A pack or index that is corrupt or whose format is not supported."""


class PackIndex(NamedTuple):
    """An `.idx` file: sorted object ids, their offsets in the pack, and the checksum of that pack."""

    ids: ByteArray
    offsets: LongArray
    trailer: bytes


class PackObjects(NamedTuple):
    """The objects of one pack, in the order of their offsets; one column per attribute.

    `row` is the row of the object's id in `PackIndex.ids`, `body` and `end`
    are the offsets of its compressed bytes, `size` is the size of the inflated
    bytes (of the delta, if it is stored as one). `base` is the number of its
    base object, or its own number if it is stored whole. `kind` is 0 if the
    object is broken.
    """

    row: LongArray
    kind: ByteArray
    body: LongArray
    end: LongArray
    size: LongArray
    base: LongArray
    root: LongArray
    depth: LongArray


class WalkOrder(NamedTuple):
    """Steps in reading order: `node` is the number of the object in `PackObjects`, `cost` is in microseconds."""

    node: LongArray
    depth: LongArray
    flags: ByteArray
    cost: NDArray[np.float64]


def read_index(path: str, id_bytes: int = 20) -> PackIndex:
    """Read an index of version 2 or 1. `PackError` if it is of another version or corrupt."""
    data = _map_file(path)
    size = len(data)
    if bytes(data[:4]) != b"\xfftOc":
        return _read_old_index(data, id_bytes)
    fixed = 8 + 1024 + 2 * id_bytes
    if size < fixed or bytes(data[4:8]) != b"\x00\x00\x00\x02":
        raise PackError("not a pack index of a supported version")
    fan_out = data[8:1032].view(">u4").astype(np.int64)
    count = int(fan_out[255])
    if bool((np.diff(fan_out) < 0).any()) or fixed + count * (id_bytes + 8) > size:
        raise PackError("pack index is truncated")
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
    return PackIndex(ids, offsets, bytes(data[size - 2 * id_bytes : size - id_bytes]))


def _read_old_index(data: ByteArray, id_bytes: int) -> PackIndex:
    """Read version 1, which has no header: a fan-out table, then offset and id of each object."""
    count = int.from_bytes(bytes(data[1020:1024]), "big")
    width = 4 + id_bytes
    if len(data) != 1024 + count * width + 2 * id_bytes:
        raise PackError("not a pack index of a supported version")
    table = data[1024 : 1024 + count * width].reshape(count, width)
    offsets = np.ascontiguousarray(table[:, :4]).view(">u4").ravel().astype(np.int64)
    trailer = bytes(data[len(data) - 2 * id_bytes : len(data) - id_bytes])
    ids = np.ascontiguousarray(table[:, 4:])
    _check_order(ids)
    return PackIndex(ids, offsets, trailer)


def _check_order(ids: ByteArray) -> None:
    """Raise `PackError` unless *ids* are sorted, as the lookup of ids requires."""
    prefixes = _compute_id_prefixes(ids)
    if bool((prefixes[1:] < prefixes[:-1]).any()):
        raise PackError("ids in the pack index are not sorted")


def open_pack(path: str, id_bytes: int = 20) -> tuple[mmap.mmap, int]:
    """Map a pack file into memory; return the map and the number of objects in its header."""
    with open_regular(path) as stream:
        if os.fstat(stream.fileno()).st_size < 12 + id_bytes:
            raise PackError("pack is truncated")
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    if data[:4] != b"PACK" or data[4:8] not in (b"\x00\x00\x00\x02", b"\x00\x00\x00\x03"):
        data.close()
        raise PackError("not a pack of a supported version")
    return data, int.from_bytes(data[8:12], "big")


def read_headers(pack: ByteArray, index: PackIndex, id_bytes: int = 20, ranks: LongArray | None = None) -> PackObjects:
    """Parse all object headers of *pack*; find the base, root, type and depth of each object.

    *ranks* are the rows of the index in the order of their offsets (from a
    `.rev` file); they are verified and save the sort.
    """
    finish = len(pack) - id_bytes
    offsets = index.offsets
    if ranks is None or not _is_in_offset_order(ranks, offsets):
        ranks = np.argsort(offsets, kind="stable")
    offset = offsets[ranks]
    end = np.append(offset[1:], finish)[: len(offset)]
    good = (offset >= 12) & (offset < end) & (end <= finish)
    kind, size, body = _parse_type_and_size(pack, offset, good)
    base = np.arange(len(offset))
    _resolve_offset_deltas(pack, offset, np.flatnonzero(kind == OFS_DELTA), body, base, good)
    _resolve_id_deltas(pack, index.ids, ranks, np.flatnonzero(kind == REF_DELTA), body, base, good)
    good &= (body < end) & (size >= 0)  # the ten bytes of a size can hold more than 63 bits
    root, depth, complete = _follow_chains(base, good)
    types = kind[root]
    complete &= (types >= COMMIT) & (types <= TAG) & (depth <= MAX_DEPTH) & complete[root]
    return PackObjects(ranks, np.where(complete, types, 0).astype(np.uint8), body, end, size, base, root, depth)


def _parse_type_and_size(pack: ByteArray, offset: LongArray, good: BoolArray) -> tuple[ByteArray, LongArray, LongArray]:
    """Return type, inflated size and the offset after each header; clear *good* if a size has too many bytes."""
    last = len(pack) - 1
    at = np.clip(offset, 0, last)
    byte = pack[at]
    kind = (byte >> np.uint8(4)) & np.uint8(7)
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
    return kind, size, body


def _resolve_offset_deltas(
    pack: ByteArray, offset: LongArray, deltas: LongArray, body: LongArray, base: LongArray, good: BoolArray
) -> None:
    """Set *base* and *body* of the *deltas* whose base object is given by its distance; clear *good* if it is wrong."""
    if not len(deltas):
        return
    last = len(pack) - 1
    byte = pack[np.minimum(body[deltas], last)]
    distance = (byte & np.uint8(127)).astype(np.int64)
    body[deltas] += 1
    more = np.flatnonzero(byte & 128)
    for _ in range(7):
        if not len(more):
            break
        byte = pack[np.minimum(body[deltas[more]], last)]
        distance[more] = ((distance[more] + 1) << 7) | (byte & np.uint8(127))
        body[deltas[more]] += 1
        more = more[byte >= 128]
    good[deltas[more]] = False
    target = offset[deltas] - distance
    found = np.minimum(np.searchsorted(offset, target), len(offset) - 1)
    hit = offset[found] == target
    base[deltas[hit]] = found[hit]
    good[deltas[~hit]] = False


def _resolve_id_deltas(
    pack: ByteArray,
    ids: ByteArray,
    ranks: LongArray,
    deltas: LongArray,
    body: LongArray,
    base: LongArray,
    good: BoolArray,
) -> None:
    """Set *base* and *body* of the *deltas* whose base object is given by its id; clear *good* if it is missing."""
    if not len(deltas):
        return
    id_bytes = ids.shape[1]
    start = np.minimum(body[deltas], max(0, len(pack) - id_bytes))
    names = pack[start[:, None] + np.arange(id_bytes)]
    body[deltas] += id_bytes
    rows = find_rows(ids, names)
    number = np.empty(len(ranks), np.int64)
    number[ranks] = np.arange(len(ranks))
    hit = rows >= 0
    base[deltas[hit]] = number[rows[hit]]
    good[deltas[~hit]] = False


def _follow_chains(base: LongArray, good: BoolArray) -> tuple[LongArray, LongArray, BoolArray]:
    """Return root and depth of each delta chain, and whether every object in it is good.

    Each round doubles the distance that is followed. In a cycle the root never
    settles, and the depth grows beyond `MAX_DEPTH`.
    """
    root, depth = base.copy(), (base != np.arange(len(base))).astype(np.int64)
    complete = good.copy()
    for _ in range(max(1, len(base)).bit_length() + 1):
        further = root[root]
        complete &= complete[root]
        if np.array_equal(further, root):
            break
        np.minimum(depth + depth[root], 1 << 40, out=depth)
        root = further
    return root, depth, complete


def plan_walk(objects: PackObjects, chosen: BoolArray, wanted: BoolArray) -> WalkOrder:
    """Return the order in which to read the *wanted* objects.

    *chosen* marks the objects to consider (all objects of some types). Base
    objects that no wanted object needs are left out.
    """
    nodes = np.flatnonzero(chosen & (objects.kind > 0))
    number = np.full(len(chosen), -1, np.int64)
    number[nodes] = np.arange(len(nodes))
    parent = number[objects.base[nodes]]
    depth = objects.depth[nodes]
    wants = wanted[nodes]

    levels = _split_by_depth(depth)
    needed = _add_up_families(wants.astype(np.int64), parent, levels)
    if not needed.all():
        kept = np.flatnonzero(needed)
        renumbered = np.full(len(nodes), -1, np.int64)
        renumbered[kept] = np.arange(len(kept))
        nodes, parent, depth, wants = nodes[kept], renumbered[parent[kept]], depth[kept], wants[kept]
        levels = _split_by_depth(depth)
    count = len(nodes)
    if not count:
        none = np.empty(0, np.int64)
        return WalkOrder(none, none, np.empty(0, np.uint8), np.empty(0))
    family = _add_up_families(np.ones(count, np.int64), parent, levels)
    position, last_children = _position_nodes(parent, depth, family, levels)

    flags = np.where(wants, WANTED, 0).astype(np.uint8)
    flags[family > 1] |= HAS_CHILDREN
    flags[last_children] |= LAST_CHILD
    order = np.empty(count, np.int64)
    order[position] = np.arange(count)
    node = nodes[order]
    # A rough estimate: a call, inflating, writing and examining the result.
    cost = 3.0 + objects.size[node] * 0.003 + objects.size[objects.root[node]] * 0.0008
    return WalkOrder(node, depth[order], flags[order], cost)


def _add_up_families(counts: LongArray, parent: LongArray, levels: list[LongArray]) -> LongArray:
    """Add to each node's count those of all nodes below it, in place; return *counts*."""
    for level in reversed(levels[1:]):
        np.add.at(counts, parent[level], counts[level])
    return counts


def _position_nodes(
    parent: LongArray, depth: LongArray, family: LongArray, levels: list[LongArray]
) -> tuple[LongArray, LongArray]:
    """Return the position of each node in a depth-first walk, and the last child of each parent.

    Among siblings the smallest family comes first.
    """
    children = np.flatnonzero(depth > 0)
    children = children[np.lexsort((family[children], parent[children]))]
    parents = parent[children]
    before = np.cumsum(family[children]) - family[children]
    first = np.append(True, parents[1:] != parents[:-1]) if len(children) else np.empty(0, bool)
    before -= np.maximum.accumulate(np.where(first, before, 0)) if len(children) else 0
    distance = np.zeros(len(depth), np.int64)
    distance[children] = before
    position = np.empty(len(depth), np.int64)
    roots = levels[0]
    position[roots] = np.cumsum(family[roots]) - family[roots]
    for level in levels[1:]:
        position[level] = position[parent[level]] + 1 + distance[level]
    return position, children[np.append(first[1:], True)] if len(children) else children


def find_rows(ids: ByteArray, names: ByteArray) -> LongArray:
    """Return for each of *names* its row in the sorted *ids*, or -1."""
    found = np.full(len(names), -1, np.int64)
    if not len(ids) or not len(names):
        return found
    prefixes, sought = _compute_id_prefixes(ids), _compute_id_prefixes(names)
    nearest = np.minimum(np.searchsorted(prefixes, sought), len(ids) - 1)
    same = (ids[nearest] == names).all(axis=1)
    found[same] = nearest[same]
    # Ids that agree in their first eight bytes only occur in an attack: correct, but slow.
    ambiguous = np.flatnonzero(~same & (prefixes[nearest] == sought))
    if len(ambiguous):
        rows = {bytes(ids[row]): int(row) for row in np.flatnonzero(np.isin(prefixes, sought[ambiguous]))}
        for which in ambiguous:
            found[which] = rows.get(bytes(names[which]), -1)
    return found


def sort_ids(ids: ByteArray) -> ByteArray:
    """Return *ids* sorted and without duplicates."""
    if not len(ids):
        return ids
    flat: ByteArray = np.ascontiguousarray(ids)
    columns: Any = [flat[:, part : part + 4].copy().view(">u4").ravel() for part in range(0, ids.shape[1], 4)]
    flat = flat[np.lexsort(columns[::-1])]
    is_first = np.append(True, (flat[1:] != flat[:-1]).any(axis=1))
    unique: ByteArray = flat[is_first]
    return unique


def _compute_id_prefixes(ids: ByteArray) -> NDArray[np.uint64]:
    """Return the first eight bytes of each id as a number."""
    return np.ascontiguousarray(ids[:, :8]).view(">u8").ravel().astype(np.uint64)


def _split_by_depth(depth: LongArray) -> list[LongArray]:
    """Return the numbers of the nodes of each depth, starting with depth 0."""
    if not len(depth):
        return [np.empty(0, np.int64)]
    order = np.argsort(depth, kind="stable")
    cuts = np.searchsorted(depth[order], np.arange(1, int(depth.max()) + 1))
    return np.split(order, cuts)


def _is_in_offset_order(ranks: LongArray, offsets: LongArray) -> bool:
    count = len(offsets)
    if len(ranks) != count or (count and int(ranks.max()) >= count):
        return False
    return bool((np.diff(offsets[ranks]) > 0).all())


def read_reverse_index(path: str, count: int) -> LongArray | None:
    """Read a `.rev` file: the rows of the index in the order of their offsets; None if there is no such file."""
    try:
        with open_regular(path) as stream:
            head = stream.read(12)
            if head[:8] != b"RIDX\x00\x00\x00\x01":
                return None
            return np.frombuffer(stream.read(4 * count), ">u4").astype(np.int64)
    except (OSError, ValueError):
        return None


def _map_file(path: str) -> ByteArray:
    with open_regular(path) as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            raise PackError("file is empty")
        return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
