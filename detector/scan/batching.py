"""Take from a history as much as one call of the first pass should see.

Asked of every object there is, so it is typed for mypyc, and what is certainly
plain text is told from its first bytes and a few others, before anybody looks closer.
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
"""Content, path (unknown), and how it is stored: what the engine takes."""

_DOUBTFUL: Final = bytes([byte in FIRST_BYTES or byte in b"\xff\xfe\x00" for byte in range(256)])


def doubtful(data: bytes) -> bool:
    """Tell whether *data* may be a container or UTF-16 or UTF-32; it is none of these where this says no."""
    size: i64 = len(data)
    if size < 4:
        return size > 0
    second: i64 = data[1]
    return (
        _DOUBTFUL[data[0]] == 1
        or second == 0
        or data[2] == 0
        or data[3] == 0
        or (data[2] == 13 and data[3] == 10 and 12 <= second <= 15)
        or (size > 257 and data[257] == 117)  # ustar
        or (size >= 22 and data[size - 22] == 80)  # PK
    )


def take(objects: Iterator[Stored], rows: list[Row], special: list[Stored], enough: int) -> int:
    """Move *objects* into *rows*, or into *special* where they need more than a look; return their bytes.

    What comes back is less than *enough* only at the end.
    """
    size: i64 = 0
    most: i64 = enough
    for stored in objects:
        data = stored.data
        if stored.kind == "blob" and doubtful(data) and (detect_codec(data) or detect_kind(data)):
            special.append(stored)
        else:
            rows.append((data, "", stored))
        size += len(data)
        if size >= most:
            break
    return size
