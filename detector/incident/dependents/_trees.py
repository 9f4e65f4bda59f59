"""The sources of files: a folder, one commit of a repository, or its whole history.

No link is followed, and a file that another one includes is read only from the same tree.
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
from detector.incident.dependents._contract import UnreadableFile
from detector.model import Skipped

MAX_FILE = 64 << 20
"""Largest file in bytes that is read."""

INSTALLED_PACKAGES = frozenset(("node_modules", "bower_components", "site-packages", ".tox", ".nox", ".venv", ".git"))
"""Folders of installed packages, whose manifests do not belong to the repository."""

IsInteresting = Callable[[str], bool]


class FileTree(Protocol):
    """The files of one version. `commit` is empty if it is unknown."""

    commit: str

    def paths(self) -> Iterator[str | Skipped]:
        """Yield the paths of the interesting files, separated by slashes."""

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None if there is none. Raises `UnreadableFile`."""


def make_sibling_reader(tree: FileTree, path: str) -> Callable[[str], bytes | None]:
    """Return a function that reads files of *tree* by their path relative to the file at *path*."""

    def read(name: str) -> bytes | None:
        return tree.read(resolve_relative(path, name))

    return read


def resolve_relative(path: str, name: str) -> str:
    """Return the path that *name* means in the file at *path*. Raises `UnreadableFile` if it is outside of the tree.

    >>> resolve_relative("a/b/requirements.txt", "../base.txt")
    'a/base.txt'
    """
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.replace("\\", "/")))
    if name.startswith(("/", "~")) or joined.startswith("..") or "\0" in name or joined == ".":
        raise UnreadableFile(f"includes {name!r}, which is outside of the repository")
    return joined


def is_in_installed_packages(path: str) -> bool:
    """Return whether *path* is in a folder of installed packages."""
    return not INSTALLED_PACKAGES.isdisjoint(path.split("/")[:-1])


class FolderTree:
    """Files on disk: in a working tree those that git lists, else all of them.

    After `paths`, `count` is their number and `inner` are the repositories below the folder.
    """

    def __init__(self, root: str, is_interesting: IsInteresting, repository: Repository | None = None) -> None:
        self.root = os.path.realpath(root)
        self.inner: list[str] = []
        self.count = 0
        self._is_interesting = is_interesting
        self._repository = repository
        self.commit = (read_head(repository) or "") if repository else ""

    def paths(self) -> Iterator[str | Skipped]:
        """Yield the interesting files."""
        for path in self._list_with_git() if self._repository else self._walk():
            self.count += isinstance(path, str)
            yield path

    def _list_with_git(self) -> Iterator[str | Skipped]:
        from detector.contracts import NestedRepository
        from detector.sources.worktree import list_files

        assert self._repository is not None
        for entry in list_files(self._repository):
            if isinstance(entry, NestedRepository):
                self.inner.append(entry.path)
            elif isinstance(entry, Skipped):
                if not entry.expected:
                    yield entry
            elif self._is_interesting(entry[0]):
                yield entry[0]

    def _walk(self) -> Iterator[str | Skipped]:
        from detector.git.layout import is_repository

        errors: list[Skipped] = []

        def record_error(error: OSError) -> None:
            errors.append(Skipped(os.path.relpath(str(error.filename), self.root), f"cannot be read: {error.strerror}"))

        for place, folders, files in os.walk(self.root, onerror=record_error):
            folders.sort()
            for name in list(folders):
                at = os.path.join(place, name)
                if name in INSTALLED_PACKAGES or os.path.islink(at):
                    folders.remove(name)
                elif is_repository(at):
                    folders.remove(name)
                    self.inner.append(at)
            for name in sorted(files):
                path = os.path.relpath(os.path.join(place, name), self.root).replace(os.sep, "/")
                if self._is_interesting(path):
                    yield path
        yield from errors

    def read(self, path: str) -> bytes | None:
        """Return the content of a regular file; None if a part of its path is a link."""
        at = os.path.join(self.root, *path.split("/"))
        try:
            if os.path.realpath(at) != at or not stat.S_ISREG(os.lstat(at).st_mode):
                return None
            with open(at, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size > MAX_FILE:
                    raise UnreadableFile(f"{size} bytes are over the limit of {MAX_FILE}")
                return stream.read(MAX_FILE)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            if isinstance(error, UnreadableFile):
                raise
            raise UnreadableFile(f"cannot be read: {getattr(error, 'strerror', error)}") from None


class SingleFileTree:
    """One file that the user named. The files beside it can be read too."""

    commit = ""

    def __init__(self, path: str) -> None:
        self._folder = FolderTree(os.path.dirname(os.path.abspath(path)), lambda _: False)
        self._name = os.path.basename(path)

    def paths(self) -> Iterator[str | Skipped]:
        """Yield the name of the file."""
        yield self._name

    def read(self, path: str) -> bytes | None:
        """Return the content of the file, or of one beside it."""
        return self._folder.read(path)


class CommitTree:
    """The files of a commit."""

    def __init__(
        self, commit: str, is_interesting: IsInteresting, git: SafeGit, objects: BlobReader | None = None
    ) -> None:
        self.commit = commit
        self._is_interesting = is_interesting
        self._git = git
        self._objects = objects or BlobReader(git)
        self._files: dict[str, str] | None = None

    def paths(self) -> Iterator[str | Skipped]:
        """Yield the interesting regular files."""
        yield from (path for path in self.list_files() if self._is_interesting(path))

    def list_files(self) -> dict[str, str]:
        """Return the blob id of every regular file by path."""
        if self._files is None:
            self._files = {}
            for row in self._git.run("ls-tree", "-r", "-z", "--full-tree", self.commit).split(b"\0"):
                fields, _, name = row.partition(b"\t")
                if fields[:6] in (b"100644", b"100755"):
                    self._files[os.fsdecode(name)] = fields.split(b" ")[2].decode()
        return self._files

    def read(self, path: str) -> bytes | None:
        """Return the content of the file at *path*."""
        name = self.list_files().get(path)
        if name is None:
            return None
        data = self._objects.read(name)
        if data is None:
            raise UnreadableFile("its content is missing from this clone")
        return data


class BlobReader:
    """Reads blobs of a repository, one after the other, from one git process."""

    def __init__(self, git: SafeGit) -> None:
        self._git = git
        self._process = git.start("cat-file", "--batch")

    def read(self, name: str) -> bytes | None:
        """Return the content of a blob, None if it does not exist. Raises `UnreadableFile` if it is too large."""
        requests, out = self._process.stdin, self._process.stdout
        assert requests is not None and out is not None
        try:
            requests.write(name.encode() + b"\n")
            requests.flush()
        except OSError:
            raise SourceError(f"{self._git.repository.git_dir}: git cat-file ended early") from None
        words = out.readline().split()
        if len(words) != 3 or not words[2].isdigit():
            return None
        size = int(words[2])
        if size > MAX_FILE:
            left = size + 1
            while left:
                left -= len(out.read(min(left, 1 << 20))) or left
            raise UnreadableFile(f"{size} bytes are over the limit of {MAX_FILE}")
        data = out.read(size + 1)[:-1]
        return data if words[1] == b"blob" else None


class ContentSpan(NamedTuple):
    """When a path had one content, as positions in the order of commits.

    `first` is the first commit that added it, `gone` the last that removed it; None if no
    commit did.
    """

    first: int
    gone: int | None = None


_DIFF = ("-c", "-r", "--root", "--raw", "--no-abbrev", "--no-renames", "-z")


def list_contents(
    git: SafeGit, tips: Sequence[str], is_interesting: IsInteresting
) -> tuple[list[str], dict[tuple[str, str], ContentSpan]]:
    """Return all commits that *tips* reach, parents first, and every content of interesting paths.

    Paths are filtered here, because git needs a hundred times as long for it.
    """
    given = "".join(f"{tip}\n" for tip in tips).encode()
    reached = git.run("rev-list", "--topo-order", "--reverse", "--ignore-missing", "--stdin", data=given)
    commits = reached.decode().split()
    order = {commit: number for number, commit in enumerate(commits)}
    found: dict[tuple[str, str], ContentSpan] = {}
    known: dict[bytes, bool] = {}
    with git.open_input(reached) as requests:
        out = git.start("diff-tree", "--stdin", *_DIFF, stdin=requests)
        assert out.stdout is not None
        at = 0
        change = b""
        for field in _split_fields(out.stdout):
            if change:
                wanted = known.get(field)
                if wanted is None:
                    wanted = known[field] = is_interesting(os.fsdecode(field))
                if wanted:
                    _record_change(found, os.fsdecode(field), change, at)
                change = b""
            elif field.startswith(b":"):
                change = field
            else:
                at = order.get(field.decode("ascii", "replace").strip(), at)
        if out.wait():
            raise SourceError(f"{git.repository.git_dir}: not all commits can be compared; objects are missing")
    return commits, found


def _record_change(found: dict[tuple[str, str], ContentSpan], path: str, change: bytes, at: int) -> None:
    """Record one line of a raw diff: the modes of all parents and the new mode, then the ids in the same order."""
    parents = len(change) - len(change.lstrip(b":"))
    words = change[parents:].decode().split(" ")
    modes, ids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
    for mode, blob in zip(modes[:-1], ids[:-1], strict=True):
        if mode.startswith("100") and blob != ids[-1] and (path, blob) in found:
            found[path, blob] = found[path, blob]._replace(gone=at)
    if modes[-1].startswith("100"):
        found.setdefault((path, ids[-1]), ContentSpan(at))


def _split_fields(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(1 << 20):
        *whole, rest = (rest + block).split(b"\0")
        yield from whole
    if rest:
        yield rest


def find_repository(target: str) -> Repository | None:
    """Return the repository whose root is *target*, None if there is none."""
    from detector.git.layout import is_repository

    return discover(target) if is_repository(target) else None
