"""The contract of a reader: a module of this folder that reads one kind of file.

A reader is found by its file name. Besides the members of `DependencyReader` it may have

* `make_workspace_filter`, if its lock file may cover several folders (`WorkspaceReader`);
* ``READS_ANY_NAME = True``, if it recognizes its format by the content: then it is also
  tried on a file that the user names, whatever its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from detector.incident.dependents._names import Ecosystem

IsWanted = Callable[[Ecosystem, str], bool]
"""Called with ecosystem and name as a file spells them; returns whether that is a package to look for."""


class UnreadableFile(ValueError):
    """A file is malformed, or exceeds a limit. The message is one line that follows the file's name."""


class DependencyEntry(NamedTuple):
    """One mention of a wanted package in a file.

    `version` is set if the file names exactly one, `constraint` if it leaves a choice.
    `direct` is None if the file does not say. `via` is the dependency path from a direct
    dependency to the one that requires the package. `path` is set if the mention is in
    another file, which this one includes.
    """

    ecosystem: Ecosystem
    name: str
    version: str = ""
    constraint: str = ""
    direct: bool | None = None
    via: tuple[str, ...] = ()
    note: str = ""
    path: str = ""


class DependencyFile(NamedTuple):
    """A file of a repository.

    `read_sibling` reads another file by its path relative to this one. It returns None if
    there is none, and raises `UnreadableFile` if the path is outside of the repository.
    """

    path: str
    data: bytes
    read_sibling: Callable[[str], bytes | None]


class DependencyReader(Protocol):
    """What every module of this folder provides."""

    @property
    def FILES(self) -> tuple[str, ...]:
        """The file names it reads: globs that are compared with as many parts of the path as they have."""

    @property
    def LOCKS(self) -> bool:
        """Whether it reads lock files: those decide what is installed, whatever a manifest requests."""

    def read(self, file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
        """Yield an entry for every wanted package in *file*. Raises `UnreadableFile`."""


@runtime_checkable
class WorkspaceReader(DependencyReader, Protocol):
    """A reader of lock files that may cover the folders of a workspace."""

    def make_workspace_filter(self, file: DependencyFile) -> Callable[[str], bool]:
        """Return a function that says whether a folder, relative to the lock file, is in its workspace."""
