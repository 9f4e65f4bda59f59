"""The Protocols of what can be added.

A module is the plug-in: it fulfils one of these Protocols with plain functions,
and registry.py finds it by its file name. Contract tests check every plug-in in
its folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO, runtime_checkable

from detector.model import Blob, Origin, Skipped

if TYPE_CHECKING:
    import argparse

    from detector.config import Config
    from detector.engine.stored import Stored
    from detector.git.history import HistoryPlan
    from detector.git.repository import Repository
    from detector.ignores.policy import ParsedIgnores
    from detector.model import Scan
    from detector.reports._options import ReportOptions


class Share(Protocol):
    """A portion of a target that one worker reads: small and picklable, for it may be read on another machine."""

    @property
    def weight(self) -> int:
        """Estimated cost of reading it, in bytes of plain files."""

    @property
    def name(self) -> str:
        """What messages call it if it cannot be read."""

    @property
    def published(self) -> bool:
        """Whether its files are published as they are, so that some should not be among them."""

    @property
    def read_before(self) -> bool:
        """Whether an earlier scan read it, so that only rules that have changed since are applied."""

    def read(self) -> Iterator[Blob | Skipped]:
        """Read the content; called in a worker, perhaps twice."""


@runtime_checkable
class GitShare(Share, Protocol):
    """A share that also yields objects as git stores them; versions of a file have much in common."""

    def read_objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        """Read the objects; what cannot be read is appended to *skipped*."""

    def make_blob(self, stored: Stored) -> Blob:
        """Return the content of an object with its origin."""


class NestedRepository(NamedTuple):
    """A repository inside a target. It is scanned as a target of its own, or only its history is."""

    path: str
    history_only: bool = False


class TargetNote(NamedTuple):
    """Something that the reader of the report should know about how a target was read."""

    text: str


class Claim(IntEnum):
    """How specifically a source claims a target. The sources with the highest claim read it."""

    NONE = 0
    ANY_PATH = 1
    """Every path, whatever lies there."""
    LAYOUT = 2
    """What lies at the path: a repository, a mailbox."""
    OPTION = 3
    """An option asks for this source, such as ``--staged``."""
    ADDRESS = 4
    """The form of the target: ``-``, a URL, ``NAME:…`` where NAME is the name of the source."""


class HistoryState(Protocol):
    """What earlier scans have read of repositories."""

    def plan(self, name: str, repository: Repository, workers: int) -> HistoryPlan:
        """Divide what has to be read of *repository*, which reports call *name*, into shares."""

    def needs_reading(self, digest: str, place: str) -> bool:
        """Return whether the content at *place* has to be read: no scan has read *digest* without a finding.

        *digest* names content that never changes under this name; *place* is the path of the origin
        that its blob will have.
        """


class Source(Protocol):
    """detector/sources/<name>.py: where content comes from.

    A source of another distribution (entry point group ``leakfirst.sources``)
    reads the targets ``<name>:…``.
    """

    @property
    def ORIGIN_KINDS(self) -> tuple[str, ...]:
        """The kinds of origin that its blobs may have (`model.OriginKind`); one of its own is ``<name>``."""

    def claim(self, target: str, config: Config) -> Claim:
        """Return how specifically this source claims *target*. Cheap: every source is asked."""

    def split(self, target: str, config: Config, state: HistoryState) -> Iterable[SourceItem]:
        """Split *target* into shares. Raises `SourceError` if it cannot be read, `UsageError` for the options."""

    def read_again(self, origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
        """Read the content at *origins* once more; the paths are those of outermost containers."""


SourceItem = Share | Skipped | NestedRepository | TargetNote


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
