r"""Convert whole files in UTF-16 or UTF-32 to UTF-8 before they are scanned.

Everything after this counts lines, columns and characters, so it gets the text
that an editor shows. Windows tools write such files with a byte order mark;
files without one are detected by their zero bytes. A file that cannot be decoded
is scanned as it is (markers find wide strings within binary files).
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


def detect_codec(data: bytes) -> str:
    """Return the codec of *data* if it is UTF-16 or UTF-32, else "".

    >>> detect_codec("key".encode("utf-16")), detect_codec("password".encode("utf-16-le")), detect_codec(b"key")
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


def to_utf8(data: bytes, codec: str) -> bytes | None:
    """Return *data* as UTF-8 without its byte order mark, None if it is not in *codec*; an incomplete end is cut."""
    width = 4 if "32" in codec else 2
    try:
        text = data[: len(data) // width * width].decode(codec)
    except UnicodeDecodeError:
        return None
    return text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")


def decode_blob(blob: Blob) -> Blob:
    """Return *blob* as UTF-8 if it is UTF-16 or UTF-32, else *blob*. Offsets then count bytes of the UTF-8 text."""
    codec = detect_codec(blob.data)
    text = to_utf8(blob.data, codec) if codec else None
    if text is None:
        return blob

    def to_new(place: int) -> int:
        return len(to_utf8(blob.data[:place], codec) or b"")

    return blob._replace(
        data=text,
        core=blob.core and (to_new(blob.core[0]), to_new(blob.core[1])),
        new=blob.new and tuple((to_new(start), to_new(end)) for start, end in blob.new),
        via=(*blob.via, codec[:6]),
    )
