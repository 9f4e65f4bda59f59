"""Sets of object ids as bytes: ids of one length, one after another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detector.git.packs import ByteArray


def as_rows(content: bytes, length: int) -> ByteArray:
    """Return *content* as an array with one row of *length* bytes for each id."""
    import numpy as np

    return np.frombuffer(content, np.uint8).reshape(-1, length)


def split_rows(content: bytes, length: int) -> list[bytes]:
    """Return the values of *length* bytes that *content* holds.

    >>> split_rows(b"aabbcc", 2)
    [b'aa', b'bb', b'cc']
    """
    return [content[at : at + length] for at in range(0, len(content), length)]


def join_hex(names: Iterable[str]) -> bytes:
    """Return hexadecimal ids as sorted bytes.

    >>> join_hex({"02", "01"})
    b'\\x01\\x02'
    """
    return bytes.fromhex("".join(sorted(names)))
