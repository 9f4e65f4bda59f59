r"""Conditions under which a candidate is rejected, as other tools' rule files state them.

Allowlists with conditions, comparisons of the entropy, words that must occur in
the file: all are nested tuples, which the pack can store. A condition that is met
rejects the candidate. A pattern that times out counts as not matched: a false
alarm is better than a missed credential.

    ("or", c, …)  ("and", c, …)  ("not", c)
    ("entropy", operator, bits)                  of the secret; the operator is <, <=, >, >= or ==
    ("size", operator, bytes)
    ("count", characters, operator, number)      of digits, uppercase, lowercase, special, or of the bytes given
    ("matches", where, pattern, …)               any pattern matches in it
    ("contains", where, word, …)                 any word is part of it, ignoring case
    ("contains-case", where, word, …)            any word is part of it
    ("is", where, text, …)                       equals one of the texts
    ("starts", where, text, …)  ("ends", where, text, …)
    ("absent", word, …)                          none of the words occurs around the match, ignoring case

`where` is secret, match, line (all lines of the match) or path.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from detector.engine.confirm import Match, compile_pattern
from detector.engine.plausibility import entropy

TIMEOUT = 0.2
AROUND = 50_000
"""Bytes before and after a match in which a word counts as present."""

Condition = tuple[Any, ...]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_CHARACTERS: dict[Any, bytes] = {
    "digits": b"0123456789",
    "uppercase": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "lowercase": b"abcdefghijklmnopqrstuvwxyz",
    "special": b"!@#$%^&*()_+-=[]{}|;:'\",.<>?/\\`~",
}


def is_met(condition: Condition, data: bytes, match: Match, path: str) -> bool:
    """Return whether the candidate at *match* meets *condition*."""
    kind, *rest = condition
    if kind == "or":
        return any(is_met(part, data, match, path) for part in rest)
    if kind == "and":
        return all(is_met(part, data, match, path) for part in rest)
    if kind == "not":
        return not is_met(rest[0], data, match, path)
    if kind == "absent":
        near = bytes(data[max(0, match.start - AROUND) : match.end + AROUND]).lower()
        return not any(word in near for word in rest)
    if kind in ("entropy", "size", "count"):
        *asked, comparison, bound = rest
        return _OPERATORS[comparison](_measure(kind, asked, data[match.secret_start : match.secret_end]), bound)
    where, *wanted = rest
    return _TESTS[kind](_select_text(where, data, match, path), wanted)


def _measure(kind: str, asked: list[Any], secret: bytes) -> float:
    if kind == "entropy":
        return entropy(bytes(secret))
    return len(secret) if kind == "size" else sum(byte in _CHARACTERS.get(asked[0], asked[0]) for byte in secret)


def _select_text(where: str, data: bytes, match: Match, path: str) -> bytes:
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


def _matches_any(text: bytes, patterns: list[str]) -> bool:
    for pattern in patterns:
        try:
            if compile_pattern(pattern).search(text, timeout=TIMEOUT):
                return True
        except TimeoutError:
            continue
    return False


_TESTS: dict[str, Callable[[bytes, list[Any]], bool]] = {
    "matches": _matches_any,
    "contains": lambda text, words: any(word in text.lower() for word in words),
    "contains-case": lambda text, words: any(word in text for word in words),
    "is": lambda text, words: text in words,
    "starts": lambda text, words: text.startswith(tuple(words)),
    "ends": lambda text, words: text.endswith(tuple(words)),
}
