"""Whether a clone of ours is damaged: a disk that was full, a machine that lost power, a file that somebody cut.

A damaged clone is cloned again (clones.py). The look at every refresh reads a few bytes of each pack; whether all
objects are whole, only git can say, which reads everything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from detector.errors import LeakfirstError
from detector.git.layout import is_repository
from detector.git.refs import read_refs
from detector.git.repository import discover
from detector.model import Skipped

_MIN_PACK_BYTES = 12
_OBJECT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64}|.*\.(?:pack|idx))\Z")


def find_damage(path: str) -> str:
    """Return what is damaged in the clone at *path*, or "" if nothing is at a first look."""
    if not is_repository(path):
        return "it is not a repository any more"
    try:
        repository = discover(path)
        read_refs(repository)
    except (LeakfirstError, OSError, ValueError):
        return "its refs cannot be read"
    folder = os.path.join(path, "objects", "pack")
    try:
        names = set(os.listdir(folder))
        for name in sorted(names):
            stem, dot, kind = name.rpartition(".")
            if dot and kind == "pack" and not _is_whole_pack(os.path.join(folder, stem), repository.id_bytes):
                return f"the pack {name} is damaged"
    except OSError as error:
        return f"its packs cannot be read ({error.strerror})"
    return ""


def _is_whole_pack(stem: str, hash_bytes: int) -> bool:
    """Return whether pack and index end with the same checksum of the pack. Raises `OSError`."""
    if not os.path.exists(f"{stem}.idx"):
        return False
    with open(f"{stem}.pack", "rb") as pack, open(f"{stem}.idx", "rb") as index:
        if os.fstat(pack.fileno()).st_size < _MIN_PACK_BYTES + hash_bytes or pack.read(4) != b"PACK":
            return False
        if os.fstat(index.fileno()).st_size < 2 * hash_bytes:
            return False
        pack.seek(-hash_bytes, os.SEEK_END)
        index.seek(-2 * hash_bytes, os.SEEK_END)
        return pack.read(hash_bytes) == index.read(hash_bytes)


def suggests_damage(skipped: Iterable[Skipped]) -> bool:
    """Return whether what could not be read of a clone includes objects or packs, which a clone has whole."""
    return any(
        not skip.expected and skip.reason != "over the size limit" and _OBJECT.match(skip.where) for skip in skipped
    )
