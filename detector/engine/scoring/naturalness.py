"""Measure how natural a string looks: bits per character in a small trigram model.

English words and identifiers cost two to three bits per letter, random letters
five. The table (`trigrams.py`) was counted over the Python standard library; case
is ignored, all digits count as one symbol, all other characters as another.
"""

from __future__ import annotations

import base64
from functools import cache
from math import log2

SYMBOLS = 28
_CODE = bytes(byte - 97 if 97 <= byte <= 122 else byte - 65 if 65 <= byte <= 90 else 26 if 48 <= byte <= 57 else 27
              for byte in range(256))  # fmt: skip
STEPS = 16
"""Steps of the table per bit."""


@cache
def _table() -> bytes:
    import zlib

    from detector.engine.scoring.trigrams import TABLE

    return zlib.decompress(base64.b85decode(TABLE))


def encode(value: bytes) -> bytes:
    """Return *value* in the alphabet of the table, with boundary symbols on both sides."""
    return b"\x1b\x1b" + value.translate(_CODE) + b"\x1b"


def bits_per_character(value: bytes) -> float:
    """Return the mean cost of a character of *value* in bits."""
    coded = encode(value[:96])
    table = _table()
    total = 0
    for a, b, c in zip(coded, coded[1:], coded[2:], strict=False):
        total += table[(a * SYMBOLS + b) * SYMBOLS + c]
    return total / STEPS / (len(coded) - 2)


def entropy_deficit(value: bytes, alphabet: int) -> float:
    """Return by how many bits the Shannon entropy of *value* is below that of a random string.

    A string of *n* random characters out of *k* has nearly ``log2(min(n, k))`` bits,
    minus a correction for repetitions by chance; words and patterns have far fewer.
    """
    size = len(value)
    counts = [value.count(byte) for byte in set(value)]
    seen = -sum(count * log2(count / size) for count in counts) / size
    return _expected_entropy(size, alphabet) - seen


@cache
def _expected_entropy(size: int, alphabet: int) -> float:
    # Poisson approximation of the expected entropy of `size` uniform draws
    from math import exp, factorial

    rate = size / alphabet
    total, mass = 0.0, 0.0
    for count in range(1, 40):
        share = exp(-rate) * rate**count / factorial(count)
        mass += share * count
        total += share * count * log2(count)
    return log2(size) - (total / rate if rate else 0.0)
