"""Which objects need not be read again, in whatever repository they occur.

An object id stands for its content: an object that was read under a rule set
without a finding need not be read again in any repository. An object with a
finding is never stored here, because the finding has to be reported for each
repository that contains the object.

There may be hundreds of millions of ids. New ones are appended, one row for each
task. From time to time they are merged into rows that are divided by the first
bits of the ids, each small enough to be fetched for a few lookups. So a lookup
reads only the rows of its ids, a night's new ids add a few small rows, and
merging writes each id a few times in total.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np  # noqa: TID253  (this module is itself imported late)
from sqlalchemy import Connection, delete, func, insert, select  # noqa: TID253

from detector.fleet.object_ids import as_rows
from detector.fleet.state.store import State
from detector.fleet.state.tables import objects_read, rulesets
from detector.git.packs import ByteArray, find_rows, sort_ids

MERGED_ROW_IDS = 1 << 16
"""About how many ids one merged row holds."""

MIN_UNMERGED_IDS = 1 << 18
"""Ids that may be unmerged in any case; otherwise an eighth of the merged ones, up to `MAX_UNMERGED_IDS`."""

MAX_UNMERGED_IDS = 1 << 23
"""Ids that may be unmerged at most: they are held in memory."""

MAX_UNMERGED_ROWS = 512
"""Rows that may be unmerged."""

CACHE_BYTES = 256 << 20
"""Size of the merged rows that are kept in memory."""


class KnownObjects:
    """The ids that were read under one rule set without a finding.

    Sets of ids are arrays with one sorted row of bytes for each id. Ids of 20 and of
    32 bytes are kept apart.
    """

    def __init__(self, state: State, ruleset: int) -> None:
        self._state = state
        self._ruleset = ruleset
        self._unmerged: dict[int, list[ByteArray]] = {}
        self._unmerged_counts: dict[int, tuple[int, int]] = {}
        self._bits: dict[int, int | None] = {}
        self._cache: OrderedDict[tuple[int, int, int], ByteArray] = OrderedDict()
        self._cached_bytes = 0
        with state.read() as db:
            for row in db.execute(self._select_rows(0).order_by(objects_read.c.id)):
                self._hold(row.id_bytes, as_rows(row.ids, row.id_bytes))

    def find_known(self, ids: ByteArray) -> Any:
        """Return a mask: which of *ids* need not be read."""
        id_bytes = ids.shape[1]
        found = np.zeros(len(ids), bool)
        for part in self._unmerged.get(id_bytes, ()):
            found |= find_rows(part, ids) >= 0
        if len(ids):
            with self._state.read() as db:
                bits = self._read_bits(db, id_bytes)
                if bits is not None:
                    prefixes = _get_prefixes(ids, bits)
                    for prefix in np.unique(prefixes[~found]):
                        rows = np.flatnonzero(prefixes == prefix)
                        merged = self._read_merged(db, id_bytes, bits, int(prefix))
                        found[rows] |= find_rows(merged, ids[rows]) >= 0
        return found

    def add(self, ids: ByteArray) -> None:
        """Store that the objects *ids* were read without a finding."""
        if not len(ids):
            return
        ids = sort_ids(ids)
        id_bytes = ids.shape[1]
        with self._state.write() as db:
            self._insert(db, id_bytes, 0, 0, 0, ids)
        self._hold(id_bytes, ids)
        count, rows = self._unmerged_counts[id_bytes]
        allowed = max(MIN_UNMERGED_IDS, min(self._count_merged(id_bytes) // 8, MAX_UNMERGED_IDS))
        if rows > MAX_UNMERGED_ROWS or count > allowed:
            self._merge(id_bytes)

    def __len__(self) -> int:
        with self._state.read() as db:
            total = select(func.sum(objects_read.c.count)).where(objects_read.c.ruleset_id == self._ruleset)
            return int(db.execute(total).scalar() or 0)

    # -- in memory -------------------------------------------------------------

    def _hold(self, id_bytes: int, ids: ByteArray) -> None:
        """Keep new ids in memory. Sets of similar size are merged, so that there are few."""
        parts = self._unmerged.setdefault(id_bytes, [])
        parts.append(ids)
        while len(parts) > 1 and len(parts[-2]) < 2 * len(parts[-1]):
            parts[-2:] = [sort_ids(np.concatenate(parts[-2:]))]
        count, rows = self._unmerged_counts.get(id_bytes, (0, 0))
        self._unmerged_counts[id_bytes] = count + len(ids), rows + 1

    def _read_merged(self, db: Connection, id_bytes: int, bits: int, prefix: int) -> ByteArray:
        """Return a merged row, from the cache if it was used recently."""
        name = (id_bytes, bits, prefix)
        if name in self._cache:
            self._cache.move_to_end(name)
            return self._cache[name]
        row = db.execute(self._select_rows(1, id_bytes).where(objects_read.c.prefix == prefix)).first()
        ids = as_rows(row.ids if row else b"", id_bytes)
        self._cache[name] = ids
        self._cached_bytes += ids.nbytes
        while self._cached_bytes > CACHE_BYTES and len(self._cache) > 1:
            self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return ids

    def _clear_cache(self) -> None:
        self._cache.clear()
        self._cached_bytes = 0

    def _read_bits(self, db: Connection, id_bytes: int) -> int | None:
        """Return by how many bits the merged rows are divided; another coordinator may have changed it."""
        merged = self._select_rows(1, id_bytes).with_only_columns(objects_read.c.bits)
        bits: int | None = db.execute(merged.limit(1)).scalar()
        if bits != self._bits.get(id_bytes):
            self._bits[id_bytes] = bits
            self._clear_cache()
        return bits

    # -- in the database -------------------------------------------------------

    def _select_rows(self, level: int, id_bytes: int | None = None) -> Any:
        chosen = select(objects_read).where(objects_read.c.ruleset_id == self._ruleset, objects_read.c.level == level)
        return chosen if id_bytes is None else chosen.where(objects_read.c.id_bytes == id_bytes)

    def _count_merged(self, id_bytes: int) -> int:
        merged = self._select_rows(1, id_bytes).with_only_columns(func.sum(objects_read.c.count))
        with self._state.read() as db:
            return int(db.execute(merged).scalar() or 0)

    def _insert(self, db: Connection, id_bytes: int, level: int, bits: int, prefix: int, ids: ByteArray) -> None:
        row = {"ruleset_id": self._ruleset, "id_bytes": id_bytes, "level": level, "bits": bits, "prefix": prefix}
        db.execute(insert(objects_read).values(**row, count=len(ids), ids=ids.tobytes()))

    def _merge(self, id_bytes: int) -> None:
        """Merge the unmerged rows into the others, one by one, in one transaction."""
        with self._state.write() as db:
            db.execute(select(rulesets.c.id).where(rulesets.c.id == self._ruleset).with_for_update())
            unmerged = list(db.execute(self._select_rows(0, id_bytes)))
            new = sort_ids(np.concatenate([as_rows(b"", id_bytes), *(as_rows(row.ids, id_bytes) for row in unmerged)]))
            columns = objects_read.c.id, objects_read.c.bits, objects_read.c.prefix, objects_read.c.count
            merged = self._select_rows(1, id_bytes).with_only_columns(*columns)
            old = list(db.execute(merged.order_by(objects_read.c.prefix)))
            total = len(new) + sum(row._mapping["count"] for row in old)
            bits = max([row.bits for row in old] + [max(0, (total // MERGED_ROW_IDS).bit_length())])
            for prefix, ids in self._divide_again(db, old, new, bits, id_bytes):
                self._insert(db, id_bytes, 1, bits, prefix, ids)
            replaced = [row.id for row in (*unmerged, *old)]
            for start in range(0, len(replaced), 500):
                db.execute(delete(objects_read).where(objects_read.c.id.in_(replaced[start : start + 500])))
        self._unmerged[id_bytes], self._unmerged_counts[id_bytes] = [], (0, 0)
        self._clear_cache()

    def _divide_again(
        self, db: Connection, old: list[Any], new: ByteArray, bits: int, id_bytes: int
    ) -> Iterator[tuple[int, ByteArray]]:
        """Yield prefix and ids of each row to write, with one old row in memory at a time."""
        old_bits = old[0].bits if old else 0
        stored = {row.prefix: row.id for row in old}
        prefixes = _get_prefixes(new, old_bits)
        for prefix in range(1 << old_bits):
            parts = [new[prefixes == prefix]]
            if prefix in stored:
                row = select(objects_read.c.ids).where(objects_read.c.id == stored[prefix])
                parts.append(as_rows(db.execute(row).scalar_one(), id_bytes))
            ids = sort_ids(np.concatenate(parts))
            finer = _get_prefixes(ids, bits)
            for which in np.unique(finer):
                yield int(which), ids[finer == which]


def _get_prefixes(ids: ByteArray, bits: int) -> Any:
    """Return the first *bits* of each id as numbers."""
    heads = np.ascontiguousarray(ids[:, :4]).view(">u4").ravel().astype(np.int64)
    return heads >> (32 - bits)
