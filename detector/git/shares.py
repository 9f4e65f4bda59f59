"""Divide the objects of a repository into shares for workers, and read a share.

`plan_shares` parses the packs of a repository once and returns shares: small
values that can be pickled, each with its steps in reading order. `read_share`
reads the objects of one share, in any process. The shares together yield every
object exactly once, however many packs, alternates and loose files contain it,
and however many workers there are.

A large delta family may be cut in two to balance the shares; the second half
then rebuilds the few base objects above the cut.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np  # noqa: TID253  (this module is itself imported late)

from detector.engine.stored import Stored
from detector.git._files import open_regular
from detector.git.objects import (
    ObjectBudget,
    cat_file,
    get_loose_path,
    list_all_objects,
    list_loose_ids,
    read_loose,
)
from detector.git.pack_walker import HAS_CHILDREN, KINDS, WANTED, ObjectError, PackWalker
from detector.git.packs import (
    BoolArray,
    ByteArray,
    PackError,
    PackIndex,
    PackObjects,
    WalkOrder,
    find_rows,
    open_pack,
    plan_walk,
    read_headers,
    read_index,
    read_reverse_index,
    sort_ids,
)
from detector.git.repository import Repository
from detector.model import OBJECT_KINDS, Skipped

_MIN_SHARE_COST = 20_000.0
"""Minimal cost of a share, in microseconds: smaller shares cost more than they save."""

_MAX_RESIDENT = 64 << 20
"""How many bytes of a mapped pack may stay in memory after they were read."""

_READ_BYTES = 1 << 20
"""How many bytes of content are read per batch."""


class PackSteps(NamedTuple):
    """The objects to read from one pack, in reading order.

    `ids` is the concatenation of all object ids; `kinds` and `flags` (see
    pack_walker.py) have one byte per object, the other columns one 64-bit word.
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


class ObjectShare(NamedTuple):
    """A part of the objects: from packs, from loose files (id, object directory), and ids to read through git.

    The ids in `reread` are read as well if they still exist; if one does not, those in `reread_fallback` are too.
    """

    repository: Repository
    packs: tuple[PackSteps, ...] = ()
    loose: tuple[tuple[str, str], ...] = ()
    git_ids: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()
    kinds: tuple[str, ...] = OBJECT_KINDS
    cost: float = 0.0
    objects: int = 0
    reread_fallback: tuple[str, ...] = ()


class SharePlan(NamedTuple):
    """All shares of a repository, and the packs and objects that could not be planned."""

    shares: tuple[ObjectShare, ...]
    skipped: tuple[Skipped, ...]
    ids: ByteArray
    """The ids of all objects that the shares read (loose ones may turn out to be of other types)."""
    pack_keys: tuple[bytes, ...] = ()
    """Keys of the packs that were opened without an error (see `read_pack_key`)."""


def plan_shares(
    repository: Repository,
    kinds: Sequence[str] = OBJECT_KINDS,
    workers: int = 1,
    exclude: ByteArray | Iterable[bytes] | None = None,
    per_worker: int = 8,
    known_packs: Collection[bytes] = (),
    reread: Sequence[str] = (),
    reread_fallback: Sequence[str] = (),
) -> SharePlan:
    """Divide all objects of the given *kinds* into shares.

    *exclude* are the ids of objects that need not be read: sorted rows of bytes,
    or a set of ids. *known_packs* are the keys of packs whose objects are all
    in *exclude*; they are not opened. The ids *reread* are read all the same if
    they exist; if one does not, *reread_fallback* are read as well.

    There are up to *per_worker* shares per worker, the largest first and the
    last ones small, so that the workers finish at about the same time.
    """
    skipped = list(repository.skipped)
    if not repository.known_layout:
        return _plan_with_git(repository, kinds, workers * per_worker, exclude, skipped)
    width = repository.id_bytes
    done = _to_rows(exclude, width)
    separate = _to_rows((bytes.fromhex(name) for name in (*reread, *reread_fallback)), width)
    seen: list[ByteArray] = [ids for ids in (done, separate) if ids is not None]
    walks, keys = _plan_packs(repository, kinds, known_packs, seen, skipped)
    fresh = [walk.ids[walk.objects.row[walk.wanted]] for walk in walks]
    loose = _list_new_loose_objects(repository, seen)
    if loose:
        fresh.append(_parse_ids([name for name, _ in loose], width))
    ids = np.concatenate(fresh) if fresh else np.empty((0, width), np.uint8)
    shares = _divide(repository, tuple(kinds), walks, loose, max(1, workers * per_worker))
    if reread:
        shares += (
            ObjectShare(
                repository,
                reread=tuple(reread),
                kinds=tuple(kinds),
                cost=1000.0,
                objects=len(reread),
                reread_fallback=tuple(reread_fallback),
            ),
        )
    return SharePlan(shares, tuple(skipped), ids, tuple(keys))


class _PackWalk(NamedTuple):
    """A parsed pack, which of its objects are wanted, and the order in which to read them."""

    path: str
    trailer: bytes
    ids: ByteArray
    objects: PackObjects
    wanted: BoolArray
    order: WalkOrder


def _plan_packs(
    repository: Repository,
    kinds: Sequence[str],
    known_packs: Collection[bytes],
    seen: list[ByteArray],
    skipped: list[Skipped],
) -> tuple[list[_PackWalk], list[bytes]]:
    """Plan every pack that is not known; return the walks and the keys of the packs without broken objects.

    The ids of each pack are appended to *seen*, whose ids are not wanted again.
    """
    width = repository.id_bytes
    chosen_kinds = np.isin(np.arange(8), [KINDS.index(kind) for kind in kinds])
    walks: list[_PackWalk] = []
    keys: list[bytes] = []
    for path in list_packs(repository, skipped):
        try:
            key = read_pack_key(path + ".pack", width)
            if key in known_packs:
                continue
            index, objects = _parse_pack(path, width)
        except (PackError, OSError, ValueError) as problem:
            skipped.append(Skipped(path + ".pack", str(problem)))
            continue
        broken = np.flatnonzero(objects.kind == 0)
        skipped += [Skipped(_to_hex(index.ids[row]), "object in a pack is broken") for row in objects.row[broken]]
        chosen = chosen_kinds[objects.kind]
        wanted = chosen & _find_unseen(index.ids, seen)[objects.row] if seen else chosen
        seen.append(index.ids)
        order = plan_walk(objects, chosen, wanted)
        walks.append(_PackWalk(path, index.trailer, index.ids, objects, wanted, order))
        if not len(broken):
            keys.append(key)
    return walks, keys


def _parse_pack(path: str, width: int) -> tuple[PackIndex, PackObjects]:
    index = read_index(path + ".idx", width)
    data, count = open_pack(path + ".pack", width)
    with _ClosingMap(data):
        if count != len(index.offsets):
            raise PackError("pack and index disagree about the number of objects")
        pack = np.frombuffer(data, np.uint8)
        if bytes(pack[-width:]) != index.trailer:
            raise PackError("pack and index do not belong together")
        objects = read_headers(pack, index, width, read_reverse_index(path + ".rev", count))
        del pack
    return index, objects


def _find_unseen(ids: ByteArray, seen: list[ByteArray]) -> BoolArray:
    """Return for each of *ids* whether none of the sorted arrays in *seen* contains it."""
    unseen = np.ones(len(ids), bool)
    for known in seen:
        unseen &= find_rows(known, ids) < 0
    return unseen


def _list_new_loose_objects(repository: Repository, seen: list[ByteArray]) -> list[tuple[str, str]]:
    """Return (id, object directory) of each loose object that is not in *seen*."""
    stores: dict[str, str] = {}
    for store in repository.object_dirs:
        for name in list_loose_ids(store, repository.id_bytes):
            stores.setdefault(name, store)
    loose = list(stores.items())
    if loose and seen:
        unseen = _find_unseen(_parse_ids(stores, repository.id_bytes), seen)
        loose = [entry for entry, new in zip(loose, unseen, strict=True) if new]
    return loose


def _parse_ids(names: Iterable[str], width: int) -> ByteArray:
    return np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(-1, width)


def read_share(
    share: ObjectShare,
    skipped: list[Skipped],
    budget: ObjectBudget | None = None,
) -> Iterator[Stored]:
    """Yield the objects of a share; objects that cannot be read are appended to *skipped*."""
    budget = budget or ObjectBudget()
    by_git: list[str] = list(share.git_ids)
    for steps in share.packs:
        try:
            data, _ = open_pack(steps.path, share.repository.id_bytes)
        except (OSError, PackError):
            data = None
        if data is None or data[-share.repository.id_bytes :] != steps.trailer:
            by_git += _list_wanted_ids(steps, share.repository.id_bytes)  # git has repacked since the plan was made
            continue
        with _ClosingMap(data):
            yield from _read_pack(data, steps, share.repository.id_bytes, skipped, budget)
    for name, store in share.loose:
        try:
            found = read_loose(get_loose_path(store, name), share.kinds, budget)
        except FileNotFoundError:
            by_git.append(name)  # git has packed it since the plan was made
            continue
        except (OSError, ObjectError) as problem:
            skipped.append(Skipped(name, str(problem)))
            continue
        if found:
            yield Stored(bytes.fromhex(name), *found)
    missing = False
    if by_git or share.reread:
        for name, kind, content in cat_file(share.repository, [*by_git, *share.reread], budget):
            if content is not None and kind in share.kinds:
                yield Stored(bytes.fromhex(name), kind, content)
            elif content is None and kind == "missing" and name in share.reread:
                missing = True
            elif content is None:
                skipped.append(Skipped(name, "object is missing" if kind == "missing" else "over the size limit"))
    if missing and share.reread_fallback:
        fallback = ObjectShare(share.repository, reread=share.reread_fallback, kinds=share.kinds)
        yield from read_share(fallback, skipped, budget)


def _read_pack(
    data: mmap.mmap, steps: PackSteps, width: int, skipped: list[Skipped], budget: ObjectBudget
) -> Iterator[Stored]:
    columns = [_unpack_words(steps.depth), list(steps.flags), list(steps.kinds)]
    columns += map(_unpack_words, (steps.body, steps.end, steps.size))
    walker = PackWalker(memoryview(data), steps.ids, width, columns, (budget.object, budget.chain))
    released = 0
    while found := walker.read_batch(_READ_BYTES, skipped):
        yield from found
        if walker.bytes_read - released > _MAX_RESIDENT:
            released = walker.bytes_read
            _release_pages(data)


def _divide(
    repository: Repository,
    kinds: tuple[str, ...],
    walks: list[_PackWalk],
    loose: list[tuple[str, str]],
    count: int,
) -> tuple[ObjectShare, ...]:
    """Divide all objects by cost into at most *count* shares; one share may span packs.

    Each share is a little smaller than the one before, so that the last ones to be
    read are short and the workers finish at about the same time.
    """
    loose_cost = [60.0 + _measure_file(get_loose_path(store, name)) * 0.01 for name, store in loose]
    total = sum(float(walk.order.cost.sum()) for walk in walks) + sum(loose_cost)
    if not total:
        return ()
    count = max(1, min(count, int(total / _MIN_SHARE_COST)))
    bounds = total * (1 - (1 - np.arange(1, count + 1) / count) ** 2)  # where each share ends
    packs: list[list[PackSteps]] = [[] for _ in range(count)]
    costs = [0.0] * count
    objects = [0] * count
    passed = 0.0
    for walk in walks:
        step_costs = walk.order.cost
        ends = passed + np.cumsum(step_costs)
        part = np.minimum(np.searchsorted(bounds, ends - 1e-6), count - 1)
        cuts = np.searchsorted(part, np.arange(count + 1))
        for number in range(count):
            first, last = int(cuts[number]), int(cuts[number + 1])
            if first < last:
                packs[number].append(_cut_steps(walk, first, last))
                costs[number] += float(step_costs[first:last].sum())
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
        ObjectShare(
            repository, tuple(packs[number]), tuple(files[number]), (), (), kinds, costs[number], objects[number]
        )
        for number in range(count)
    ]
    return tuple(sorted((share for share in shares if share.objects), key=lambda share: -share.cost))


def _cut_steps(walk: _PackWalk, first: int, last: int) -> PackSteps:
    """Return the steps *first* to *last* of a walk, preceded by the base objects above the cut."""
    objects, order = walk.objects, walk.order
    node, depth = order.node[first:last], order.depth[first:last]
    flags = order.flags[first:last]
    above = []  # nearest first
    if depth[0]:
        base = int(node[0])
        for _ in range(int(depth[0])):
            base = int(objects.base[base])
            above.append(base)
        node = np.append(np.array(above[::-1]), node)
        depth = np.append(np.arange(len(above)), depth)
        flags = np.append(np.full(len(above), HAS_CHILDREN, np.uint8), flags)
    return PackSteps(
        walk.path + ".pack",
        walk.trailer,
        walk.ids[objects.row[node]].tobytes(),
        objects.kind[node].tobytes(),
        flags.tobytes(),
        depth.astype(np.int64).tobytes(),
        objects.body[node].tobytes(),
        objects.end[node].tobytes(),
        objects.size[node].tobytes(),
    )


def _plan_with_git(
    repository: Repository,
    kinds: Sequence[str],
    count: int,
    exclude: ByteArray | Iterable[bytes] | None,
    skipped: list[Skipped],
) -> SharePlan:
    """Plan shares of ids to read through git, for repositories whose format is not supported here."""
    done = _to_rows(exclude, repository.id_bytes)
    known: set[str] = set() if done is None else {row.tobytes().hex() for row in done}
    found = [entry for entry in list_all_objects(repository) if entry[1] in kinds and entry[0] not in known]
    total = sum(size + 1000 for _, _, size in found)
    parts: list[list[str]] = [[] for _ in range(count)]
    passed = 0
    for name, _, size in found:
        parts[min(passed * count // max(total, 1), count - 1)].append(name)
        passed += size + 1000
    shares = [
        ObjectShare(repository, (), (), tuple(part), (), tuple(kinds), total / count, len(part))
        for part in parts
        if part
    ]
    width = repository.id_bytes
    ids = _parse_ids([name for name, _, _ in found], width)
    return SharePlan(tuple(shares), tuple(skipped), ids)


def measure_packs(repository: Repository) -> int:
    """Return the total size of the packs of a repository in bytes."""
    return sum(_measure_file(path + ".pack") for path in list_packs(repository, []))


def list_packs(repository: Repository, skipped: list[Skipped]) -> list[str]:
    """Return the paths of the packs without their suffix, in a fixed order; the own object store comes first."""
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


def read_pack_key(path: str, width: int) -> bytes:
    """Return a key that identifies a pack: its checksum, the last bytes of the file, and its size."""
    with open_regular(path) as stream:
        size = stream.seek(0, os.SEEK_END)
        if size < 12 + width:
            raise PackError("pack is truncated")
        stream.seek(size - width)
        return stream.read(width) + size.to_bytes(8, "big")


def _to_rows(ids: ByteArray | Iterable[bytes] | None, width: int) -> ByteArray | None:
    if ids is None:
        return None
    if isinstance(ids, np.ndarray):
        return ids if len(ids) else None
    flat = b"".join(ids)
    return sort_ids(np.frombuffer(flat, np.uint8).reshape(-1, width)) if flat else None


def _list_wanted_ids(steps: PackSteps, width: int) -> list[str]:
    return [
        steps.ids[number * width : (number + 1) * width].hex()
        for number, flag in enumerate(steps.flags)
        if flag & WANTED
    ]


def _unpack_words(column: bytes) -> list[int]:
    return array("q", column).tolist()


def _measure_file(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _to_hex(row: ByteArray) -> str:
    return row.tobytes().hex()


def _release_pages(data: mmap.mmap) -> None:
    """Release the pages of a map from memory; they are read from the file again if needed."""
    if hasattr(data, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        data.madvise(mmap.MADV_DONTNEED)


class _ClosingMap:
    """Close a map on exit; if a view of it still exists, release its pages and leave closing to the last view."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        try:
            self.data.close()
        except BufferError:
            _release_pages(self.data)
