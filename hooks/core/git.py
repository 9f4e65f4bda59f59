"""Run git's plumbing commands in a hook that git itself started.

git runs in this repository with its configuration, its index file and its
quarantine (GIT_INDEX_FILE, GIT_OBJECT_DIRECTORY and others are in the environment),
so its commands get the same environment; everything that could start further
programs or use the network is turned off. Importing `subprocess` would cost a hook
ten milliseconds, so processes are spawned directly where the system allows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple

from detector.errors import ExitCode, SourceError

EMPTY_TREES = (
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
)
"""The id of the empty tree, in SHA-1 and in SHA-256."""

_COMMAND = ("git", "--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "gc.auto=0")
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # what is committed or pushed is the object itself, not its replacement
    "GIT_TERMINAL_PROMPT": "0",
}


_running: set[int] = set()
"""The processes of git that still run."""


def limit_time(seconds: int) -> None:
    """End this hook, and git with it, with exit code 3 after *seconds*; systems without alarms have no limit.

    A pipe in the place of a file of the repository makes git wait for ever.
    """
    import signal

    if not hasattr(signal, "SIGALRM"):
        return

    def end(_number: int, _frame: object) -> None:
        for process in _running:
            os.kill(process, signal.SIGKILL)
        text = f"leakfirst: incomplete, the check was ended after {seconds} seconds (--timeout of the hook)\n"
        os.write(2, text.encode())
        os._exit(ExitCode.INCOMPLETE)

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)


class GitProcess:
    """A git process: read `out`, then call `wait`; `send` writes to its input."""

    def __init__(self, arguments: Sequence[str], *, stdin: bool | int = False, quiet: bool = False) -> None:
        """*stdin* is a descriptor to read from, or True for `send`; *quiet* discards its standard error."""
        words = [*_COMMAND, *arguments]
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
        self._pid = self._process if isinstance(self._process, int) else int(self._process.pid)
        _running.add(self._pid)

    @property
    def descriptor(self) -> int:
        """A new descriptor of its output, for the next process of a pipe."""
        return os.dup(self.out.fileno())

    def send(self, text: bytes) -> None:
        """Write all of *text* to its input."""
        at = memoryview(text)
        while at:
            at = at[os.write(self._in, at) :]

    def end_input(self) -> None:
        """Close its input."""
        if self._in >= 0:
            os.close(self._in)
            self._in = -1

    def wait(self) -> int:
        """Wait until it ends; return its exit code."""
        self.end_input()
        self.out.close()
        if isinstance(self._process, int):
            code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        else:
            code = int(self._process.wait())
        _running.discard(self._pid)
        return code


def _spawn(words: list[str], environment: dict[str, str], stdin: int, out: int, errors: int) -> Any:
    if not hasattr(os, "posix_spawnp"):
        import subprocess

        return subprocess.Popen(words, env=environment, stdin=stdin, stdout=out, stderr=errors)
    moves = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, errors, 2)]
    return os.posix_spawnp(words[0], words, environment, file_actions=moves)


def read_lines(arguments: Sequence[str], *, quiet: bool = False) -> list[str] | None:
    """Run git and return the lines that it prints, or None if it fails."""
    running = GitProcess(arguments, quiet=quiet)
    text = running.out.read()
    return text.decode("utf-8", "surrogateescape").split("\n")[:-1] if running.wait() == 0 else None


class ObjectHeader(NamedTuple):
    """Id, kind and size in bytes of one object; `name` is the name it was requested by, or its path."""

    id: str
    kind: str
    size: int
    name: str


class ObjectReader:
    """Reads objects from ``git cat-file --batch``.

    After each header, `read_content` or `skip` must be called. Names are requested in
    portions that fit into a pipe.
    """

    PORTION = 400

    def __init__(self, running: GitProcess | None = None) -> None:
        self._running = running or GitProcess(["cat-file", "--batch"], stdin=True)
        self._out = self._running.out

    def request(self, names: Sequence[str]) -> Iterator[tuple[int, ObjectHeader | None]]:
        """Request *names*; yield the index and header of each, None for one that is missing."""
        for first in range(0, len(names), self.PORTION):
            portion = names[first : first + self.PORTION]
            self._running.send("".join(f"{name}\n" for name in portion).encode("utf-8", "surrogateescape"))
            for index in range(first, first + len(portion)):
                yield index, self.read_header()

    def read_all(self) -> Iterator[ObjectHeader | None]:
        """Yield the headers of all objects until the process ends."""
        while self._out.peek(1):  # type: ignore[attr-defined]
            yield self.read_header()

    def read_header(self) -> ObjectHeader | None:
        """Return the header of the next object, None for a missing one."""
        words = self._out.readline().rstrip(b"\n").decode("utf-8", "surrogateescape").split(" ", 3)
        if len(words) < 3 or not words[2].isdigit():
            return None
        return ObjectHeader(words[0], words[1], int(words[2]), words[3] if len(words) > 3 else "")

    def read_content(self, header: ObjectHeader) -> bytes:
        """Return the content of the object whose header was read last."""
        return self._out.read(header.size + 1)[:-1]

    def read_part(self, count: int) -> bytes:
        """Return the next *count* bytes of the content. The caller must also read the newline that ends it."""
        return self._out.read(count)

    def skip(self, header: ObjectHeader) -> None:
        """Skip the content of the object whose header was read last."""
        left = header.size + 1
        while left and (passed := len(self._out.read(min(left, 1 << 20)))):
            left -= passed

    def read_object(self, name: str) -> bytes | None:
        """Return the content of the object called *name*, or None."""
        for _, header in self.request([name]):
            if header is not None:
                return self.read_content(header)
        return None

    def close(self) -> int:
        """End the process; return its exit code."""
        return self._running.wait()


# -- staged changes ----------------------------------------------------------


class StagedChange(NamedTuple):
    """A path whose content differs from the last commit; `old` and `new` are object ids, "" if there is none."""

    path: str
    old: str
    new: str
    mode: str


LINK, SUBMODULE = "120000", "160000"


def start_listing(against: str = "HEAD", *, quiet: bool = True) -> GitProcess:
    """Start to list the differences between the index and *against*, a commit or tree."""
    return GitProcess(
        ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=none", against],
        quiet=quiet,
    )


def read_changes(listing: GitProcess) -> list[StagedChange]:
    """Read the listing; before the first commit every path is new. Raises `SourceError`."""
    content = listing.out.read()
    if listing.wait() == 0:
        return parse_changes(content)
    for tree in EMPTY_TREES:
        listing = start_listing(tree)
        content = listing.out.read()
        if listing.wait() == 0:
            return parse_changes(content)
    start_listing(EMPTY_TREES[0], quiet=False).wait()  # git itself says why, for example to whom the repository belongs
    raise SourceError("git could not list the staged changes; check that `git diff --cached` works here")


def parse_changes(raw: bytes) -> list[StagedChange]:
    """Parse the output of ``diff-index --raw -z``; names may be any bytes."""
    words = raw.split(b"\0")
    found = []
    for head, path in zip(words[:-1:2], words[1::2], strict=False):
        old_mode, mode, old, new, _status = head[1:].decode().split(" ")
        nothing = "0" * len(new)
        found.append(
            StagedChange(
                path.decode("utf-8", "surrogateescape"),
                "" if old == nothing or old_mode == SUBMODULE else old,
                "" if new == nothing or mode == SUBMODULE else new,
                mode,
            )
        )
    return found


def enter_top_folder() -> str:
    """Change to the top folder of the working tree; return the folder that was left, "" if it is the same.

    git starts its hooks there, but a hook manager may start us in a folder below. Paths in
    the index, the ignore files and the relative paths that git hands to its hooks
    (GIT_DIR, GIT_INDEX_FILE) all refer to the top.
    """
    if os.path.lexists(".git"):
        return ""
    given = os.environ.get("GIT_DIR", "")
    left = above = os.getcwd()
    while True:
        if os.path.lexists(os.path.join(above, ".git")) or (
            given and not os.path.isabs(given) and os.path.isdir(os.path.join(above, given))
        ):
            break
        parent = os.path.dirname(above)
        if parent == above:
            above = os.environ.get("GIT_WORK_TREE", "")
            break
        above = parent
    if not os.path.isabs(above) or not os.path.isdir(above) or os.path.samefile(above, left):
        return ""
    os.chdir(above)
    return left


def find_git_directory() -> str:
    """Return the git directory of the current worktree. Raises `SourceError`."""
    given = os.environ.get("GIT_DIR", "")
    if given:
        return given
    try:
        with open(".git", encoding="utf-8", errors="surrogateescape") as file:
            return file.read().partition("gitdir: ")[2].rstrip("\n")
    except IsADirectoryError:
        return ".git"
    except OSError:
        found = read_lines(["rev-parse", "--git-dir"])
        if not found:
            raise SourceError("the current folder is not in a git repository") from None
        return found[0]


def read_merge_heads(git_directory: str) -> list[str]:
    """Return the commits that are merged by the commit that is being made.

    git runs pre-merge-commit before it writes MERGE_HEAD; then only the names of
    environment variables, GITHEAD_<id>, tell the commits.
    """
    found = [name[8:] for name in os.environ if name.startswith("GITHEAD_")]
    found = [name for name in found if len(name) in (40, 64) and not set(name) - set("0123456789abcdef")]
    try:
        with open(os.path.join(git_directory, "MERGE_HEAD"), encoding="ascii") as file:
            found += file.read().split()
    except (OSError, ValueError):
        pass
    return list(dict.fromkeys(found))


def resolve_commits(names: Sequence[str]) -> list[str]:
    """Return the ids of the commits, tags or other objects called *names*, "" for each that is not in this clone."""
    found = []
    for name in names:
        usable = name and not name.startswith("-") and "\n" not in name
        lines = (
            read_lines(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{object}}"], quiet=True)
            if usable
            else None
        )
        found.append(lines[-1] if lines else "")
    return found


def find_common_directory(git_directory: str) -> str:
    """Return the git directory that all worktrees of the repository share."""
    try:
        with open(os.path.join(git_directory, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            return os.path.normpath(os.path.join(git_directory, file.read().strip()))
    except OSError:
        return git_directory


def pipe(first: GitProcess, arguments: Iterable[str]) -> GitProcess:
    """Start git with the output of *first* as its input."""
    second = GitProcess(list(arguments), stdin=first.descriptor)
    first.out.close()
    return second
