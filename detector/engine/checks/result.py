"""A check, its result, and the decoding that several checks share."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import NamedTuple


class CheckResult(NamedTuple):
    """`valid` is True (its provider issued it), False (nobody did) or None (undecided).

    `facts` are names and values that may be shown; they contain no part of the secret.
    """

    valid: bool | None
    facts: tuple[tuple[str, str], ...] = ()


VALID, INVALID, UNDECIDED = CheckResult(True), CheckResult(False), CheckResult(None)


class Check(NamedTuple):
    """`verify(secret)` decides; `valid_text` and `invalid_text` are the reasons that are reported.

    `complete(body)` returns the checksum of *body*, for samples. A valid `structured`
    secret need not look random: runs of one character are normal in it (zero bytes, lengths).
    """

    verify: Callable[[bytes], CheckResult]
    valid_text: str
    invalid_text: str
    complete: Callable[[bytes], bytes] | None = None
    structured: bool = False


def decode_base64(text: bytes, *, url: bool = False) -> bytes | None:
    """Decode base64 with or without padding; return None if it is not base64."""
    bare = text.rstrip(b"=")
    if len(bare) % 4 == 1:
        return None
    if url:
        bare = bare.translate(_FROM_URL)
    try:
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)
    except binascii.Error:
        return None


def encode_base64url(data: bytes) -> bytes:
    """Encode with the URL alphabet, no padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


_FROM_URL = bytes.maketrans(b"-_+/", b"+/??")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def to_digits(number: int, alphabet: bytes, width: int) -> bytes:
    """Return *number* in the base of *alphabet*, most significant digit first, padded to *width*.

    >>> to_digits(255, b"0123456789abcdef", 4)
    b'00ff'
    """
    out = bytearray()
    while number:
        number, rest = divmod(number, len(alphabet))
        out.append(alphabet[rest])
    return bytes(out[::-1]).rjust(width, alphabet[:1])


def format_time(seconds: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, "" if no calendar has it."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return ""
