r"""Whole files in UTF-16 or UTF-32 become UTF-8 before anything looks at them.

Everything downstream counts lines, columns and characters, so it gets the text
an editor would show. Windows tools write such files with a mark in front;
those without are known by their zero bytes. A file that does not decode is no
such text and is scanned as it is (markers find wide strings within binaries).
"""

from __future__ import annotations

from detector.model import Blob

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_LOOK = 512


def codec_of(data: bytes) -> str:
    """Name the encoding of *data* if it is UTF-16 or UTF-32, else "".

    >>> codec_of("key".encode("utf-16")), codec_of("password".encode("utf-16-le")), codec_of(b"key")
    ('utf-16-le', 'utf-16-le', '')
    """
    if data[:1] in (b"\xff", b"\xfe", b"\x00"):
        for mark, codec in _MARKS:
            if data.startswith(mark):
                return codec
    if data.find(0, 0, 4) < 0:
        return ""
    head = data[:_LOOK]
    for codec, width, letter in (("utf-16-le", 2, 0), ("utf-16-be", 2, 1), ("utf-32-le", 4, 0), ("utf-32-be", 4, 3)):
        letters = head[letter::width]
        if len(head) >= 4 * width and head.count(0) == len(head) - len(letters) and 0 not in letters:
            return codec
    return ""


def plain(data: bytes, codec: str) -> bytes | None:
    """Return *data* as UTF-8 without its mark, or None if it is not in *codec*; half a character at the end is cut."""
    width = 4 if "32" in codec else 2
    try:
        text = data[: len(data) // width * width].decode(codec)
    except UnicodeDecodeError:
        return None
    return text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")


def readable(blob: Blob) -> Blob:
    """Return *blob* as UTF-8 if it is UTF-16 or UTF-32, else itself. Offsets then count bytes of that text."""
    codec = codec_of(blob.data)
    text = plain(blob.data, codec) if codec else None
    if text is None:
        return blob

    def moved(place: int) -> int:
        return len(plain(blob.data[:place], codec) or b"")

    return blob._replace(
        data=text,
        core=blob.core and (moved(blob.core[0]), moved(blob.core[1])),
        new=blob.new and tuple((moved(start), moved(end)) for start, end in blob.new),
        via=(*blob.via, codec[:6]),
    )
