r"""Decode whole runs of encoded characters: base64, hex, numbers, wide characters.

A marker is somewhere in the run; the run is followed in both directions, across
line breaks and what programs write between the lines of a long string.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from functools import cache
from typing import Any

from detector.engine.decode.layer import Layer, OffsetIndex, decode_lines

MAX_RUN = 64 << 20
"""Bytes before and after its marker up to which a run is followed."""

MIN_LINE = 20
"""Characters of the shortest line of a wrapped run; shorter ones are words."""

_JOINT = rb"""["']?[ \t]{0,8}[+,.\\&]?[ \t]{0,8}(?:\r?\n|\\r\\n|\\n){1,2}[ \t>|*#/]{0,60}[+.&]?[ \t]{0,8}["']?"""

_PLAIN = re.compile(rb"\r?\n(?=[0-9A-Za-z+/])")
"""What separates the lines of nearly all wrapped runs."""

_URL_SAFE = bytes.maketrans(b"-_", b"+/")


@cache
def _expressions(letters: bytes) -> tuple[Any, Any, Any, bytes]:
    """Compile the rest of a line, the joint after and before one, and a table that maps *letters* to 0, others to 1.

    Letters use `re`: for classes it is ten times as fast as `regex`, which alone can search backwards.
    """
    import regex

    ahead = re.compile(rb"[%b]*+" % letters)
    others = bytes(0 if ahead.fullmatch(bytes([byte])) else 1 for byte in range(256))
    return ahead, regex.compile(_JOINT), regex.compile(b"(?r)" + _JOINT), others


def find_lines(data: bytes, at: int, letters: bytes) -> list[tuple[int, int]]:
    """Return the spans of the lines of the run around offset *at*."""
    ahead, joint, joint_before, others = _expressions(letters)
    low, high = max(0, at - MAX_RUN), min(len(data), at + MAX_RUN)
    start = _find_line_start(data, low, at, others)
    end = ahead.match(data, at, high).end()
    found = [(start, end)]
    while end - start >= MIN_LINE and (between := _PLAIN.match(data, end, high) or joint.match(data, end, high)):
        start = between.end()
        end = ahead.match(data, start, high).end()
        if end == start:
            break
        found.append((start, end))
    start = found[0][0]
    before: list[tuple[int, int]] = []
    while start > low:
        end = start - 2 if data[start - 2 : start] == b"\r\n" else start - 1
        if data[start - 1] == 10 and end > low and not others[data[end - 1]]:
            pass
        elif between := joint_before.match(data, low, start):
            end = between.start()
        else:
            break
        start = _find_line_start(data, low, end, others)
        if end - start < MIN_LINE:
            break
        before.append((start, end))
    return before[::-1] + found


def _find_line_start(data: bytes, low: int, at: int, others: bytes) -> int:
    """Return where the letters before *at* begin."""
    step = 128
    while at > low:
        begin = max(low, at - step)
        stop = data[begin:at].translate(others).rfind(1)
        if stop >= 0:
            return begin + stop + 1
        at, step = begin, step * 2
    return low


BASE64_LETTERS = rb"0-9A-Za-z+/_\-"


class Base64Runs:
    """The runs of base64 in one text; a run with several markers is followed only once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._known: OffsetIndex[list[tuple[int, int]]] = OffsetIndex()

    def decode_at(self, at: int, phase: int) -> Layer | None:
        """Decode the run around *at*; the character there is number *phase* of its group of four.

        A marker encodes text, so if the bytes next to it are not text, it is part of a picture,
        where any four letters occur by chance.
        """
        data = self._data
        first = at - phase
        near = _decode_base64(data[first : first + 36].translate(None, b"\r\n")[:32]) if first >= 0 else b""
        if near and len(near.translate(None, _READABLE)) * 4 > len(near):
            return None
        return self._decode(at, phase)

    def decode_compressed(self, at: int) -> Layer | None:
        """Decode the run of compressed data that begins at *at*; return None in the middle of a run."""
        if at and _LETTERS.match(self._data, at - 1):
            return None
        return self._decode(at, 0)

    def decode_after(self, at: int) -> Layer | None:
        """Decode the run that begins after *at*, directly or after the remaining headers of a mail."""
        begin = _HEADERS.match(self._data, at)
        assert begin
        return None if self._data.startswith(_PICTURES, begin.end()) else self._decode(begin.end(), 0)

    def _decode(self, at: int, phase: int) -> Layer | None:
        found = next(self._known.find_at(at), [])
        if not found:
            found = find_lines(self._data, at, BASE64_LETTERS)
            self._known.add(found[0][0], found[-1][1], found)
        if self._data.startswith(_PICTURES, found[0][0]):
            return None
        found = list(found)
        extra = (_count_characters(found, at) - phase) % 4
        while extra and found:
            start, end = found[0]
            taken = min(extra, end - start)
            extra -= taken
            found[0] = start + taken, end
            if found[0][0] == end:
                found.pop(0)
        if _count_characters(found, len(self._data)) < 8:
            return None
        return decode_lines(self._data, found, "base64", _decode_base64, (4, 3))


_LETTERS = re.compile(rb"[%b]" % BASE64_LETTERS)
_READABLE = bytes([0, 9, 10, 13, *range(32, 127)])


def _count_characters(found: list[tuple[int, int]], at: int) -> int:
    """Return the number of characters of a run before *at*."""
    return sum(min(end, at) - start for start, end in found if start < at)


def _decode_base64(text: bytes) -> bytes:
    left = len(text) % 4
    if left == 1:
        text, left = text[:-1], 0
    try:
        return binascii.a2b_base64(text.translate(_URL_SAFE) + b"=" * (-left % 4))
    except binascii.Error:
        return b""


_HEADERS = re.compile(rb"(?:[^\n]{0,200}\n(?:[^\s:]{1,60}:[^\n]{0,400}\n|[ \t][^\n]{0,400}\n){0,20}\r?\n)?\s{0,4}")
_PICTURES = (b"iVBORw0KGg", b"/9j/", b"R0lGOD", b"UklGR", b"d09GM", b"d09GR", b"AAEAAAA", b"T1RUTw", b"AAABAA", b"Qk0")
"""PNG, JPEG, GIF, WebP, fonts, icons: large, frequent, and without readable text."""


def decode_hex(data: bytes, at: int) -> Layer | None:
    """Decode the run of hex digits around *at*, where a byte begins."""
    found = find_lines(data, at, b"0-9A-Fa-f")
    if _count_characters(found, at) % 2:
        found[0] = found[0][0] + 1, found[0][1]
    return decode_lines(data, found, "hex", _decode_hex_digits, (2, 1))


def _decode_hex_digits(text: bytes) -> bytes:
    return binascii.a2b_hex(text[: len(text) & ~1])


NUMBERS_AROUND = 16 << 10


def decode_numbers(data: bytes, at: int) -> Layer | None:
    """Decode a list of byte values, ``0x67, 0x68`` or ``103, 104``, around *at*."""
    import regex

    separated = regex.compile(rb"(?:0[xX][0-9A-Fa-f]{1,2}|(?<![0-9A-Za-z])\d{1,3}(?![0-9A-Za-z]))[,\s]{0,80}")
    low, high = max(0, at - NUMBERS_AROUND), min(len(data), at + NUMBERS_AROUND)
    listed = [match.span() for match in separated.finditer(data, low, high)]
    if not listed:
        return None
    here = max(0, bisect_right(listed, (at, high)) - 1)
    first = last = here
    while first and listed[first - 1][1] == listed[first][0]:
        first -= 1
    while last + 1 < len(listed) and listed[last][1] == listed[last + 1][0]:
        last += 1
    listed = listed[first : last + 1]
    values = [int(data[start:end].rstrip(b", \t\r\n\v\f"), 0 if data[start : start + 2] in (b"0x", b"0X") else 10)
              for start, end in listed]  # fmt: skip
    decoded = bytes(value & 0xFF for value in values)
    outer = [start for start, _ in listed] + [listed[-1][1]]
    return Layer(decoded, "numbers", (outer[0], outer[-1]), lambda: (range(len(listed) + 1), outer))


_WIDE = {
    "utf-16-le": (rb"(?:[\t\n\r -~]\x00)", 2),
    "utf-16-be": (rb"(?:\x00[\t\n\r -~])", 2),
    "utf-32-le": (rb"(?:[\t\n\r -~]\x00\x00\x00)", 4),
    "utf-32-be": (rb"(?:\x00\x00\x00[\t\n\r -~])", 4),
}


@cache
def _wide_expressions(codec: str) -> tuple[Any, Any]:
    import regex

    one = _WIDE[codec][0]
    return regex.compile(one + b"*+"), regex.compile(b"(?r)" + one + b"*")


def decode_wide(data: bytes, at: int, codec: str) -> Layer | None:
    """Decode the plain characters of two or four bytes around *at*, where one begins."""
    ahead, back = _wide_expressions(codec)
    start = back.match(data, max(0, at - MAX_RUN), at).start()
    end = ahead.match(data, at, min(len(data), at + MAX_RUN)).end()
    width = _WIDE[codec][1]
    text = data[start:end].replace(b"\0", b"")
    return Layer(text, codec[:6], (start, end), lambda: ((0, end - start), (start, end)), (width, 1))
