"""The shape of everything that can be added, on one screen.

A module is the plugin: it fulfils one of these protocols with plain functions
(registry.py finds it by its file name). Contract tests meet every one found
on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO, runtime_checkable

from detector.model import Blob, Skipped

if TYPE_CHECKING:
    import argparse

    from detector.config import Config
    from detector.engine.stored import Stored
    from detector.ignores.policy import ParsedIgnores
    from detector.model import Scan
    from detector.reports._options import ReportOptions


class Share(Protocol):
    """A portion of a source that one worker reads: small and picklable.

    `weight` is its estimated cost in bytes; `name` says in a message what was
    lost when it cannot be read.
    """

    @property
    def weight(self) -> int:
        """Estimated bytes to read."""

    @property
    def name(self) -> str:
        """What to call it in a message."""

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read the content; called in a worker, perhaps twice."""


@runtime_checkable
class StoredShare(Share, Protocol):
    """A share that also hands out its objects as they are stored: versions have much in common."""

    def objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        """Read the objects; what cannot be read is appended to *skipped*."""

    def blob(self, stored: Stored) -> Blob:
        """Return the content of one of them with its origin."""


class Inner(NamedTuple):
    """A repository inside of a target: a target of its own, or for its history alone."""

    path: str
    history_only: bool = False


class Source(Protocol):
    """detector/sources/<name>.py: where bytes come from."""

    def shares(self, target: str, config: Config) -> Iterable[Share | Skipped | Inner]:
        """Split *target* into portions. Raises `SourceError` when it is none at all."""


class Report(Protocol):
    """detector/reports/<name>.py: one output format; the file name is the value of ``--format``."""

    def write(self, scan: Scan, out: TextIO, options: ReportOptions) -> None:
        """Write the whole report to *out*."""


class Hook(Protocol):
    """hooks/<name>.py: what ``leakfirst hook run <name>`` runs."""

    def main(self, arguments: list[str]) -> int:
        """Read the arguments and standard input of the hook; return the exit code."""


class IgnoreFormat(Protocol):
    """detector/ignores/formats/<name>.py: an ignore file of another tool; the name is FORMAT in ``FORMAT:FILE``."""

    def load(self, content: bytes, name: str) -> ParsedIgnores:
        """Read *content*; *name* is what messages call the file. Raises `UsageError`."""


class Command(Protocol):
    """detector/cli/<name>.py: one command."""

    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare options and arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it and return the exit code."""
