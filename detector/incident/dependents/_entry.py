"""What a reader of one kind of file is given, and what it gives back.

A reader is a module of this folder:

* `FILES`: the names it reads, as globs on the last part of a path; a glob with
  a slash is compared with as many parts as it has.
* `LOCKS`: whether such a file decides what is installed, whatever a manifest beside it asks for.
* `read(file, wanted)`: yield an `Entry` for every dependency that is wanted.
  `Unreadable` says in one line why a file cannot be read.
* `covers(file)`, if a lock file may be that of a workspace: return what tells of a
  folder, relative to the lock file, whether it says what is installed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

Wanted = Callable[[str, str], bool]
"""Asked with ecosystem and name as they stand in a file: is that the package in question?"""


class Unreadable(ValueError):
    """A file is not what its name promises, or asks for more than it may have."""


class Entry(NamedTuple):
    """One mention of the wanted package.

    `version` is the one that is named for sure, `constraint` what is asked for
    where the file leaves a choice. `direct` is None where the file cannot tell.
    `via` leads from a direct dependency to the one that brings the package in.
    `path` is set where the mention stands in a file that was included.
    """

    ecosystem: str
    name: str
    version: str = ""
    constraint: str = ""
    direct: bool | None = None
    via: tuple[str, ...] = ()
    note: str = ""
    path: str = ""


class File(NamedTuple):
    """A file in a repository.

    `beside` reads another file, named relative to this one: None if there is
    none; `Unreadable` if the name leads out of the repository.
    """

    path: str
    data: bytes
    beside: Callable[[str], bytes | None]


class Reader(Protocol):
    """The shape of a module of this folder."""

    FILES: tuple[str, ...]
    LOCKS: bool

    def read(self, file: File, wanted: Wanted) -> Iterator[Entry]:
        """Yield what *file* says of the wanted package."""
