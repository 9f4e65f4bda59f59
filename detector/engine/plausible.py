"""Reasons to let a candidate go: it is a placeholder, a sequence, too regular.

Each reason is a short text that `--show-ignored` prints; None means that the
value may well be real. Rules with a checksum hardly need this; the others live
by it. Everything here is cheap and looks at the value alone.
"""

from __future__ import annotations

from functools import cache
from math import log2
from typing import Any

_WORDS = (
    "example", "placeholder", "changeme", "change_me", "change-me", "your_", "your-", "yourkey", "yourtoken",
    "yoursecret", "yourpass", "insert_", "insert-", "replace_", "replace-", "replaceme", "redacted", "xxxxx",
    "dummy", "fake", "sample", "notreal", "not_real", "not-real", "todo", "123456789", "abcdefgh", "qwerty",
    "deadbeef", "00000", "<your", "my_secret", "my-secret", "mysecret", "test_token", "testtoken", "lorem",
)  # fmt: skip
_LONG_ENOUGH = 6
"""A word of this length or more is no accident in a random string of token length."""


def entropy(value: bytes) -> float:
    """Return the Shannon entropy of *value* in bits per byte; 0.0 for nothing.

    >>> entropy(b"aaaa"), entropy(b"abcd")
    (0.0, 2.0)
    """
    size = len(value)
    if not size:
        return 0.0
    total = 0.0
    for byte in set(value):
        count = value.count(byte)
        total -= count * log2(count / size)
    return total / size


def why_not(value: bytes, min_entropy: float = 0.0, placeholders: tuple[str, ...] = ()) -> str | None:
    """Return why *value* is no credential, or None if it may be one."""
    if reason := documented(value, placeholders):
        return reason
    text = value.decode("latin-1")
    if word := _placeholder_word(text.lower()):
        return f"placeholder: contains {word!r}"
    if run := _run(value):
        return run
    if min_entropy and (bits := entropy(value)) < min_entropy:
        return f"too regular: {bits:.1f} bits per character, {min_entropy:.1f} expected"
    return None


def documented(value: bytes, placeholders: tuple[str, ...]) -> str | None:
    """Return which of the issuer's own sample values *value* is, if any."""
    text = value.decode("latin-1")
    for known in placeholders:
        if known in text:
            return f"documented placeholder {known!r}"
    return None


@cache
def _words() -> Any:
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for word in _WORDS:
        automaton.add_word(word, word)
    automaton.make_automaton()
    return automaton


def _placeholder_word(text: str) -> str | None:
    for _end, word in _words().iter(text):
        # Four random letters do spell "fake" or "todo" now and then in a long token.
        if len(word) >= _LONG_ENOUGH or len(text) < 40:
            return str(word)
    return None


def _run(value: bytes) -> str | None:
    """Name a run that chance does not produce: ``aaaaaa``, ``abcdefgh``, ``12345678``."""
    same = rising = 1
    previous = -2
    limit = 6 if len(value) >= 16 else 5
    for byte in value:
        same = same + 1 if byte == previous else 1
        rising = rising + 1 if byte == previous + 1 else 1
        if same >= limit:
            return "placeholder: one character repeated"
        if rising >= limit + 1:
            return "placeholder: a sequence"
        previous = byte
    half = len(value) // 2
    if half >= 8 and value[:half] == value[half : 2 * half]:
        return "placeholder: one half repeats the other"
    return None
