"""Standard input, as one stream of any length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from detector.config import Config
from detector.model import Blob, Origin, Skipped
from detector.text.chunks import read_fully, split_stream


class StdinShare(NamedTuple):
    """Standard input; read in this process, it cannot be handed to a worker."""

    name: str = "standard input"
    weight: int = 0

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read to the end, in pieces."""
        try:
            yield from split_stream(lambda count: read_fully(0, count), Origin("stdin", "-"))
        except OSError as error:
            yield Skipped("-", f"cannot be read: {os.strerror(error.errno or 0)}")


def shares(target: str, config: Config) -> Iterator[StdinShare]:
    """Return the one share there is."""
    del target, config
    yield StdinShare()
