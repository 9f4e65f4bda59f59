"""Remember which objects were read, so that the next run reads only what is new.

An object id stands for its content, so what was found clean once stays clean as
long as the rules stay the same, in whatever repository it turns up. Objects
with a finding are remembered apart and read again every time: a report that
forgot the old findings would look like good news.

A pack that was read as a whole is remembered by its checksum and size, and is
recognised next time by its last bytes, without its index being opened. That is
what an unchanged repository costs. The ids are kept all the same: after a
repack the packs are new and the objects are not.

The file holds ids and checksums, nothing of the content. It is a line of JSON
and the sorted ids, one block for each length of id.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np  # noqa: TID253  (this module is itself imported late)

from detector.errors import StateError
from detector.git.packs import Bytes, find_rows, sort_ids

_MAGIC = b"leakfirst-state 1\n"
_MAX_HEAD = 1 << 28


class Memory:
    """What earlier runs have read. `remember` adds to it, `save` keeps it.

    `known(width)` are the ids read under all rules in force. If rules are new
    or have `changed`, nothing is known, and `older(width)` are the ids that
    need to be examined for the changed rules alone.
    """

    def __init__(self, path: str, rules: Mapping[str, str]) -> None:
        """Open the state at *path*, which need not exist; *rules* maps each rule id to its digest."""
        self.path = path
        self.rules = dict(rules)
        self.changed: frozenset[str] = frozenset()
        self.notes: tuple[str, ...] = ()
        self._ids: dict[int, Bytes] = {}
        self._packs: frozenset[bytes] = frozenset()
        self._again: dict[str, None] = {}
        self.places: dict[str, dict[str, Any]] = {}
        """What was found out about flagged objects, for each repository (known_objects.py of the detector)."""
        try:
            self._load()
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            self._ids, self._packs, self._again, self.places, self.changed = {}, frozenset(), {}, {}, frozenset()
            self.notes = (f"{path}: this state cannot be used ({problem}); everything is read again",)

    def known(self, width: int = 20) -> Bytes:
        """Return the sorted ids that need not be read again."""
        return _none(width) if self.changed else self._ids.get(width, _none(width))

    def older(self, width: int = 20) -> Bytes:
        """Return the sorted ids that were read, but not for the rules in `changed`."""
        return self._ids.get(width, _none(width)) if self.changed else _none(width)

    @property
    def packs(self) -> frozenset[bytes]:
        """The marks of the packs that need not be opened (see `shares.Plan.packs`)."""
        return frozenset() if self.changed else self._packs

    @property
    def again(self) -> tuple[str, ...]:
        """The ids that had a finding; they are not among the known."""
        return () if self.changed else tuple(self._again)

    def remember(self, ids: Bytes, packs: Iterable[bytes] = (), flagged: Iterable[str] = ()) -> None:
        """Add the *ids* that were read, the *packs* of which nothing was left out, the *flagged* ids.

        Call it once a share is complete; call it with *packs* when all shares are.
        """
        flagged = [name for name in flagged if name not in self._again]
        width = ids.shape[1]
        self._packs |= frozenset(packs)
        if not len(ids) and not flagged:
            return
        self._again.update(dict.fromkeys(flagged))
        both = np.concatenate([self._ids.get(width, _none(width)), ids])
        rows = [bytes.fromhex(name) for name in self._again if len(name) == 2 * width]
        kept = sort_ids(both)
        if rows:
            found = find_rows(kept, np.frombuffer(b"".join(rows), np.uint8).reshape(-1, width))
            kept = np.delete(kept, found[found >= 0], axis=0)
        self._ids[width] = kept

    def save(self) -> None:
        """Write the state, all or nothing. `StateError` if that fails."""
        blocks = [np.ascontiguousarray(self._ids[width]).tobytes() for width in sorted(self._ids)]
        head: dict[str, Any] = {
            "rules": self.rules,
            "packs": sorted(mark.hex() for mark in self._packs),
            "again": list(self._again),
            "places": self.places,
            "blocks": [
                [width, len(self._ids[width]), zlib.crc32(block)]
                for width, block in zip(sorted(self._ids), blocks, strict=True)
            ],
        }
        line = json.dumps(head, separators=(",", ":")).encode()
        beside = f"{self.path}.{os.getpid()}.new"
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as stream:
                stream.write(b"".join([_MAGIC, b"%08x\n" % zlib.crc32(line), line, b"\n", *blocks]))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, self.path)
        except OSError as problem:
            raise StateError(f"{self.path}: the state cannot be written: {problem.strerror}") from None

    def _load(self) -> None:
        with open(self.path, "rb") as stream:
            if stream.readline(64) != _MAGIC:
                raise ValueError("it is no state of this version")
            check, line = stream.readline(10), stream.readline(_MAX_HEAD)[:-1]
            if check != b"%08x\n" % zlib.crc32(line):
                raise ValueError("its head is damaged")
            head = json.loads(line)
            for width, count, checksum in head["blocks"]:
                block = stream.read(width * count)
                if len(block) != width * count or zlib.crc32(block) != checksum:
                    raise ValueError("its ids are damaged")
                self._ids[width] = np.frombuffer(block, np.uint8).reshape(count, width)
        before = head["rules"]
        self.changed = frozenset(name for name, digest in self.rules.items() if before.get(name) != digest)
        self._packs = frozenset(bytes.fromhex(mark) for mark in head["packs"])
        self._again = dict.fromkeys(head["again"])
        self.places = head["places"]


def _none(width: int) -> Bytes:
    return np.empty((0, width), np.uint8)
