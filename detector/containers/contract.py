"""The types that the readers of containers take and return."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Stream(Protocol):
    """A readable stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; b"" at the end."""


class Member(NamedTuple):
    """A file inside a container. A member without a name is named after the container.

    `is_remainder` marks the content of the container itself, without its
    members. Members with the same non-empty `digest` have the same content.
    """

    name: str
    stream: Stream
    is_remainder: bool = False
    digest: bytes = b""
