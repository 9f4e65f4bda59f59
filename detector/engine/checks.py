"""Offline proof: what a credential's own bytes say about it.

Many issuers build a checksum or a parseable structure into their tokens. A
right one makes a finding `proven-form` without asking anybody; a wrong one
means that the issuer never made this string, and the candidate is dropped.

A check gets the secret and answers True (proven), False (impossible) or None
(says nothing). It never raises on hostile input. Adding one is a function and
a line in `CHECKS`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Check(NamedTuple):
    """`verify(secret)` judges; `complete(body)` gives the checksum that fits, for samples."""

    verify: Callable[[bytes], bool | None]
    complete: Callable[[bytes], bytes] | None = None
    says: str = ""


def base62(number: int, width: int) -> bytes:
    """Return *number* in base 62, most significant first, padded with ``0``."""
    digits = bytearray()
    while number:
        number, rest = divmod(number, 62)
        digits.append(BASE62[rest])
    return bytes(digits[::-1]).rjust(width, b"0")


def _crc_base62(value: bytes) -> bytes:
    return base62(zlib.crc32(value), 6)


def _github(secret: bytes) -> bool | None:
    """`gh?_` or `npm_`, 30 characters, 6 of CRC-32 in base 62; the prefix is not hashed."""
    body = secret[4:]
    return len(body) == 36 and _crc_base62(body[:30]) == body[30:]


CHECKS: dict[str, Check] = {
    "github-crc32": Check(_github, lambda text: _crc_base62(text[4:]), "its checksum (CRC-32) is right"),
}


def verify(name: str, secret: bytes) -> bool | None:
    """Judge *secret* by the check called *name*."""
    return CHECKS[name].verify(secret)


def complete(name: str, text: str) -> str:
    """Return the characters that make *text* pass the check *name* when appended."""
    check = CHECKS[name]
    if check.complete is None:
        raise ValueError(f"check {name!r} cannot complete a sample")
    return check.complete(text.encode()).decode()
