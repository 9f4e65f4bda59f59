"""Files of our own whose content is compared with a checksum before anything in it is believed.

The ready rules of an installation and the cache of compiled rules are read with `marshal`
and handed to Hyperscan as databases: neither may see bytes that nobody wrote. The
checksum covers a label too, which says what the file must have been made from. So a file
that is damaged, cut short or made from something else is refused in the same way. It protects
from damage, not from malice: who can write into these folders can change the program.
"""

from __future__ import annotations

import os
from contextlib import suppress

FORMAT = b"leakfirst-pack-8\n"
_CHECK = 16


def read_checked(path: str, label: str) -> bytes | None:
    """Return what `write_checked` stored in *path* under *label*; None if it is missing, damaged or something else."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(FORMAT) + _CHECK)
            content = file.read() if head.startswith(FORMAT) else b""
    except (OSError, MemoryError):
        return None
    return content if content and head[len(FORMAT) :] == _compute_check(label, content) else None


def write_checked(path: str, label: str, content: bytes) -> bool:
    """Store *content*, which is not empty, with its checksum; return whether that succeeded."""
    return write_atomically(path, FORMAT + _compute_check(label, content), content)


def _compute_check(label: str, content: bytes) -> bytes:
    from xxhash import xxh3_128

    total = xxh3_128(label.encode("utf-8", "surrogateescape") + b"\0")
    total.update(content)
    return total.digest()


def write_atomically(path: str, *parts: bytes) -> bool:
    """Write *parts* to a temporary file and rename it to *path*; return whether that succeeded."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(parts)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        return False
    return True


def remove_old(folder: str, keep: int = 8) -> None:
    """Delete all but the *keep* most recent files of each kind in a cache; each change of a rule makes new ones."""
    for suffix in (".pack", ".database", ".stamp"):
        with suppress(OSError):
            kept = [entry for entry in os.scandir(folder) if entry.name.endswith(suffix)]
            kept.sort(key=lambda entry: -entry.stat().st_mtime)
            for entry in kept[keep:]:
                os.unlink(entry.path)
