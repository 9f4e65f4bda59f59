"""Ask git's plumbing, from within a hook that git itself started.

Here git already runs in this repository with its configuration, its index file
and its quarantine (GIT_INDEX_FILE, GIT_OBJECT_DIRECTORY and their like are in
the environment), so the same environment is handed on; nothing that could start
further programs or talk to a network is left on. `subprocess` costs a hook ten
milliseconds; processes are spawned directly where the system can.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple

from detector.errors import SourceError

EMPTY_TREES = (
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
)
"""The tree of a commit without files, in SHA-1 and in SHA-256."""

_BEFORE = ("git", "--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "gc.auto=0")
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}


class Running:
    """A git process: read `out`, then `wait`; `send` writes to it if it was asked for input."""

    def __init__(self, arguments: Sequence[str], *, stdin: bool | int = False, quiet: bool = False) -> None:
        """*stdin* may be a descriptor to read from, or True for `send`; *quiet* drops its complaints."""
        words = [*_BEFORE, *arguments]
        environment = {**os.environ, **_QUIET}
        read_end, out = os.pipe()
        given, to_send = os.pipe() if stdin is True else (stdin if stdin is not False else -1, -1)
        null = os.open(os.devnull, os.O_RDWR) if quiet or given < 0 else -1
        try:
            self._process = _spawn(words, environment, given if given >= 0 else null, out, null if quiet else 2)
        except FileNotFoundError:
            raise SourceError("git is not on the PATH") from None
        finally:
            for descriptor in (out, given, null):
                if descriptor >= 0:
                    os.close(descriptor)
        self.out: IO[bytes] = os.fdopen(read_end, "rb")
        self._in = to_send

    @property
    def descriptor(self) -> int:
        """A descriptor of what it prints, for the next process of a pipe."""
        return os.dup(self.out.fileno())

    def send(self, text: bytes) -> None:
        """Write all of *text* to its input."""
        at = memoryview(text)
        while at:
            at = at[os.write(self._in, at) :]

    def end_input(self) -> None:
        """Say that nothing more comes."""
        if self._in >= 0:
            os.close(self._in)
            self._in = -1

    def wait(self) -> int:
        """Return its exit code, when it has ended."""
        self.end_input()
        self.out.close()
        if isinstance(self._process, int):
            return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        return int(self._process.wait())


def _spawn(words: list[str], environment: dict[str, str], stdin: int, out: int, errors: int) -> Any:
    if not hasattr(os, "posix_spawnp"):
        import subprocess

        return subprocess.Popen(words, env=environment, stdin=stdin, stdout=out, stderr=errors)
    moves = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, errors, 2)]
    return os.posix_spawnp(words[0], words, environment, file_actions=moves)


def lines_of(arguments: Sequence[str], *, quiet: bool = False) -> list[str] | None:
    """Run git and return the lines that it prints, or None where it failed."""
    running = Running(arguments, quiet=quiet)
    text = running.out.read()
    return text.decode("utf-8", "surrogateescape").split("\n")[:-1] if running.wait() == 0 else None


class Stored(NamedTuple):
    """The head of one object: its id, kind and size; `name` is what it was asked for by, or its path."""

    id: str
    kind: str
    size: int
    name: str


class Objects:
    """Reads objects from ``git cat-file --batch``.

    `next_one` gives the head of an object; then `content` or `skip` must be
    called for it. Ids are asked for in portions that fit into a pipe.
    """

    PORTION = 400

    def __init__(self, running: Running | None = None) -> None:
        self._running = running or Running(["cat-file", "--batch"], stdin=True)
        self._out = self._running.out

    def ask(self, names: Sequence[str]) -> Iterator[tuple[int, Stored | None]]:
        """Ask for *names* and yield the index and head of each; None for one that is missing."""
        for first in range(0, len(names), self.PORTION):
            portion = names[first : first + self.PORTION]
            self._running.send("".join(f"{name}\n" for name in portion).encode("utf-8", "surrogateescape"))
            for index in range(first, first + len(portion)):
                yield index, self.next_one()

    def every(self) -> Iterator[Stored | None]:
        """Yield the heads of all objects that the process was told of, to its end."""
        while self._out.peek(1):  # type: ignore[attr-defined]
            yield self.next_one()

    def next_one(self) -> Stored | None:
        """Return the head of the next object, None for a missing one."""
        words = self._out.readline().rstrip(b"\n").decode("utf-8", "surrogateescape").split(" ", 3)
        if len(words) < 3 or not words[2].isdigit():
            return None
        return Stored(words[0], words[1], int(words[2]), words[3] if len(words) > 3 else "")

    def content(self, stored: Stored) -> bytes:
        """Return the content of the object whose head was given last."""
        return self._out.read(stored.size + 1)[:-1]

    def part(self, count: int) -> bytes:
        """Return the next *count* bytes of its content; the caller counts, and takes the closing byte too."""
        return self._out.read(count)

    def skip(self, stored: Stored) -> None:
        """Pass over the content of the object whose head was given last."""
        left = stored.size + 1
        while left and (passed := len(self._out.read(min(left, 1 << 20)))):
            left -= passed

    def text(self, name: str) -> bytes | None:
        """Return the content of the one object called *name*, or None."""
        for _, stored in self.ask([name]):
            if stored is not None:
                return self.content(stored)
        return None

    def close(self) -> int:
        """End the process; return its exit code."""
        return self._running.wait()


# -- what is staged ----------------------------------------------------------


class Change(NamedTuple):
    """A path whose content differs from the last commit; an id is "" where there is none."""

    path: str
    old: str
    new: str
    mode: str


LINK, SUBMODULE = "120000", "160000"


def start_listing(against: str = "HEAD") -> Running:
    """Start to list what differs between the index and *against*, a commit or tree."""
    return Running(
        ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=none", against],
        quiet=True,
    )


def staged(listing: Running) -> list[Change]:
    """Read what `start_listing` lists; before the first commit everything is new. Raises `SourceError`."""
    content = listing.out.read()
    if listing.wait() == 0:
        return changes(content)
    for tree in EMPTY_TREES:
        listing = start_listing(tree)
        content = listing.out.read()
        if listing.wait() == 0:
            return changes(content)
    raise SourceError("git could not list what is staged; does `git diff --cached` work here?")


def changes(raw: bytes) -> list[Change]:
    """Take the output of ``diff-index --raw -z`` apart; names may be any bytes."""
    words = raw.split(b"\0")
    found = []
    for head, path in zip(words[:-1:2], words[1::2], strict=False):
        old_mode, mode, old, new, _status = head[1:].decode().split(" ")
        nothing = "0" * len(new)
        found.append(
            Change(
                path.decode("utf-8", "surrogateescape"),
                "" if old == nothing or old_mode == SUBMODULE else old,
                "" if new == nothing or mode == SUBMODULE else new,
                mode,
            )
        )
    return found


def directory() -> str:
    """Return the git directory of the repository here (the worktree's own)."""
    given = os.environ.get("GIT_DIR", "")
    if given:
        return given
    try:
        with open(".git", encoding="utf-8", errors="surrogateescape") as file:
            return file.read().partition("gitdir: ")[2].rstrip("\n")
    except IsADirectoryError:
        return ".git"
    except OSError:
        found = lines_of(["rev-parse", "--git-dir"])
        if not found:
            raise SourceError("this is no git repository") from None
        return found[0]


def merged_parents(git_directory: str) -> list[str]:
    """List the commits that the commit being made merges in."""
    try:
        with open(os.path.join(git_directory, "MERGE_HEAD"), encoding="ascii") as file:
            return file.read().split()
    except (OSError, ValueError):
        return []


def common_directory(git_directory: str) -> str:
    """Return the directory that all worktrees of the repository share."""
    try:
        with open(os.path.join(git_directory, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            return os.path.normpath(os.path.join(git_directory, file.read().strip()))
    except OSError:
        return git_directory


def pipe(first: Running, arguments: Iterable[str]) -> Running:
    """Start git with what *first* prints as its input."""
    second = Running(list(arguments), stdin=first.descriptor)
    first.out.close()
    return second
