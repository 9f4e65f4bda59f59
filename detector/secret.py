"""A credential that refuses to show itself.

Every leak scanner has printed a secret by accident at least once: in a
traceback, a debug log, a dataclass repr. So a found value travels as a
`Secret` from the moment it leaves the engine. `reveal()` is the only door,
easy to grep for; verification, rotators and stores are the only callers.
"""

from __future__ import annotations

from typing import NoReturn

SHOWN_HEAD = 4
"""Longest issuer prefix that a redacted form may show."""


class Secret:
    """A credential value, redacted wherever it is printed.

    >>> Secret(b"ghp_0123456789abcdef0123456789abcdef9f2k")
    Secret(ghp_…9f2k (40))
    >>> f"{Secret(b'hunter2')}"
    '… (7)'
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the plain bytes. For verification, rotators and stores only."""
        return self._value

    def digest(self, key: bytes) -> str:
        """Return the keyed digest (HMAC-SHA-256, 32 hex digits) of the value.

        Equal values have equal digests under one key; without the key the
        digest does not help to guess even a short password.
        """
        import hashlib
        import hmac

        return hmac.new(key, self._value, hashlib.sha256).hexdigest()[:32]

    @property
    def redacted(self) -> str:
        """Return a form safe to print: head, tail and length, never the middle.

        Short values show their length alone: four letters of a seven-letter
        password would be most of it.
        """
        return redact(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest

        return compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({self.redacted})"

    def __str__(self) -> str:
        return self.redacted

    def __format__(self, spec: str) -> str:
        return format(self.redacted, spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never pickled: it would leave the process in plain form")


def redact(value: bytes) -> str:
    """Return what may be shown of *value*: ``ghp_…9f2k (40)``.

    At most a quarter of the value is shown, and nothing of one shorter than
    16 bytes. Only printable ASCII is shown, so the form cannot carry terminal
    escapes out of a hostile file.
    """
    size = len(value)
    text = value.decode("ascii", "replace")
    head, tail = text[:SHOWN_HEAD], text[-4:]
    if size < 16 or "\n" in text:
        return f"… ({size})"
    if size < 32:
        tail = text[-2:] if size >= 24 else ""
    if not (head + tail).isprintable() or "\N{REPLACEMENT CHARACTER}" in head + tail:
        return f"… ({size})"
    return f"{head}…{tail} ({size})"
