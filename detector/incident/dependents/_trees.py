"""Where files are read from: a folder, the tip of a repository, or all of its history.

Nothing is followed that leads out: no link is read, and a file that another
one includes is looked for in the same tree alone.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import IO, NamedTuple, Protocol

from detector.errors import SourceError
from detector.git.refs import read_head
from detector.git.repository import Repository, discover
from detector.git.safe_git import SafeGit
from detector.incident.dependents._entry import Unreadable
from detector.model import Skipped

MAX_FILE = 64 << 20
"""Bytes of a file that is read."""

INSTALLED = frozenset(("node_modules", "bower_components", "site-packages", ".tox", ".nox", ".venv", ".git"))
"""Folders of packages as they were installed: their manifests are not those of the repository."""

Interesting = Callable[[str], bool]


class Tree(Protocol):
    """Files that belong together. `commit` is what they are at, empty if nothing tells."""

    commit: str

    def paths(self) -> Iterator[str | Skipped]:
        """Yield the paths of the interesting files, with slashes."""

    def read(self, path: str) -> bytes | None:
        """Return a file, None if there is none; `Unreadable` if it is too large."""


def beside(tree: Tree, path: str) -> Callable[[str], bytes | None]:
    """Return what reads files of *tree* by names relative to *path*."""

    def read(name: str) -> bytes | None:
        return tree.read(relative(path, name))

    return read


def relative(path: str, name: str) -> str:
    """Return the path that *name* means in the file at *path*; `Unreadable` if it leads out.

    >>> relative("a/b/requirements.txt", "../base.txt")
    'a/base.txt'
    """
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.replace("\\", "/")))
    if name.startswith(("/", "~")) or joined.startswith("..") or "\0" in name or joined == ".":
        raise Unreadable(f"includes {name!r}, which is outside of the repository")
    return joined


def skipped_folder(path: str) -> bool:
    """Tell whether *path* lies among installed packages."""
    return not INSTALLED.isdisjoint(path.split("/")[:-1])


class Folder:
    """Files on disk: those that git lists for a working tree, all of them elsewhere."""

    def __init__(self, root: str, interesting: Interesting, repository: Repository | None = None) -> None:
        self.root = os.path.realpath(root)
        self.inner: list[str] = []
        self.fitting = 0
        self._interesting = interesting
        self._repository = repository
        self.commit = (read_head(repository) or "") if repository else ""

    def paths(self) -> Iterator[str | Skipped]:
        """Yield the interesting ones and count them; repositories further down are collected in `inner`."""
        for path in self._listed() if self._repository else self._walked():
            self.fitting += isinstance(path, str)
            yield path

    def _listed(self) -> Iterator[str | Skipped]:
        from detector.contracts import Inner
        from detector.sources.worktree import listed

        assert self._repository is not None
        for entry in listed(self._repository):
            if isinstance(entry, Inner):
                self.inner.append(entry.path)
            elif isinstance(entry, Skipped):
                if not entry.expected:
                    yield entry
            elif self._interesting(entry[0]):
                yield entry[0]

    def _walked(self) -> Iterator[str | Skipped]:
        from detector.git.layout import is_repository

        unread: list[Skipped] = []

        def trouble(error: OSError) -> None:
            unread.append(Skipped(os.path.relpath(str(error.filename), self.root), f"cannot be read: {error.strerror}"))

        for place, folders, files in os.walk(self.root, onerror=trouble):
            folders.sort()
            for name in list(folders):
                at = os.path.join(place, name)
                if name in INSTALLED or os.path.islink(at):
                    folders.remove(name)
                elif is_repository(at):
                    folders.remove(name)
                    self.inner.append(at)
            for name in sorted(files):
                path = os.path.relpath(os.path.join(place, name), self.root).replace(os.sep, "/")
                if self._interesting(path):
                    yield path
        yield from unread

    def read(self, path: str) -> bytes | None:
        """Read a regular file that no link leads to."""
        at = os.path.join(self.root, *path.split("/"))
        try:
            if os.path.realpath(at) != at or not stat.S_ISREG(os.lstat(at).st_mode):
                return None
            with open(at, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size > MAX_FILE:
                    raise Unreadable(f"{size} bytes are over the limit of {MAX_FILE}")
                return stream.read(MAX_FILE)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(f"cannot be read: {getattr(error, 'strerror', error)}") from None


class Single:
    """One file that was named; what lies beside it can be read too."""

    commit = ""

    def __init__(self, path: str) -> None:
        self._folder = Folder(os.path.dirname(os.path.abspath(path)), lambda _: False)
        self._name = os.path.basename(path)

    def paths(self) -> Iterator[str | Skipped]:
        """Yield its name."""
        yield self._name

    def read(self, path: str) -> bytes | None:
        """Read it, or what is beside it."""
        return self._folder.read(path)


class Commit:
    """The files of a commit."""

    def __init__(self, commit: str, interesting: Interesting, git: SafeGit, objects: Objects | None = None) -> None:
        self.commit = commit
        self._interesting = interesting
        self._git = git
        self._objects = objects or Objects(git)
        self._files: dict[str, str] | None = None

    def paths(self) -> Iterator[str | Skipped]:
        """Yield the interesting regular files."""
        yield from (path for path in self.all() if self._interesting(path))

    def all(self) -> dict[str, str]:
        """Return the object of every regular file."""
        if self._files is None:
            self._files = {}
            for row in self._git.run("ls-tree", "-r", "-z", "--full-tree", self.commit).split(b"\0"):
                fields, _, name = row.partition(b"\t")
                if fields[:6] in (b"100644", b"100755"):
                    self._files[os.fsdecode(name)] = fields.split(b" ")[2].decode()
        return self._files

    def read(self, path: str) -> bytes | None:
        """Read the file at *path*."""
        name = self.all().get(path)
        if name is None:
            return None
        data = self._objects.read(name)
        if data is None:
            raise Unreadable("its content is missing from this clone")
        return data


class Objects:
    """Objects of a repository, read one by one from a git that stays."""

    def __init__(self, git: SafeGit) -> None:
        self._git = git
        self._process = git.start("cat-file", "--batch")

    def read(self, name: str) -> bytes | None:
        """Return the content of a blob, None if it is not there."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None and told is not None
        try:
            asked.write(name.encode() + b"\n")
            asked.flush()
        except OSError:
            raise SourceError(f"{self._git.repository.git_dir}: git cat-file ended early") from None
        words = told.readline().split()
        if len(words) != 3 or not words[2].isdigit():
            return None
        size = int(words[2])
        if size > MAX_FILE:
            left = size + 1
            while left:
                left -= len(told.read(min(left, 1 << 20))) or left
            raise Unreadable(f"{size} bytes are over the limit of {MAX_FILE}")
        data = told.read(size + 1)[:-1]
        return data if words[1] == b"blob" else None


class Changed(NamedTuple):
    """When a path had one content: the first commit that brought it in, and the last that took it away.

    Both are places in the order of commits; `gone` is None if nothing took it away.
    """

    first: int
    gone: int | None = None


_DIFF = ("-c", "-r", "--root", "--raw", "--no-abbrev", "--no-renames", "-z")


def changed(
    git: SafeGit, tips: Sequence[str], interesting: Interesting
) -> tuple[list[str], dict[tuple[str, str], Changed]]:
    """Return all commits that *tips* reach, parents first, and every content that interesting paths had.

    Paths are sorted out here: git takes a hundred times as long to do it.
    """
    given = "".join(f"{tip}\n" for tip in tips).encode()
    reached = git.run("rev-list", "--topo-order", "--reverse", "--ignore-missing", "--stdin", data=given)
    commits = reached.decode().split()
    order = {commit: number for number, commit in enumerate(commits)}
    found: dict[tuple[str, str], Changed] = {}
    known: dict[bytes, bool] = {}
    with git.open_input(reached) as asked:
        told = git.start("diff-tree", "--stdin", *_DIFF, stdin=asked)
        assert told.stdout is not None
        at = 0
        change = b""
        for field in _fields(told.stdout):
            if change:
                wanted = known.get(field)
                if wanted is None:
                    wanted = known[field] = interesting(os.fsdecode(field))
                if wanted:
                    _note(found, os.fsdecode(field), change, at)
                change = b""
            elif field.startswith(b":"):
                change = field
            else:
                at = order.get(field.decode("ascii", "replace").strip(), at)
        if told.wait():
            raise SourceError(f"{git.repository.git_dir}: not all commits can be compared; objects are missing")
    return commits, found


def _note(found: dict[tuple[str, str], Changed], path: str, change: bytes, at: int) -> None:
    """Note one line of a raw diff: modes of all parents and the new one, then ids in the same order."""
    parents = len(change) - len(change.lstrip(b":"))
    words = change[parents:].decode().split(" ")
    modes, ids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
    for mode, blob in zip(modes[:-1], ids[:-1], strict=True):
        if mode.startswith("100") and blob != ids[-1] and (path, blob) in found:
            found[path, blob] = found[path, blob]._replace(gone=at)
    if modes[-1].startswith("100"):
        found.setdefault((path, ids[-1]), Changed(at))


def _fields(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(1 << 20):
        *whole, rest = (rest + block).split(b"\0")
        yield from whole
    if rest:
        yield rest


def find(target: str) -> Repository | None:
    """Return the repository at *target*, None if there is none right there."""
    from detector.git.layout import is_repository

    return discover(target) if is_repository(target) else None
