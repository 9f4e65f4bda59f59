"""Store which objects were scanned, so that the next scan reads only new ones.

An object id identifies its content: an object without findings has none in any
repository, as long as the rules do not change. Objects with findings are listed
separately and read again by every scan, so that its report is complete.

A pack that was read completely is identified by its checksum and size, which
are read from its last bytes; its index is not opened again. So an unchanged
repository costs very little. The object ids are stored as well, because after a
repack the packs are new but the objects are not.

The file contains ids and checksums, no content. It is a keyed digest, a line of JSON
and the sorted ids, one block for each length of id. The key is the user's: a state that
came with a repository says that everything was read already, and is not believed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np  # noqa: TID253  (this module is itself imported late)

from detector.errors import StateError, UsageError
from detector.files.writing import write_file
from detector.git.packs import ByteArray, find_rows, sort_ids

_MAGIC = b"leakfirst-state 3\n"
_DIGEST = 32


class KnownObjectsFile:
    """The object ids that earlier scans have read, in a file. `add` adds ids, `save` writes the file.

    `get_known_ids` returns the ids scanned with all current rules. If rules
    were added or `changed`, it returns none, and `get_outdated_ids` returns the
    ids that have to be scanned with the changed rules only.
    """

    def __init__(self, path: str, rules: Mapping[str, str], key: bytes = b"") -> None:
        """Open the state at *path*, which need not exist; *rules* maps each rule id to its digest.

        What was not written under *key* is not believed.
        """
        self.path = path
        self._key = key
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

    def is_known(self, name: bytes) -> bool:
        """Return whether the object or content with this id need not be read again."""
        ids = self.get_known_ids(len(name))
        return bool(len(ids)) and bool((find_rows(ids, np.frombuffer(name, np.uint8).reshape(1, -1)) >= 0)[0])

    def forget(self, width: int) -> None:
        """Forget the ids of this length in bytes."""
        self._ids.pop(width, None)

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
            "blocks": [[width, len(self._ids[width])] for width in sorted(self._ids)],
        }
        line = json.dumps(header, separators=(",", ":")).encode()
        content = b"".join([line, b"\n", *blocks])
        content = b"".join([_MAGIC, self._compute_digest(content), content])
        try:
            write_file(self.path, content, private=True)
        except UsageError as problem:
            raise StateError(str(problem)) from None

    def _compute_digest(self, content: bytes) -> bytes:
        return hashlib.blake2b(content, key=self._key, digest_size=_DIGEST, person=b"state").digest()

    def _load(self) -> None:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(self.path, flags), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ValueError("it is no plain file")
            if stream.readline(64) != _MAGIC:
                raise ValueError("it is not a state file of this version")
            digest, content = stream.read(_DIGEST), stream.read()
        if not hmac.compare_digest(digest, self._compute_digest(content)):
            raise ValueError("it is damaged, or was not written by this user")
        line, _, rest = content.partition(b"\n")
        header = json.loads(line)
        for width, count in header["blocks"]:
            block, rest = rest[: width * count], rest[width * count :]
            self._ids[width] = np.frombuffer(block, np.uint8).reshape(count, width)
        before = header["rules"]
        self.changed = frozenset(name for name, digest in self.rules.items() if before.get(name) != digest)
        self._packs = frozenset(bytes.fromhex(key) for key in header["packs"])
        self._flagged = dict.fromkeys(header["flagged"])
        self.attributions = header["attributions"]


def _make_empty_ids(width: int) -> ByteArray:
    return np.empty((0, width), np.uint8)
