r"""Decode escapes within text in place, so that rules match the decoded text.

An escape can hide a credential or join itself to it: in ``"\nghp_…"`` an `n` is
before the token, and no word boundary. Everything around a marker or an anchor is
unescaped, one notation at a time; the engine scans the result.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from detector.engine.decode import markers
from detector.engine.decode.layer import Layer, replace_matches
from detector.engine.lazy_regex import compile_lazily

BEFORE, AFTER = 640, 1600
"""Bytes before and after a marker or an anchor that are unescaped."""

FAR = 256 << 10
"""The same after a marker of a whole document or message."""

_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a", b"0": b"\0"}


class Notation(NamedTuple):
    """A way to write characters: its name, the expression of one escape, and the function that decodes a match."""

    name: str
    pattern: bytes
    decode: Callable[[Any], bytes | None]


@cache
def _compile_pattern(code: int) -> Any:
    import regex

    return regex.compile(NOTATIONS[code].pattern)


def unescape(data: bytes, code: int, start: int, end: int) -> Layer | None:
    """Decode one notation in ``data[start:end]``; return None if it does not occur."""
    notation = NOTATIONS[code]
    found = _compile_pattern(code).finditer(data, start, end)
    return replace_matches(data, start, end, found, notation.name, notation.decode)


_NEAR_BEFORE, _NEAR_AFTER = 24, 200
NEAR = _NEAR_AFTER
"""Two places with fewer bytes between them are looked at for notations as one."""
_DECLARES = compile_lazily(rb"[ \t]*(?:\r?\n|\Z|[#;}\])\[<\-/]|[\"']?[\w.\-$ ]{1,60}[\"']?[ \t]*(?:[:=]|=>)(?!3D))")


def detect_notations(data: bytes, start: int, end: int) -> Iterator[int]:
    """Yield the notations that seem to be used directly around ``data[start:end]``."""
    near = data[max(0, start - _NEAR_BEFORE) : end + _NEAR_AFTER]
    if b"\\" in near:
        yield markers.BACKSLASH
    if b"%" in near:
        yield markers.PERCENT
    if b"&" in near and b";" in near:
        yield markers.ENTITY
    if b"=3D" in near or ((b"=\n" in near or b"=\r\n" in near) and _is_folded(data, start, end)):
        yield markers.MAIL
    if b"\x1b" in near or b"\x08" in near:
        yield markers.TERMINAL
    if (b'"' in near or b"'" in near) and _compile_pattern(markers.JOINT).search(near):
        yield markers.JOINT


def _is_folded(data: bytes, start: int, end: int) -> bool:
    """Tell whether a line break near ``data[start:end]`` is a soft one of quoted-printable text.

    Base64 ends in ``=`` as well, in front of a line that begins a declaration of its own.
    Text that is folded has lines of nearly the longest length allowed, 76 characters.
    """
    stop = min(len(data), end + _NEAR_AFTER)
    at = max(0, start - _NEAR_BEFORE)
    while (at := data.find(b"\n", at, stop)) >= 0:
        line = data[max(data.rfind(b"\n", 0, at) + 1, at - 100) : at].rstrip(b"\r")
        ends = line[-1:] == b"=" and line[-2:-1] != b"=" and 64 <= len(line) <= 76
        if ends and not _DECLARES.match(data, at + 1):
            return True
        at += 1
    return False


def find_reach(code: int, at: int) -> tuple[int, int]:
    """Return the span around a marker at *at* in which its notation is decoded."""
    if code == markers.KUBERNETES:
        return at - FAR // 8, at + FAR // 8
    if code == markers.MAIL:
        return at - BEFORE, at + FAR
    return at - BEFORE, at + AFTER


def _encode_character(number: int) -> bytes:
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else b"?"


def _decode_backslash(match: Any) -> bytes:
    braced, four, two, octal, newline, other = match.groups()
    if hexadecimal := braced or four:
        return _encode_character(int(hexadecimal, 16))
    if two:
        return bytes([int(two, 16)])
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    return b"" if newline else _LETTERS.get(other, other)


def _decode_percent(match: Any) -> bytes:
    wide, byte = match.groups()
    return _encode_character(int(wide, 16)) if wide else bytes([int(byte, 16)])


def _decode_entity(match: Any) -> bytes | None:
    decimal, hexadecimal, name = match.groups()
    if decimal:
        return _encode_character(int(decimal))
    if hexadecimal:
        return _encode_character(int(hexadecimal, 16))
    from html.entities import html5

    text = html5.get(name.decode() + ";")
    return text.encode() if text else None


def _decode_mail(match: Any) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else b""


def _remove(match: Any) -> bytes:
    del match
    return b""


def _decode_kubernetes(match: Any) -> bytes | None:
    """Return a value of a Kubernetes Secret in plain text, None if it is not text."""
    try:
        text = binascii.a2b_base64(match["value"])
    except binascii.Error:
        return None
    try:
        readable = text.decode()
    except UnicodeDecodeError:
        return None
    return text if readable.replace("\n", "").isprintable() else None


NOTATIONS = {
    markers.BACKSLASH: Notation(
        "escapes",
        rb"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-7]{2,3})"
        rb"|(\r?\n[ \t]{0,200})|(.))",
        _decode_backslash,
    ),
    markers.PERCENT: Notation("percent", rb"%(?:u([0-9A-Fa-f]{4})|([0-9A-Fa-f]{2}))", _decode_percent),
    markers.ENTITY: Notation(
        "entities", rb"&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|([A-Za-z]{2,8}));", _decode_entity
    ),
    markers.MAIL: Notation("quoted-printable", rb"=(?:\r?\n|([0-9A-F]{2}))", _decode_mail),
    markers.TERMINAL: Notation(
        "terminal", rb"\x1b\[[0-9;:?]{0,40}[@-~]|\x1b\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)|[^\n]\x08", _remove
    ),
    markers.JOINT: Notation(
        "joined strings",
        rb"""(?<!\\n|%n)(?:["'`]\)?[ \t]{0,4}(?:(?:\+|\.\.?|&|~|<>|\|\||\.concat\()[ \t]{0,4}(?:_?\r?\n\s{0,80})?"""
        rb"""|\\?\r?\n\s{0,80}[+.&]\s{0,4})\(?[fFrRbBuU]{0,2}["'`]"""
        rb"""|(["'])\)?[ \t]{0,4}\\?\r?\n\s{0,80}\(?[fFrRbBuU]{0,2}\1"""
        rb"""|(["'])[ \t][fFrRbBuU]{0,2}\2(?<=[=(\[{,:][ \t]{0,8}(?:[fFrRbBuU]{0,2}\2[^"'\n]{0,120}\2[ \t]){1,8}"""
        rb"""[fFrRbBuU]{0,2}\2))""",
        _remove,
    ),
    markers.KUBERNETES: Notation(
        "kubernetes",
        rb"""[\w.\-]["']?[ \t]{0,8}:[ \t]{0,8}["']?(?P<value>[0-9A-Za-z+/]{6,8192}={0,2})(?=["',}\s]|$)""",
        _decode_kubernetes,
    ),
}
