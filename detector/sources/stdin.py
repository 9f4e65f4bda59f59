"""Standard input, as one stream of any length."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from detector.config import Config
from detector.contracts import Claim, HistoryState
from detector.model import Blob, Origin, Skipped
from detector.text.chunks import read_fully, split_stream

ORIGIN_KINDS = ("stdin", "archive", "image")


class StdinShare(NamedTuple):
    """Standard input, which is read in this process: it cannot be handed to a worker."""

    name: str = "standard input"
    weight: int = 0
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        """Read to the end, in chunks."""
        try:
            yield from split_stream(lambda count: read_fully(0, count), Origin("stdin", "-"))
        except OSError as error:
            yield Skipped("-", f"cannot be read: {os.strerror(error.errno or 0)}")


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
