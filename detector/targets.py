"""What a target is, and which sources read it.

`-` is standard input, a URL is cloned, a git repository is its working tree
and its whole history, anything else is a file or a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from detector.config import Config
from detector.contracts import Share
from detector.model import Sighting, Skipped
from detector.registry import load

_URL = re.compile(r"(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:")


def split(target: str, config: Config) -> Iterator[Share | Skipped]:
    """Split *target* into shares. Raises `SourceError` when it is nothing we can read."""
    for name in sources(target, config):
        yield from load("detector.sources", name, what="source").shares(target, config)


def sources(target: str, config: Config) -> list[str]:
    """Name the sources that read *target*."""
    del config
    if target == "-":
        return ["stdin"]
    if _URL.match(target):
        return ["remote"]
    return ["files"]


def place(seen: Iterable[Sighting], config: Config) -> tuple[list[Sighting], list[Skipped]]:
    """Say of sightings in history which commit brought them, where and when."""
    del config
    return list(seen), []
