"""Store which objects were scanned, so that the next scan reads only new ones.

An object id identifies its content: an object without findings has none in any
repository, as long as the rules do not change. Objects with findings are listed
separately and read again by every scan, so that its report is complete.

A pack that was read completely is identified by its checksum and size, which
are read from its last bytes; its index is not opened again. So an unchanged
repository costs very little. The object ids are stored as well, because after a
repack the packs are new but the objects are not.

The file contains ids and checksums, no content. It is a line of JSON followed
by the sorted ids, one block for each length of id.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np  # noqa: TID253  (this module is itself imported late)

from detector.errors import StateError, UsageError
from detector.files.writing import write_file
from detector.git.packs import ByteArray, find_rows, sort_ids

_MAGIC = b"leakfirst-state 2\n"
_MAX_HEADER = 1 << 28


class KnownObjectsFile:
    """The object ids that earlier scans have read, in a file. `add` adds ids, `save` writes the file.

    `get_known_ids` returns the ids scanned with all current rules. If rules
    were added or `changed`, it returns none, and `get_outdated_ids` returns the
    ids that have to be scanned with the changed rules only.
    """

    def __init__(self, path: str, rules: Mapping[str, str]) -> None:
        """Open the state at *path*, which need not exist; *rules* maps each rule id to its digest."""
        self.path = path
        self.rules = dict(rules)
        self.changed: frozenset[str] = frozenset()
        self.notes: tuple[str, ...] = ()
        self._ids: dict[int, ByteArray] = {}
        self._packs: frozenset[bytes] = frozenset()
        self._flagged: dict[str, None] = {}
        self.attributions: dict[str, dict[str, Any]] = {}
        """The attribution of flagged objects, for each repository (detector/scan/state.py)."""
        try:
            self._load()
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            self._ids, self._packs, self._flagged, self.attributions, self.changed = (
                {},
                frozenset(),
                {},
                {},
                frozenset(),
            )
            self.notes = (f"{path}: this state file cannot be used ({problem}); all objects are read again",)

    def get_known_ids(self, width: int = 20) -> ByteArray:
        """Return the sorted ids that need not be read again."""
        return _make_empty_ids(width) if self.changed else self._ids.get(width, _make_empty_ids(width))

    def get_outdated_ids(self, width: int = 20) -> ByteArray:
        """Return the sorted ids that were read before the rules in `changed` were added or changed."""
        return self._ids.get(width, _make_empty_ids(width)) if self.changed else _make_empty_ids(width)

    @property
    def known_packs(self) -> frozenset[bytes]:
        """The keys of the packs that need not be opened (see `shares.SharePlan.pack_keys`)."""
        return frozenset() if self.changed else self._packs

    @property
    def flagged(self) -> tuple[str, ...]:
        """The ids of objects with findings; they are not among the known ids."""
        return () if self.changed else tuple(self._flagged)

    def add(self, ids: ByteArray, packs: Iterable[bytes] = (), flagged: Iterable[str] = ()) -> None:
        """Add the *ids* that were read, the keys of *packs* that were read completely, and *flagged* ids.

        Call it when a share is complete, and with *packs* when all shares are.
        """
        flagged = [name for name in flagged if name not in self._flagged]
        width = ids.shape[1]
        self._packs |= frozenset(packs)
        if not len(ids) and not flagged:
            return
        self._flagged.update(dict.fromkeys(flagged))
        both = np.concatenate([self._ids.get(width, _make_empty_ids(width)), ids])
        rows = [bytes.fromhex(name) for name in self._flagged if len(name) == 2 * width]
        kept = sort_ids(both)
        if rows:
            found = find_rows(kept, np.frombuffer(b"".join(rows), np.uint8).reshape(-1, width))
            kept = np.delete(kept, found[found >= 0], axis=0)
        self._ids[width] = kept

    def save(self) -> None:
        """Replace the file atomically. `StateError` if that fails."""
        blocks = [np.ascontiguousarray(self._ids[width]).tobytes() for width in sorted(self._ids)]
        header: dict[str, Any] = {
            "rules": self.rules,
            "packs": sorted(key.hex() for key in self._packs),
            "flagged": list(self._flagged),
            "attributions": self.attributions,
            "blocks": [
                [width, len(self._ids[width]), zlib.crc32(block)]
                for width, block in zip(sorted(self._ids), blocks, strict=True)
            ],
        }
        line = json.dumps(header, separators=(",", ":")).encode()
        content = b"".join([_MAGIC, b"%08x\n" % zlib.crc32(line), line, b"\n", *blocks])
        try:
            write_file(self.path, content, private=True)
        except UsageError as problem:
            raise StateError(str(problem)) from None

    def _load(self) -> None:
        with open(self.path, "rb") as stream:
            if stream.readline(64) != _MAGIC:
                raise ValueError("it is not a state file of this version")
            check, line = stream.readline(10), stream.readline(_MAX_HEADER)[:-1]
            if check != b"%08x\n" % zlib.crc32(line):
                raise ValueError("its header is damaged")
            header = json.loads(line)
            for width, count, checksum in header["blocks"]:
                block = stream.read(width * count)
                if len(block) != width * count or zlib.crc32(block) != checksum:
                    raise ValueError("its ids are damaged")
                self._ids[width] = np.frombuffer(block, np.uint8).reshape(count, width)
        before = header["rules"]
        self.changed = frozenset(name for name, digest in self.rules.items() if before.get(name) != digest)
        self._packs = frozenset(bytes.fromhex(key) for key in header["packs"])
        self._flagged = dict.fromkeys(header["flagged"])
        self.attributions = header["attributions"]


def _make_empty_ids(width: int) -> ByteArray:
    return np.empty((0, width), np.uint8)
