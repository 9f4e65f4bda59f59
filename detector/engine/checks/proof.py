"""What a check is, what it answers, and the decoding that several of them share."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import NamedTuple


class Proof(NamedTuple):
    """`proven` is True (its issuer made it), False (nobody did) or None (says nothing).

    `facts` are names and values that may be shown: no part of the secret.
    """

    proven: bool | None
    facts: tuple[tuple[str, str], ...] = ()


RIGHT, WRONG, SILENT = Proof(True), Proof(False), Proof(None)


class Check(NamedTuple):
    """`verify(secret)` judges; `proves` and `denies` say what a right and a wrong one mean.

    `complete(body)` gives the checksum that fits, for samples. In a
    `structured` secret runs of one letter are natural (zero bytes, lengths),
    so that a proven one is not asked whether it looks random.
    """

    verify: Callable[[bytes], Proof]
    proves: str
    denies: str
    complete: Callable[[bytes], bytes] | None = None
    structured: bool = False


def unbase64(text: bytes, *, url: bool = False) -> bytes | None:
    """Decode base64 with or without padding; None when it is not base64."""
    bare = text.rstrip(b"=")
    if len(bare) % 4 == 1:
        return None
    if url:
        bare = bare.translate(_FROM_URL)
    try:
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)
    except binascii.Error:
        return None


def base64url(data: bytes) -> bytes:
    """Encode with the URL alphabet, no padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


_FROM_URL = bytes.maketrans(b"-_+/", b"+/??")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def digits(number: int, alphabet: bytes, width: int) -> bytes:
    """Return *number* in the base of *alphabet*, most significant first, padded in front.

    >>> digits(255, b"0123456789abcdef", 4)
    b'00ff'
    """
    out = bytearray()
    while number:
        number, rest = divmod(number, len(alphabet))
        out.append(alphabet[rest])
    return bytes(out[::-1]).rjust(width, alphabet[:1])


def moment(seconds: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, or nothing for a time that no calendar has."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return ""
