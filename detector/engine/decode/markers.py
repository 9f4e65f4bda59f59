r"""Markers: the encoded forms of anchors and of frequent words, as literals for pass 1.

Detecting base64 by its structure costs as much as all rules together. But the
beginning of a token is a fixed text, and so are its encoded forms: `ghp_` is
always `Z2hwX`, `docF` or `naHBf` in base64, `6768705f` in hex. Thousands of
such literals cost pass 1 next to nothing; each names the decoder to use and,
for base64, the alignment of the run.

Further markers are words that are frequent in configuration, and texts that
announce encoded content (`;base64,`, `kind: Secret`).
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from detector.model import Anchor

# The decoder to use at a marker. Packs store these codes.
BASE64 = (0, 1, 2, 3)
"""The code is the position of the first character of the marker in its group of four."""
BASE64_AFTER = 4
"""A run of base64 begins after the marker."""
HEX = 5
NUMBERS = 6
UTF_16_LE, UTF_16_BE, UTF_32_LE, UTF_32_BE = 7, 8, 9, 10
BASE64_PACKED = 11
"""A run of base64 of compressed data begins with the marker."""
INLINE = 16
"""For this code and all above, the text around the marker is unescaped in place."""
BACKSLASH, PERCENT, ENTITY, MAIL, TERMINAL, JOINT, KUBERNETES = range(INLINE, INLINE + 7)

LOCAL = (BACKSLASH, PERCENT, ENTITY, TERMINAL, JOINT)
"""Decoded around the marker only; the others are decoded for a whole run or message."""

WORDS = (
    "password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "credential", "private_key",
    "client_secret", "access_key", "https://", "http://", "mysql://", "postgres", "mongodb", "Authorization",
    "Bearer ", "Basic ", "username", "export ", "import ",
)  # fmt: skip
"""Words near credentials whose format has no fixed beginning."""

MAX_ENCODED = 7
"""Bytes of a literal that are encoded. So names with the same beginning share a marker, and in base64 every alignment
of seven bytes has at least eight characters; shorter literals would slow pass 1 down."""

MAX_ENCODED_WIDE = 4
"""The same for encodings with several characters per byte."""


class Marker(NamedTuple):
    """An anchor that starts a decoder; all its occurrences have the same length."""

    anchor: Anchor
    code: int
    length: int


def list_markers(anchors: Sequence[Anchor]) -> list[Marker]:
    """Return the markers for *anchors* and the general ones, without duplicates."""
    found: dict[tuple[Anchor, int], int] = {}
    texts = {anchor.text[:MAX_ENCODED]: None for anchor in anchors if not anchor.ignore_case}
    for word in WORDS:
        texts.update((text[:MAX_ENCODED], None) for text in _list_cases(word.encode()))
    for text in texts:
        for literal, code in encode_all(text):
            found.setdefault((Anchor(literal), code), len(literal))
    for anchor in anchors:
        for text in (anchor.text.lower(), anchor.text.upper()) if anchor.ignore_case else ():
            for literal, code in encode_base64(text[:MAX_ENCODED]) if len(text) >= MAX_ENCODED else ():
                found.setdefault((Anchor(literal), code), len(literal))
    for anchor in anchors:
        if not anchor.ignore_case and len(anchor.text) >= 4 and anchor.text[-1:] in b"_-.":
            for quote in (b'"', b"'"):  # a prefix that is joined with the rest
                found.setdefault((Anchor(anchor.text + quote), JOINT), len(anchor.text) + 1)
    for anchor, code, length in _ANNOUNCEMENTS:
        found.setdefault((anchor, code), length)
    return [Marker(anchor, code, length) for (anchor, code), length in found.items()]


def _list_cases(text: bytes) -> list[bytes]:
    return sorted({text, text.lower(), text.upper(), text.title()})


def encode_all(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield *text* in each encoding, and the code of its decoder."""
    head, wide = text[:MAX_ENCODED], text[:MAX_ENCODED_WIDE]
    if len(head) < 3:
        return
    for literal, code in encode_base64(head):
        yield literal, code
        for at in range(4 - code if code else 4, len(literal), 4):  # lines are wrapped between groups of four
            yield literal[:at] + b"\n" + literal[at:], code
    yield wide.hex().encode(), HEX
    yield wide.hex().upper().encode(), HEX
    if len(head) < 4:
        return
    yield from encode_base64(head.decode("latin-1").encode("utf-16-le"))
    for inside in (*(literal for literal, _ in encode_base64(text[:5])), wide.hex().encode()):
        yield from encode_base64(inside)
    for shape, code in _SPELLED:
        yield b"".join([shape % byte for byte in wide]), code
    for start, code in ((b"[%d", NUMBERS), (b"(%d", NUMBERS), (b" %d", NUMBERS)):
        for comma in (b",%d", b", %d"):
            yield start % wide[0] + b"".join([comma % byte for byte in wide[1:]]), code
    for comma in (b",0x%02x", b", 0x%02x", b", 0x%02X"):
        yield b"0x%02x" % wide[0] + b"".join([comma % byte for byte in wide[1:]]), NUMBERS
    text16 = wide.decode("latin-1")
    yield text16.encode("utf-16-le"), UTF_16_LE
    yield text16.encode("utf-16-be"), UTF_16_BE
    yield text16.encode("utf-32-le"), UTF_32_LE
    yield text16.encode("utf-32-be"), UTF_32_BE


_SPELLED = (
    (b"%%%02x", PERCENT),
    (b"%%%02X", PERCENT),
    (b"\\u00%02x", BACKSLASH),
    (b"\\u00%02X", BACKSLASH),
    (b"\\u{%02x}", BACKSLASH),
    (b"\\x%02x", BACKSLASH),
    (b"\\x%02X", BACKSLASH),
    (b"\\%03o", BACKSLASH),
    (b"&#%d;", ENTITY),
    (b"&#%03d;", ENTITY),
    (b"&#x%02x;", ENTITY),
    (b"&#x%02X;", ENTITY),
    (b"=%02X", MAIL),
)


def encode_base64(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield *text* in each alignment of base64: the characters that do not depend on the text around it.

    >>> [(literal, code) for literal, code in encode_base64(b"ghp_")]
    [(b'Z2hwX', 0), (b'docF', 2), (b'naHBf', 3)]
    """
    for before in range(3):
        whole = binascii.b2a_base64(b"\0" * before + text, newline=False)
        first, last = -(-8 * before // 6), 8 * (before + len(text)) // 6
        literal = whole[first:last]
        if len(literal) >= 4:
            yield literal, first
            if b"+" in literal or b"/" in literal:
                yield literal.replace(b"+", b"-").replace(b"/", b"_"), first


def _list_announcements() -> Iterator[tuple[Anchor, int, int]]:
    base64_tail = "[0-9A-Za-z+/_-]{%d}"
    begins = {"eyJ": 16, "ewog": 12, "ewoJ": 12, "W3si": 12, "eyAi": 12, "PD94bWw": 4}
    packed = {"H4sI": 12, "KLUv/": 12, "/Td6WFoA": 0, "QlpoO": 12, "UEsDB": 12}  # gzip, zstd, xz, bzip2, zip
    packed |= {"eJw": 32, "eJx": 32, "eJy": 32, "eJz": 32, "eNo": 32, "eNp": 32, "eNq": 32, "eNr": 32}  # zlib
    for listed, code in ((begins, 0), (packed, BASE64_PACKED)):
        for text, more in listed.items():
            yield Anchor(text.encode(), False, base64_tail % more if more else ""), code, len(text) + more
    for text in (";base64,", "transfer-encoding: base64", "=?utf-8?b?", "=?iso-8859-1?b?"):
        yield Anchor(text.encode(), True), BASE64_AFTER, len(text)
    for text in ("1f8b0800", "1F8B0800", "504b0304", "504B0304"):
        yield Anchor(text.encode()), HEX, len(text)
    for text in ("encoding: quoted-printable", "=?utf-8?q?"):
        yield Anchor(text.encode(), True), MAIL, len(text)
    for text in ("kind: Secret", 'kind: "Secret"', "kind: 'Secret'", '"kind": "Secret"', '"kind":"Secret"'):
        yield Anchor(text.encode()), KUBERNETES, len(text)
    for text in ('\\":\\', '\\": \\', "\\://", "\\u0022:", "\\x22:"):
        yield Anchor(text.encode()), BACKSLASH, len(text)
    for text in ("\\u003d", "\\u003D", "\\u0026", "\\x3d", "\\x26"):
        yield Anchor(text.encode(), False, "[0-9A-Za-z]{12}"), BACKSLASH, len(text) + 12
    for text in ("%22%3A%22", "%22%3a%22", "%22%3A%20%22", "%22:%22", "%3A%2F%2F", "%3a%2f%2f"):
        yield Anchor(text.encode()), PERCENT, len(text)
    for text in ("&quot;:&quot;", "&quot;: &quot;", "&#34;:&#34;", "&#34;: &#34;", "&#x22;:"):
        yield Anchor(text.encode()), ENTITY, len(text)


_ANNOUNCEMENTS = tuple(_list_announcements())
