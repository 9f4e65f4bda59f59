"""Collect objects of a history into batches for one call of the first pass.

This runs for every object, so it is typed for mypyc, and what is certainly plain
text is recognised by its first bytes and a few others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from detector.containers.kinds import FIRST_BYTES, detect_kind
from detector.engine.decode.text import detect_codec
from detector.engine.stored import Stored

if TYPE_CHECKING:
    from mypy_extensions import i64

Row = tuple[bytes, str, Stored | None]
"""Content, path (unknown) and how it is stored: the input of the engine."""

_SPECIAL_FIRST: Final = bytes([byte in FIRST_BYTES or byte in b"\xff\xfe\x00" for byte in range(256)])


def may_need_unpacking(data: bytes) -> bool:
    """Return False only if *data* is certainly no container and neither UTF-16 nor UTF-32."""
    size: i64 = len(data)
    if size < 4:
        return size > 0
    second: i64 = data[1]
    return (
        _SPECIAL_FIRST[data[0]] == 1
        or second == 0
        or data[2] == 0
        or data[3] == 0
        or (data[2] == 13 and data[3] == 10 and 12 <= second <= 15)
        or (size > 257 and data[257] == 117)  # ustar
        or (size >= 22 and data[size - 22] == 80)  # PK
    )


def fill_batch(objects: Iterator[Stored], rows: list[Row], special: list[Stored], enough: int) -> int:
    """Move *objects* into *rows*, or into *special* if they have to be unpacked or decoded; return their bytes.

    The result is less than *enough* only at the end of *objects*.
    """
    size: i64 = 0
    most: i64 = enough
    for stored in objects:
        data = stored.data
        if stored.kind == "blob" and may_need_unpacking(data) and (detect_codec(data) or detect_kind(data)):
            special.append(stored)
        else:
            rows.append((data, "", stored))
        size += len(data)
        if size >= most:
            break
    return size
