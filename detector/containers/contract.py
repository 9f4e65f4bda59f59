"""What the reader of a kind of container is given and what it yields."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Stream(Protocol):
    """What members are read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; b"" at the end."""


class Member(NamedTuple):
    """A file within a container. Content without a name of its own is named after the container.

    What is `left` is the container itself, without its members. Members with the
    same `mark` hold the same, if there is one.
    """

    name: str
    stream: Stream
    left: bool = False
    mark: bytes = b""
