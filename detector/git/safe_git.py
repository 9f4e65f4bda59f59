"""Run git on a repository without using its configuration.

A scanned repository is untrusted. Its configuration can name programs
(fsmonitor, pager, gpg, external diffs, filters, credential helpers, ssh
commands), and in a partial clone git fetches missing objects by itself.
Switching off such settings one by one would miss those of git's next release.
So git is never given the repository's own directory: `SafeGit` creates an empty
temporary git directory and adds only the object store of the repository. git
finds no configuration, hooks, attributes, replace refs, grafts or remotes.
What git would read from refs and reflogs, `detector.git.refs` reads from the
files, and git gets object ids.

The pre-commit hook uses this module: standard library only, imported late.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import IO, TYPE_CHECKING

from detector.errors import SourceError
from detector.git._files import list_names, list_special_files
from detector.git.refs import read_refs
from detector.git.repository import Repository

if TYPE_CHECKING:
    import subprocess
    import threading

MAX_OUTPUT = 1 << 29
MAX_MEMORY = 1 << 31
RUN_SECONDS = 3600.0
"""How long one git command may take whose output is read at once; a stream may take longer, but not for ever."""
STREAM_SECONDS = 12 * 3600.0
WATCH_SECONDS = 2.0
"""After this time a command that was given a watch is checked by it."""
_HEX = frozenset("0123456789abcdef")


_deadline: list[float] = []
"""When all git processes have to end (`time.monotonic`), if the user set a time for the whole run."""


def set_deadline(when: float | None) -> None:
    """End every git process that is started from now on at *when* (`time.monotonic`) at the latest."""
    _deadline[:] = [] if when is None else [when]


class SafeGit:
    """git on the objects of a repository, in an empty temporary git directory.

    A context manager: on exit it removes the directory and ends all git
    processes that still run. Objects are named by id; with *refs*, also by the
    ref names of the repository. *index* makes the repository's index readable,
    or the index file at the given path.
    """

    def __init__(self, repository: Repository, index: bool | str = False, refs: bool = False) -> None:
        self.repository = repository
        self._index = repository.index_path if index is True else index
        self._refs = refs
        self._running: list[subprocess.Popen[bytes]] = []
        self._timers: list[threading.Timer] = []
        self._stopped = False
        self._input_numbers = iter(range(1 << 62))
        self._object_dirs = repository.object_dirs
        self._git_dir = ""

    def __enter__(self) -> SafeGit:
        self._git_dir = _make_private_folder()
        for folder in ("refs", "objects"):
            os.mkdir(os.path.join(self._git_dir, folder), 0o700)
        sha256 = self.repository.id_bytes == 32
        version, extra = ("1", "[extensions]\n\tobjectFormat = sha256\n") if sha256 else ("0", "")
        self._write("config", f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n{extra}")
        self._write("HEAD", "ref: refs/heads/none\n")
        if self._refs:
            self._copy_refs()
        if self.repository.skipped:
            self._object_dirs = tuple(self._link_without_alternates(number) for number in range(len(self._object_dirs)))
        if self._index:
            if os.path.lexists(self._index) and not os.path.isfile(self._index):
                raise SourceError(f"{self._index}: is no regular file")
            for name in list_names(self.repository.git_dir):
                if name.startswith("sharedindex.") and os.path.isfile(os.path.join(self.repository.git_dir, name)):
                    os.symlink(os.path.join(self.repository.git_dir, name), os.path.join(self._git_dir, name))
        return self

    def _copy_refs(self) -> None:
        refs = read_refs(self.repository)
        packed = {name: tip for name, tip in refs.items() if name.startswith("refs/") and _is_plain_ref(name)}
        self._write("packed-refs", "".join(f"{tip} {name}\n" for name, tip in packed.items()))
        for name in refs.keys() - packed.keys():
            if "/" not in name:
                self._write(name, refs[name] + "\n")

    def stop(self) -> None:
        """End every git process that still runs, and any that another thread is about to start."""
        self._stopped = True
        for timer in self._timers:
            timer.cancel()
        for process in list(self._running):
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()

    def __exit__(self, *_: object) -> None:
        self.stop()
        for root, folders, files in os.walk(self._git_dir, topdown=False):
            for path in (os.path.join(root, name) for name in (*files, *folders)):
                if os.path.islink(path) or not os.path.isdir(path):
                    os.unlink(path)
                else:
                    os.rmdir(path)
        os.rmdir(self._git_dir)

    def _link_without_alternates(self, number: int) -> str:
        """Link the regular files of an object store, without its list of alternates: some of them may not be read."""
        store = self.repository.object_dirs[number]
        linked = os.path.join(self._git_dir, f"objects-{number}")
        os.mkdir(linked, 0o700)
        special = {os.path.dirname(path) for path in list_special_files(store)}
        for name in list_names(store):
            folder = os.path.join(store, name)
            if not (name == "pack" or (len(name) == 2 and _HEX.issuperset(name))):
                continue
            if folder not in special:
                os.symlink(folder, os.path.join(linked, name))
                continue
            os.mkdir(os.path.join(linked, name), 0o700)
            for inner in list_names(folder):
                if os.path.isfile(os.path.join(folder, inner)):
                    os.symlink(os.path.join(folder, inner), os.path.join(linked, name, inner))
        return linked

    def _write(self, name: str, text: str) -> None:
        with open(os.path.join(self._git_dir, name), "wb") as stream:
            stream.write(os.fsencode(text))

    def open_input(self, data: bytes) -> IO[bytes]:
        """Return an open file that contains *data*, to be passed to git as its standard input."""
        stream = open(os.path.join(self._git_dir, f"input-{next(self._input_numbers)}"), "w+b")  # noqa: SIM115
        stream.write(data)
        stream.seek(0)
        return stream

    def build_environment(self) -> dict[str, str]:
        """Return the complete environment of the git processes."""
        found = {
            **build_isolated_environment(self._git_dir),
            "GIT_DIR": self._git_dir,
            "GIT_OBJECT_DIRECTORY": self._object_dirs[0],
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(_quote_path(store) for store in self._object_dirs[1:]),
            "GIT_NO_LAZY_FETCH": "1",
        }
        if self.repository.shallow:
            found["GIT_SHALLOW_FILE"] = os.path.join(self.repository.common_dir, "shallow")
        if self._index:
            found["GIT_INDEX_FILE"] = os.path.abspath(self._index)
        return found

    def start(self, *args: str, stdin: IO[bytes] | int | None = None) -> subprocess.Popen[bytes]:
        """Start git with pipes; it ends with the context at the latest."""
        import subprocess

        return self._start_process(
            args, subprocess.PIPE if stdin is None else stdin, subprocess.PIPE, subprocess.DEVNULL
        )

    def run_into(self, output: IO[bytes], *args: str, stdin: IO[bytes]) -> bool:
        """Run git with *stdin* as its input and write its output to *output*; return whether it succeeded.

        `SourceError` if it was ended, because it took too long: its output is then a part of the answer.
        """
        import subprocess

        code = self._start_process(args, stdin, output, subprocess.DEVNULL).wait()
        if code < 0 and not self._stopped:
            raise SourceError(f"{self.repository.git_dir}: git {args[0]} was ended because it took too long")
        return code == 0

    def run(
        self,
        *args: str,
        data: bytes = b"",
        warnings: list[str] | None = None,
        is_stuck: Callable[[], bool] | None = None,
    ) -> bytes:
        """Run git to its end with *data* as its input and return its output.

        The lines of its standard error are appended to *warnings*. `SourceError`
        if git fails, takes longer than `RUN_SECONDS`, or its output exceeds `MAX_OUTPUT`. If it
        takes longer than `WATCH_SECONDS`, it is ended if *is_stuck* says so.
        """
        import subprocess

        with self.open_input(data) as stdin, self.open_input(b"") as stderr:
            process = self._start_process(args, stdin, subprocess.PIPE, stderr, RUN_SECONDS)
            if is_stuck:
                self._call_later(WATCH_SECONDS, lambda: process.kill() if is_stuck() else None)
            parts: list[bytes] = []
            size = 0
            assert process.stdout
            with process.stdout as stdout:
                while size <= MAX_OUTPUT and (part := stdout.read(1 << 20)):
                    parts.append(part)
                    size += len(part)
            if size > MAX_OUTPUT:
                process.kill()
            failed = process.wait()
            self._running.remove(process)
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            if size > MAX_OUTPUT:
                raise SourceError(
                    f"{self.repository.git_dir}: the output of git {args[0]} exceeds {MAX_OUTPUT >> 20} MiB"
                )
            if failed:
                stderr.seek(0)
                reason = stderr.read(1 << 16).decode("utf-8", "replace").strip().partition("\n")[0]
                if failed < 0 and not reason:
                    reason = "it was ended because it took too long, or by the system"
                raise SourceError(f"{self.repository.git_dir}: git {args[0]} failed: {reason}")
            if warnings is not None:
                stderr.seek(0)
                warnings += os.fsdecode(stderr.read(MAX_OUTPUT)).split("\n")
            return b"".join(parts)

    def read_types(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return the object id and type for each of *names*; the name itself and ``missing`` if there is none."""
        data = "".join(f"{name}\n" for name in names).encode()
        if not data:
            return []
        lines = self.run("cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer", data=data)
        return [(name, kind) for name, _, kind in (line.partition(" ") for line in lines.decode().splitlines())]

    def _start_process(
        self,
        args: Sequence[str],
        stdin: IO[bytes] | int,
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
        seconds: float = STREAM_SECONDS,
    ) -> subprocess.Popen[bytes]:
        import subprocess

        process = subprocess.Popen(
            [find_git_program(), *args],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=self._git_dir,
            env=self.build_environment(),
        )
        self._running.append(process)
        if self._stopped:
            process.kill()
        _limit_memory(process.pid)
        if _deadline:
            import time

            seconds = min(seconds, max(_deadline[0] - time.monotonic(), 0.1))
        self._call_later(seconds, process.kill)
        return process

    def _call_later(self, seconds: float, action: Callable[[], None]) -> None:
        import threading

        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)


def _limit_memory(process: int) -> None:
    """Limit the memory of a git process: a tree object of a few kilobytes can name billions of files."""
    try:
        import resource

        memory = min(MAX_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4)
        resource.prlimit(process, resource.RLIMIT_DATA, (memory, memory))
    except (ImportError, AttributeError, OSError, ValueError):
        return  # the process has ended, or the system has no such limits


def build_isolated_environment(home: str) -> dict[str, str]:
    """Return an environment in which git reads no configuration and has no network protocol."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR", "TEMP", "TMP") if name in os.environ}
    return {
        **kept,
        "PATH": _build_trusted_path(),
        "LC_ALL": "C",
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
    }


def run_safe_git(repository: Repository, *args: str, data: bytes = b"") -> bytes:
    """Run one git command on the objects of *repository*; see `SafeGit.run`."""
    with SafeGit(repository) as git:
        return git.run(*args, data=data)


def _make_private_folder() -> str:
    """Create a temporary folder that only this user can read, without the cost of importing tempfile."""
    parents = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for parent in (*parents, "/tmp", "/var/tmp"):  # noqa: S108  (a random name, created with mode 0700)
        path = os.path.join(parent, f"leakfirst-{os.urandom(12).hex()}")
        if os.path.isabs(parent):
            try:
                os.mkdir(path, 0o700)
            except OSError:
                continue
            return path
    raise SourceError("no folder for temporary files can be written; set TMPDIR")


def _is_plain_ref(ref: str) -> bool:
    return ".." not in ref and not ref.endswith((".lock", "/")) and ref.isprintable() and " " not in ref


def _build_trusted_path() -> str:
    """Return PATH without relative entries, so that git is never taken from the scanned folder."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if os.path.isabs(entry))


def find_git_program() -> str:
    """Return the path of git; `SourceError` if there is none in an absolute entry of PATH."""
    for folder in _build_trusted_path().split(os.pathsep):
        for name in ("git", "git.exe"):
            program = os.path.join(folder, name)
            if os.path.isfile(program) and os.access(program, os.X_OK):
                return program
    raise SourceError("git was not found on PATH; install it")


def _quote_path(path: str) -> str:
    """Quote a path for a list of object directories, in which a colon separates the entries."""
    if os.pathsep not in path and not path.startswith('"'):
        return path
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
