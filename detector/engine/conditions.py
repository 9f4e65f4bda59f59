r"""Conditions under which a candidate is let go, as other tools' rule files state them.

Allow-lists with conditions, entropy with an operator, words that must stand
somewhere in the file: all are one small language of nested tuples, so that
they travel in the pack. A condition that holds drops the candidate. An
expression that takes too long does not hold: better a finding too many.

    ("or", c, …)  ("and", c, …)  ("not", c)
    ("entropy", sign, bits)                      of the secret; the sign is <, <=, >, >= or ==
    ("size", sign, bytes)
    ("count", kind, sign, number)                of digits, uppercase, lowercase, special, or of the bytes given
    ("matches", where, pattern, …)               any pattern is found there
    ("contains", where, word, …)                 any word is part of it; both in lower case
    ("contains-case", where, word, …)            as it is written
    ("is", where, text, …)                       is one of the texts
    ("starts", where, text, …)  ("ends", where, text, …)
    ("absent", word, …)                          none of the words stands around it, in lower case

`where` is secret, match, line (all lines of the match) or path.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from detector.engine.confirm import Match, compiled
from detector.engine.plausible import entropy

TIMEOUT = 0.2
AROUND = 50_000
"""Bytes to each side in which a word counts as present."""

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_KINDS: dict[Any, bytes] = {
    "digits": b"0123456789",
    "uppercase": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "lowercase": b"abcdefghijklmnopqrstuvwxyz",
    "special": b"!@#$%^&*()_+-=[]{}|;:'\",.<>?/\\`~",
}


def holds(condition: tuple[Any, ...], data: bytes, match: Match, path: str) -> bool:
    """Tell whether *condition* holds for the candidate at *match*."""
    kind, *rest = condition
    if kind == "or":
        return any(holds(part, data, match, path) for part in rest)
    if kind == "and":
        return all(holds(part, data, match, path) for part in rest)
    if kind == "not":
        return not holds(rest[0], data, match, path)
    if kind == "absent":
        near = bytes(data[max(0, match.start - AROUND) : match.end + AROUND]).lower()
        return not any(word in near for word in rest)
    if kind in ("entropy", "size", "count"):
        *asked, sign, bound = rest
        return _SIGNS[sign](_measure(kind, asked, data[match.secret_start : match.secret_end]), bound)
    where, *wanted = rest
    return _TESTS[kind](_text(where, data, match, path), wanted)


def _measure(kind: str, asked: list[Any], secret: bytes) -> float:
    if kind == "entropy":
        return entropy(bytes(secret))
    return len(secret) if kind == "size" else sum(byte in _KINDS.get(asked[0], asked[0]) for byte in secret)


def _text(where: str, data: bytes, match: Match, path: str) -> bytes:
    if where == "secret":
        return bytes(data[match.secret_start : match.secret_end])
    if where == "match":
        return bytes(data[match.start : match.end])
    if where == "path":
        return path.encode("utf-8", "surrogateescape")
    first, last = max(0, match.start - AROUND), min(len(data), match.end + AROUND)
    start = data.rfind(b"\n", first, match.start) + 1 or first
    end = data.find(b"\n", match.end, last)
    return bytes(data[start : end if end >= 0 else last])


def _found(text: bytes, patterns: list[str]) -> bool:
    for pattern in patterns:
        try:
            if compiled(pattern).search(text, timeout=TIMEOUT):
                return True
        except TimeoutError:
            continue
    return False


_TESTS: dict[str, Callable[[bytes, list[Any]], bool]] = {
    "matches": _found,
    "contains": lambda text, words: any(word in text.lower() for word in words),
    "contains-case": lambda text, words: any(word in text for word in words),
    "is": lambda text, words: text in words,
    "starts": lambda text, words: text.startswith(tuple(words)),
    "ends": lambda text, words: text.endswith(tuple(words)),
}
