"""Standard input, as one stream of any length."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from detector.config import Config
from detector.containers.kinds import detect_kind
from detector.contracts import Claim, HistoryState
from detector.model import Blob, Origin, Skipped
from detector.sources._files import read_descriptor
from detector.text import chunks
from detector.text.chunks import read_fully, split_stream

MAX_CONTAINER_BYTES = 16 << 30
"""Of a container, so many bytes are stored to be unpacked."""

ORIGIN_KINDS = ("stdin", "archive", "image")


class StdinShare(NamedTuple):
    """Standard input, which is read in this process: it cannot be handed to a worker."""

    name: str = "standard input"
    weight: int = 0
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        """Read to the end, in chunks; a large container as a whole, from a temporary file."""
        try:
            yield from _read_input(Origin("stdin", "-"))
        except OSError as error:
            yield Skipped("-", f"cannot be read: {os.strerror(error.errno or 0)}")


def _read_input(origin: Origin) -> Iterator[Blob | Skipped]:
    head = read_fully(0, chunks.CHUNK_BYTES + chunks.MARGIN_BYTES)
    if len(head) < chunks.CHUNK_BYTES + chunks.MARGIN_BYTES or not detect_kind(head):
        ahead = [head]
        yield from split_stream(lambda count: ahead.pop() if ahead else read_fully(0, count), origin)
        return
    with tempfile.TemporaryFile(prefix="leakfirst-") as file:
        size = 0
        while head and size < MAX_CONTAINER_BYTES:
            size += file.write(head)
            head = read_fully(0, 1 << 20)
        if head:
            yield Skipped("-", f"is a container of more than {size} bytes; the remaining ones were not read")
        file.flush()
        file.seek(0)
        yield from read_descriptor(file.fileno(), size, origin)


def claim(target: str, config: Config) -> Claim:
    """Claim ``-``."""
    del config
    return Claim.ADDRESS if target == "-" else Claim.NONE


def split(target: str, config: Config, state: HistoryState) -> Iterator[StdinShare]:
    """Return the only share there is."""
    del target, config, state
    yield StdinShare()


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Report that standard input cannot be read twice."""
    del config
    return (Skipped(origin.path, "standard input cannot be read again") for origin in origins)
