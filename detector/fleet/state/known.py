"""Which objects need not be read again, in whatever repository they turn up.

An object id stands for its content, so one that was read under a rule set and
said nothing is done with for all repositories at once. What said something is
never in here: each repository that holds it has to be told where it stands.

There may be hundreds of millions of ids. New ones are appended as they come, a
row for each portion of work; now and then they are merged into rows that are
cut by the first bits of the ids, each small enough to be fetched for a few
lookups. So a lookup touches the rows of its ids, a night's new ids cost a few
small rows, and merging writes each id a handful of times in its life.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np  # noqa: TID253  (this module is itself imported late)
from sqlalchemy import Connection, delete, func, insert, select  # noqa: TID253

from detector.fleet.state.store import State
from detector.fleet.state.tables import objects_read, rulesets
from detector.git.packs import Bytes, find_rows, sort_ids

ROW = 1 << 16
"""Ids in one merged row, about."""

WAITING = 1 << 18
"""Ids that may wait to be merged, in any case; else an eighth of what is merged may, up to `MOST`."""

MOST = 1 << 23
"""Ids that may wait at most: they are in memory."""

ROWS = 512
"""Rows that may wait to be merged."""

HELD = 256 << 20
"""Bytes of merged rows that are kept in memory."""


class KnownObjects:
    """The ids that were read under one rule set; lookups and additions are sorted rows of bytes."""

    def __init__(self, state: State, ruleset: int) -> None:
        self._state = state
        self._ruleset = ruleset
        self._recent: dict[int, list[Bytes]] = {}
        self._waiting: dict[int, tuple[int, int]] = {}
        self._bits: dict[int, int | None] = {}
        self._held: OrderedDict[tuple[int, int, int], Bytes] = OrderedDict()
        self._held_bytes = 0
        with state.read() as db:
            fresh = self._rows(0).order_by(objects_read.c.id)
            for row in db.execute(fresh):
                self._note(row.width, _rows(row.ids, row.width))

    def among(self, ids: Bytes) -> Any:
        """Return a mask: which of *ids* need not be read."""
        width = ids.shape[1]
        found = np.zeros(len(ids), bool)
        for part in self._recent.get(width, ()):
            found |= find_rows(part, ids) >= 0
        if len(ids):
            with self._state.read() as db:
                bits = self._bits_of(db, width)
                if bits is not None:
                    prefixes = _prefixes(ids, bits)
                    for prefix in np.unique(prefixes[~found]):
                        rows = np.flatnonzero(prefixes == prefix)
                        found[rows] |= find_rows(self._merged(db, width, bits, int(prefix)), ids[rows]) >= 0
        return found

    def add(self, ids: Bytes) -> None:
        """Remember that the objects *ids* were read and said nothing."""
        if not len(ids):
            return
        ids = sort_ids(ids)
        width = ids.shape[1]
        with self._state.write() as db:
            self._insert(db, width, 0, 0, 0, ids)
        self._note(width, ids)
        waiting, rows = self._waiting[width]
        if rows > ROWS or waiting > max(WAITING, min(self._count(width) // 8, MOST)):
            self._merge(width)

    def __len__(self) -> int:
        with self._state.read() as db:
            total = select(func.sum(objects_read.c.count)).where(objects_read.c.ruleset_id == self._ruleset)
            return int(db.execute(total).scalar() or 0)

    # -- what is in memory -----------------------------------------------------

    def _note(self, width: int, ids: Bytes) -> None:
        """Keep new ids at hand; like parts are put together, so that there are few."""
        parts = self._recent.setdefault(width, [])
        parts.append(ids)
        while len(parts) > 1 and len(parts[-2]) < 2 * len(parts[-1]):
            parts[-2:] = [sort_ids(np.concatenate(parts[-2:]))]
        waiting, rows = self._waiting.get(width, (0, 0))
        self._waiting[width] = waiting + len(ids), rows + 1

    def _merged(self, db: Connection, width: int, bits: int, prefix: int) -> Bytes:
        """Return a merged row, from memory if it was used lately."""
        name = (width, bits, prefix)
        if name in self._held:
            self._held.move_to_end(name)
            return self._held[name]
        row = db.execute(self._rows(1, width).where(objects_read.c.prefix == prefix)).first()
        ids = _rows(row.ids if row else b"", width)
        self._held[name] = ids
        self._held_bytes += ids.nbytes
        while self._held_bytes > HELD and len(self._held) > 1:
            self._held_bytes -= self._held.popitem(last=False)[1].nbytes
        return ids

    def _bits_of(self, db: Connection, width: int) -> int | None:
        """Return by how many bits the merged rows are cut; another coordinator may have changed that."""
        bits = db.execute(
            select(objects_read.c.bits)
            .where(objects_read.c.ruleset_id == self._ruleset, objects_read.c.width == width, objects_read.c.level == 1)
            .limit(1)
        ).scalar()
        if bits != self._bits.get(width):
            self._bits[width] = bits
            self._held.clear()
            self._held_bytes = 0
        return bits

    # -- what is in the database -----------------------------------------------

    def _rows(self, level: int, width: int | None = None) -> Any:
        chosen = select(objects_read).where(objects_read.c.ruleset_id == self._ruleset, objects_read.c.level == level)
        return chosen if width is None else chosen.where(objects_read.c.width == width)

    def _count(self, width: int) -> int:
        with self._state.read() as db:
            merged = select(func.sum(objects_read.c.count)).where(
                objects_read.c.ruleset_id == self._ruleset, objects_read.c.width == width, objects_read.c.level == 1
            )
            return int(db.execute(merged).scalar() or 0)

    def _insert(self, db: Connection, width: int, level: int, bits: int, prefix: int, ids: Bytes) -> None:
        row = {"ruleset_id": self._ruleset, "width": width, "level": level, "bits": bits, "prefix": prefix}
        db.execute(insert(objects_read).values(**row, count=len(ids), ids=ids.tobytes()))

    def _merge(self, width: int) -> None:
        """Merge what waits into the rows that are cut by prefix, row by row, in one transaction."""
        with self._state.write() as db:
            db.execute(select(rulesets.c.id).where(rulesets.c.id == self._ruleset).with_for_update())
            waiting = list(db.execute(self._rows(0, width)))
            fresh = sort_ids(np.concatenate([_none(width), *(_rows(row.ids, width) for row in waiting)]))
            there = self._rows(1, width).with_only_columns(
                objects_read.c.id, objects_read.c.bits, objects_read.c.prefix, objects_read.c.count
            )
            old = list(db.execute(there.order_by(objects_read.c.prefix)))
            total = len(fresh) + sum(row._mapping["count"] for row in old)
            bits = max([row.bits for row in old] + [max(0, (total // ROW).bit_length())])
            for prefix, ids in self._recut(db, old, fresh, bits, width):
                self._insert(db, width, 1, bits, prefix, ids)
            gone = [row.id for row in (*waiting, *old)]
            for start in range(0, len(gone), 500):
                db.execute(delete(objects_read).where(objects_read.c.id.in_(gone[start : start + 500])))
        self._recent[width], self._waiting[width] = [], (0, 0)
        self._held.clear()
        self._held_bytes = 0

    def _recut(
        self, db: Connection, old: list[Any], fresh: Bytes, bits: int, width: int
    ) -> Iterator[tuple[int, Bytes]]:
        """Yield the rows as they shall be, one old row in memory at a time."""
        before = old[0].bits if old else 0
        stored = {row.prefix: row.id for row in old}
        prefixes = _prefixes(fresh, before)
        for prefix in range(1 << before):
            parts = [fresh[prefixes == prefix]]
            if prefix in stored:
                one = select(objects_read.c.ids).where(objects_read.c.id == stored[prefix])
                parts.append(_rows(db.execute(one).scalar_one(), width))
            ids = sort_ids(np.concatenate(parts))
            finer = _prefixes(ids, bits)
            for which in np.unique(finer):
                yield int(which), ids[finer == which]


def _prefixes(ids: Bytes, bits: int) -> Any:
    """Return the first *bits* of each id, as numbers."""
    heads = np.ascontiguousarray(ids[:, :4]).view(">u4").ravel().astype(np.int64)
    return heads >> (32 - bits)


def _rows(content: bytes, width: int) -> Bytes:
    return np.frombuffer(content, np.uint8).reshape(-1, width)


def _none(width: int) -> Bytes:
    return np.empty((0, width), np.uint8)
