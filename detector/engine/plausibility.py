"""Reject values that are placeholders, sequences or of too little entropy.

Each reason is a short text that `--show-ignored` prints; None means that the
value may be a credential. Rules with a checksum hardly need this; all others
depend on it. Everything here is cheap and uses the value alone.
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
_MIN_WORD = 6
"""A random string of token length hardly ever contains a word of this length or more."""


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


def rejection_reason(value: bytes, min_entropy: float = 0.0, placeholders: tuple[str, ...] = ()) -> str | None:
    """Return why *value* is not a credential, or None if it may be one."""
    if reason := find_documented_sample(value, placeholders):
        return reason
    text = value.decode("latin-1")
    if word := _find_placeholder_word(text.lower()):
        return f"placeholder: contains {word!r}"
    if run := _find_run(value):
        return run
    if min_entropy and (bits := entropy(value)) < min_entropy:
        return f"low entropy: {bits:.1f} bits per character, {min_entropy:.1f} required"
    return None


def find_documented_sample(value: bytes, placeholders: tuple[str, ...]) -> str | None:
    """Return a reason if *value* contains one of *placeholders*, samples of the provider's documentation, else None."""
    text = value.decode("latin-1")
    for known in placeholders:
        if known in text:
            return f"documented placeholder {known!r}"
    return None


@cache
def _word_automaton() -> Any:
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for word in _WORDS:
        automaton.add_word(word, word)
    automaton.make_automaton()
    return automaton


def _find_placeholder_word(text: str) -> str | None:
    for _end, word in _word_automaton().iter(text):
        # Four random letters sometimes spell "fake" or "todo" in a long token.
        if len(word) >= _MIN_WORD or len(text) < 40:
            return str(word)
    return None


def _find_run(value: bytes) -> str | None:
    """Return a reason if *value* holds a run that is not random (``aaaaaa``, ``abcdefgh``, ``12345678``), else None."""
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
