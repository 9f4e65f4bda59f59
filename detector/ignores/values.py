"""Compare a found value with the entries of allowlists: the only module of this package that reads a `Secret`."""

from __future__ import annotations

import hashlib

from detector.ignores.expressions import matches_any
from detector.secret import Secret


def matches_value(secret: Secret, patterns: tuple[str, ...]) -> bool:
    """Tell whether one of the expressions matches in the value."""
    return matches_any(patterns, secret.reveal())


def contains_word(secret: Secret, words: tuple[str, ...]) -> bool:
    """Tell whether one of *words* (lower case) is part of the value, whatever its case."""
    text = secret.reveal().lower()
    return any(word.encode() in text for word in words)


def hash_sha1(secret: Secret) -> list[str]:
    """Return the SHA-1 hashes that detect-secrets may have stored for the value.

    Of a private key it hashes only the words of the first line.
    """
    value = secret.reveal()
    texts = [value]
    if value.startswith(b"-----BEGIN"):
        texts.append(value.partition(b"\n")[0].strip().strip(b"-"))
    return [hashlib.sha1(text, usedforsecurity=False).hexdigest() for text in texts]


def hash_sha256(secret: Secret) -> str:
    """Return the SHA-256 of the value."""
    return hashlib.sha256(secret.reveal()).hexdigest()


def hash_xxh3(secret: Secret, label: bytes, start: int, end: int) -> int:
    """Return the fingerprint that kingfisher computes for the value at these byte offsets."""
    import xxhash

    offsets = start.to_bytes(8, "little") + end.to_bytes(8, "little")
    return int(xxhash.xxh3_64_intdigest(secret.reveal() + label + offsets))
