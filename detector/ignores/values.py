"""Compare a found value with what an allow-list names: the one place here that looks into a `Secret`."""

from __future__ import annotations

import hashlib

from detector.ignores.expressions import found
from detector.secret import Secret


def fits(secret: Secret, patterns: tuple[str, ...]) -> bool:
    """Tell whether one of the expressions occurs in the value."""
    return found(patterns, secret.reveal())


def contains(secret: Secret, words: tuple[str, ...]) -> bool:
    """Tell whether one of *words* (lower case) is part of the value, whatever its case."""
    text = secret.reveal().lower()
    return any(word.encode() in text for word in words)


def sha1s(secret: Secret) -> list[str]:
    """Return the SHA-1 under which detect-secrets may know the value.

    Of a private key it hashes the words of the first line alone.
    """
    value = secret.reveal()
    texts = [value]
    if value.startswith(b"-----BEGIN"):
        texts.append(value.partition(b"\n")[0].strip().strip(b"-"))
    return [hashlib.sha1(text, usedforsecurity=False).hexdigest() for text in texts]


def sha256(secret: Secret) -> str:
    """Return the SHA-256 of the value."""
    return hashlib.sha256(secret.reveal()).hexdigest()


def xxh3(secret: Secret, label: bytes, start: int, end: int) -> int:
    """Return the number that kingfisher gives to a value at these byte offsets."""
    import xxhash

    offsets = start.to_bytes(8, "little") + end.to_bytes(8, "little")
    return int(xxhash.xxh3_64_intdigest(secret.reveal() + label + offsets))
