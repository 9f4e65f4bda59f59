"""Find a repository's parts without running git, and run git without obeying it.

A scanned repository is hostile until shown otherwise. Its configuration can
name programs (fsmonitor, pager, gpg, external diffs, filters, credential
helpers, ssh commands), and a partial clone makes git fetch behind one's back.
Switching such settings off one by one is a race against git's next release.
So git never sees the repository's directory: `safe_git` makes an empty git
directory of our own and lends it only the object store. No configuration, no
hooks, no attributes, no replace refs, no grafts, no remotes are left to obey.
What git would know from refs and reflogs is read here and handed over as ids.

`.git` files, `commondir` and alternates can point anywhere on the disk. They
are followed where the place pointed to agrees (a worktree or submodule that
points back), where it lies inside the repository, or where the user allowed it.

The pre-commit hook uses this module: standard library only, imported late.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, NamedTuple

from detector.errors import SourceError
from detector.model import Skipped

if TYPE_CHECKING:
    import subprocess

ANYWHERE = os.sep
"""As an allowed root: follow pointers to any place that can be read."""

MAX_ALTERNATES = 64
MAX_SMALL_FILE = 1 << 16
MAX_REFS_FILE = 1 << 29
MAX_OUTPUT = 1 << 29
MAX_MEMORY = 1 << 31
_HEX = frozenset("0123456789abcdef")


class Repository(NamedTuple):
    """Where the parts of one repository are, and what kind it is.

    `git_dir` holds HEAD and the index, `common_dir` refs and configuration
    (the same place unless this is a linked worktree); `object_dirs` are the
    own object store and the alternates that may be read.
    """

    git_dir: str
    common_dir: str
    work_tree: str | None
    object_dirs: tuple[str, ...]
    id_bytes: int = 20
    shallow: bool = False
    promisor: bool = False
    ref_storage: str = "files"
    known_layout: bool = True
    skipped: tuple[Skipped, ...] = ()

    @property
    def index_path(self) -> str:
        """The index of this worktree."""
        return os.path.join(self.git_dir, "index")


class ReflogEntry(NamedTuple):
    """One move of a ref, as its reflog tells it."""

    ref: str
    old: str
    new: str
    message: str


# -- finding -----------------------------------------------------------------


def discover(path: str, allow: Sequence[str] = ()) -> Repository:
    """Find the repository at or above *path*.

    *allow* lists directories outside of it that `.git` files and alternates
    may point to. `SourceError` if there is no repository, or one that points
    to a place it has no right to.
    """
    start = os.path.realpath(path)
    here = start if os.path.isdir(start) else os.path.dirname(start)
    while True:
        if found := opened_at(here, allow):
            return found
        above = os.path.dirname(here)
        if above == here:
            raise SourceError(f"{path}: not a git repository")
        here = above


def opened_at(path: str, allow: Sequence[str] = ()) -> Repository | None:
    """Open the repository whose top is *path*; None if there is none. Raises `SourceError` as `discover` does."""
    here = os.path.realpath(path)
    dot_git = os.path.join(here, ".git")
    if os.path.isdir(dot_git) and _is_git_dir(dot_git):
        return _open(os.path.realpath(dot_git), here, allow)
    if os.path.isfile(dot_git):
        return _open(_follow_dot_git(dot_git, allow), here, allow)
    return _open(here, None, allow) if _is_git_dir(here) else None


def opened_inside(path: str, allow: Sequence[str] = ()) -> Repository | None:
    """Open the repository whose top is *path*, which nobody named: it may not lead us out of itself.

    Only a `.git` file may, if what it leads to confirms it. `SourceError` for one that would.
    """
    dot_git = os.path.join(path, ".git")
    if os.path.islink(dot_git):
        raise SourceError(f"{dot_git}: is a link; name the repository that it leads to, to have it read")
    found = opened_at(path, allow)
    if found and not os.path.isfile(dot_git):
        inside = os.path.join(os.path.realpath(path), "")
        places = [os.path.join(os.path.realpath(place), "") for place in (found.common_dir, found.object_dirs[0])]
        if not all(place.startswith(inside) for place in places):
            raise SourceError(f"{path}: leads to objects outside of it; name it as a target to have it read")
    return found


def _is_git_dir(path: str) -> bool:
    if not os.path.isfile(os.path.join(path, "HEAD")) and not os.path.islink(os.path.join(path, "HEAD")):
        return False
    if os.path.isfile(os.path.join(path, "commondir")):
        return True
    return os.path.isdir(os.path.join(path, "objects")) and os.path.isdir(os.path.join(path, "refs"))


def _follow_dot_git(dot_git: str, allow: Sequence[str]) -> str:
    text = _small(dot_git)
    if not text.startswith("gitdir:"):
        raise SourceError(f"{dot_git}: neither a git directory nor a pointer to one")
    here = os.path.dirname(dot_git)
    target = os.path.realpath(os.path.join(here, text[7:].strip("\n").strip()))
    if not _is_git_dir(target):
        raise SourceError(f"{dot_git}: points to {target}, which is not a git directory")
    back = _small(os.path.join(target, "gitdir")).strip()
    points_back = bool(back) and os.path.realpath(os.path.join(target, back)) == os.path.realpath(dot_git)
    if not points_back:
        tree = _read_config(os.path.join(target, "config")).get("core.worktree", "")
        points_back = bool(tree) and os.path.realpath(os.path.join(target, tree)) == here
    if points_back or _inside(target, (here, *allow)):
        return target
    raise SourceError(f"{dot_git}: points to {target}, which does not point back; allow that directory to read it")


def _open(git_dir: str, work_tree: str | None, allow: Sequence[str]) -> Repository:
    common = git_dir
    pointer = _small(os.path.join(git_dir, "commondir")).strip()
    if pointer:
        common = os.path.realpath(os.path.join(git_dir, pointer))
        if not _inside(git_dir, (os.path.join(common, "worktrees"), *allow)) or not _is_git_dir(common):
            raise SourceError(f"{git_dir}: its commondir points to {common}, which is not its repository")
    config = _read_config(os.path.join(common, "config"))
    form = config.get("extensions.objectformat", "sha1").lower()
    version = config.get("core.repositoryformatversion", "0")
    known = version in ("0", "1") and form in ("sha1", "sha256")
    objects = os.path.realpath(os.path.join(common, "objects"))
    home = os.path.dirname(common) if os.path.basename(common) == ".git" else common
    skipped: list[Skipped] = []
    if not _inside(objects, (home, *allow)):
        raise SourceError(f"{common}: its object store is {objects}; allow that directory to read it")
    return Repository(
        git_dir=git_dir,
        common_dir=common,
        work_tree=work_tree,
        object_dirs=tuple(_with_alternates(objects, (home, *allow), skipped)),
        id_bytes=32 if form == "sha256" else 20,
        shallow=os.path.isfile(os.path.join(common, "shallow")),
        promisor="extensions.partialclone" in config
        or any(name.endswith(".promisor") and config[name].lower() in _TRUE for name in config),
        ref_storage=config.get("extensions.refstorage", "files").lower(),
        known_layout=known,
        skipped=tuple(skipped),
    )


def _with_alternates(objects: str, allow: Sequence[str], skipped: list[Skipped]) -> list[str]:
    found = [objects]
    for store in found:  # grows while we walk: alternates may have alternates
        for line in _small(os.path.join(store, "info", "alternates")).splitlines():
            if not line or line.startswith("#"):
                continue
            if line.startswith('"'):
                line = line.strip('"')
            other = os.path.realpath(os.path.join(store, line))
            if other in found:
                continue
            if not _inside(other, allow):
                skipped.append(Skipped(other, "alternate object store outside of the repository; allow it to read it"))
            elif not os.path.isdir(other):
                skipped.append(Skipped(other, "alternate object store does not exist"))
            elif len(found) > MAX_ALTERNATES:
                skipped.append(Skipped(other, "too many alternate object stores"))
            else:
                found.append(other)
    return found


def _inside(path: str, roots: Sequence[str]) -> bool:
    for root in roots:
        real = os.path.realpath(root)
        if real == ANYWHERE or path == real or path.startswith(real.rstrip(os.sep) + os.sep):
            return True
    return False


_TRUE = ("true", "yes", "on", "1", "")


def _read_config(path: str) -> dict[str, str]:
    """Read the plain ``key = value`` lines; includes are not followed."""
    found: dict[str, str] = {}
    section = ""
    for line in _small(path).splitlines():
        line = line.strip()
        if line.startswith("["):
            head, _, rest = line[1:].partition("]")
            name, _, sub = head.partition(" ")
            sub = sub.strip().strip('"')
            section = f"{name.lower()}.{sub}" if sub else name.lower()
            line = rest.strip()
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        value = value.strip()
        if not value.startswith('"'):
            value = value.partition("#")[0].partition(";")[0].strip()
        value = value.replace('"', "").replace("\\\\", "\\")
        found[f"{section}.{key.strip().lower()}"] = value if equals else "true"
    return found


def _small(path: str, limit: int = MAX_SMALL_FILE) -> str:
    """Return the text of a small regular file, empty if there is none."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > limit:
            return ""
        with open(path, "rb") as stream:
            return os.fsdecode(stream.read(limit))
    except (OSError, ValueError):
        return ""


# -- refs --------------------------------------------------------------------


def refs(repository: Repository) -> dict[str, str]:
    """Return every ref with the object id it holds, symbolic refs resolved.

    HEAD and the other heads of operations (ORIG_HEAD, MERGE_HEAD, …) and the
    HEADs of linked worktrees are included under their names.
    """
    if repository.ref_storage != "files":
        raise SourceError(
            f"{repository.common_dir}: refs are stored as {repository.ref_storage!r}, which we cannot read"
        )
    size = 2 * repository.id_bytes
    found: dict[str, str] = {}
    for line in _small(os.path.join(repository.common_dir, "packed-refs"), MAX_REFS_FILE).splitlines():
        if len(line) > size and line[size] == " " and _is_id(line[:size], size):
            found[line[size + 1 :]] = line[:size]
    symbolic: dict[str, str] = {}

    def take(name: str, path: str) -> None:
        text = _small(path, 4096).strip()
        if text.startswith("ref:"):
            symbolic[name] = text[4:].strip()
        elif _is_id(text[:size], size):
            found[name] = text[:size]

    places = [(repository.git_dir, ""), (repository.common_dir, "")]
    trees = os.path.join(repository.common_dir, "worktrees")
    places += [(os.path.join(trees, name), f"worktrees/{name}/") for name in _names(trees)]
    for place, prefix in reversed(places):
        for name in _names(place):
            if name.isupper() and name.replace("_", "").isalpha():
                take(prefix + name, os.path.join(place, name))
        for name in _files_below(place, "refs"):
            take(prefix + name, os.path.join(place, name))
    for name, target in symbolic.items():
        for _ in range(5):
            if target in symbolic:
                target = symbolic[target]
        if target in found:
            found[name] = found[target]
    return found


def head(repository: Repository) -> str | None:
    """Return the commit that HEAD names; None before the first commit."""
    size = 2 * repository.id_bytes
    text = _small(os.path.join(repository.git_dir, "HEAD"), 4096).strip()
    for _ in range(5):
        if not text.startswith("ref:"):
            return text[:size] if _is_id(text[:size], size) else None
        name = text[4:].strip()
        if name.startswith(("/", "..")) or "/../" in name:
            return None
        for place in (repository.git_dir, repository.common_dir):
            text = _small(os.path.join(place, name), 4096).strip()
            if text:
                break
        else:
            ending = " " + name
            for line in _small(os.path.join(repository.common_dir, "packed-refs"), MAX_REFS_FILE).splitlines():
                if line.endswith(ending) and len(line) == size + len(ending):
                    return line[:size]
            return None
    return None


def shallow_commits(repository: Repository) -> tuple[str, ...]:
    """Return the commits whose parents were not fetched."""
    text = _small(os.path.join(repository.common_dir, "shallow"), MAX_REFS_FILE)
    return tuple(line for line in text.split() if _is_id(line, 2 * repository.id_bytes))


def reflogs(repository: Repository) -> Iterator[ReflogEntry]:
    """Yield the entries of all reflogs, each log oldest first."""
    size = 2 * repository.id_bytes
    trees = os.path.join(repository.common_dir, "worktrees")
    places = [repository.common_dir, *(os.path.join(trees, name) for name in _names(trees))]
    for place in places:
        for name in _files_below(place, "logs"):
            for line in _small(os.path.join(place, name), MAX_REFS_FILE).splitlines():
                old, new = line[:size], line[size + 1 : 2 * size + 1]
                if _is_id(old, size) and _is_id(new, size):
                    yield ReflogEntry(name[5:], old, new, line.partition("\t")[2])


def _is_id(text: str, size: int) -> bool:
    return len(text) == size and _HEX.issuperset(text)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _files_below(place: str, folder: str) -> Iterator[str]:
    """Yield the paths of regular files, relative to *place*; links are not followed."""
    stack = [folder]
    while stack:
        here = stack.pop()
        try:
            entries = sorted(os.scandir(os.path.join(place, here)), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            name = f"{here}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                stack.append(name)
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".lock"):
                yield name


# -- git, kept from obeying --------------------------------------------------


class SafeGit:
    """git on a repository's objects, under an empty git directory of our own.

    A context manager: leaving it removes the directory and ends what still
    runs. Objects are named by id; with *refs*, also by the names they have in
    the repository. *index* lends its index too, or the one at a path.
    """

    def __init__(self, repository: Repository, index: bool | str = False, refs: bool = False) -> None:
        self.repository = repository
        self._index = repository.index_path if index is True else index
        self._refs = refs
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopped = False
        self._numbers = iter(range(1 << 62))
        self._stores = repository.object_dirs
        self._home = ""

    def __enter__(self) -> SafeGit:
        self._home = home = _private_folder()
        for folder in ("refs", "objects"):
            os.mkdir(os.path.join(home, folder), 0o700)
        sha256 = self.repository.id_bytes == 32
        version, extra = ("1", "[extensions]\n\tobjectFormat = sha256\n") if sha256 else ("0", "")
        self._write("config", f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n{extra}")
        self._write("HEAD", "ref: refs/heads/none\n")
        if self._refs:
            known = refs(self.repository)
            plain = {name: tip for name, tip in known.items() if name.startswith("refs/") and _is_plain(name)}
            self._write("packed-refs", "".join(f"{tip} {name}\n" for name, tip in plain.items()))
            for name in known.keys() - plain.keys():
                if "/" not in name:
                    self._write(name, known[name] + "\n")
        if self.repository.skipped:
            self._stores = tuple(self._without_alternates(number) for number in range(len(self._stores)))
        if self._index:
            for name in _names(self.repository.git_dir):
                if name.startswith("sharedindex."):
                    os.symlink(os.path.join(self.repository.git_dir, name), os.path.join(home, name))
        return self

    def stop(self) -> None:
        """End every git that still runs, and any that another thread is just about to start."""
        self._stopped = True
        for process in list(self._running):
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()

    def __exit__(self, *_: object) -> None:
        self.stop()
        for place, folders, files in os.walk(self._home, topdown=False):
            for path in (os.path.join(place, name) for name in (*files, *folders)):
                if os.path.islink(path) or not os.path.isdir(path):
                    os.unlink(path)
                else:
                    os.rmdir(path)
        os.rmdir(self._home)

    def _without_alternates(self, number: int) -> str:
        """Lend an object store without its list of alternates: some of them are not allowed."""
        store = self.repository.object_dirs[number]
        lent = os.path.join(self._home, f"objects-{number}")
        os.mkdir(lent, 0o700)
        for name in _names(store):
            if name == "pack" or (len(name) == 2 and _HEX.issuperset(name)):
                os.symlink(os.path.join(store, name), os.path.join(lent, name))
        return lent

    def _write(self, name: str, text: str) -> None:
        with open(os.path.join(self._home, name), "wb") as stream:
            stream.write(os.fsencode(text))

    def feed(self, given: bytes) -> IO[bytes]:
        """Return a file that holds *given*, to be read by git as its input."""
        stream = open(os.path.join(self._home, f"given-{next(self._numbers)}"), "w+b")  # noqa: SIM115
        stream.write(given)
        stream.seek(0)
        return stream

    def environment(self) -> dict[str, str]:
        """Return the whole environment that git gets."""
        found = {
            **own_environment(self._home),
            "GIT_DIR": self._home,
            "GIT_OBJECT_DIRECTORY": self._stores[0],
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(_quoted(store) for store in self._stores[1:]),
            "GIT_NO_LAZY_FETCH": "1",
        }
        if self.repository.shallow:
            found["GIT_SHALLOW_FILE"] = os.path.join(self.repository.common_dir, "shallow")
        if self._index:
            found["GIT_INDEX_FILE"] = os.path.abspath(self._index)
        return found

    def start(self, *args: str, stdin: IO[bytes] | int | None = None) -> subprocess.Popen[bytes]:
        """Start git with pipes; it is ended with the context at the latest."""
        import subprocess

        return self._started(args, subprocess.PIPE if stdin is None else stdin, subprocess.PIPE, subprocess.DEVNULL)

    def pour(self, into: IO[bytes], *args: str, stdin: IO[bytes]) -> bool:
        """Run git from one file into another; return whether it came to its end."""
        import subprocess

        return self._started(args, stdin, into, subprocess.DEVNULL).wait() == 0

    def run(self, *args: str, given: bytes = b"", warned: list[str] | None = None) -> bytes:
        """Run git to its end and return its output; `SourceError` if it fails or says more than `MAX_OUTPUT`.

        The lines that it says beside that are appended to *warned*.
        """
        import subprocess

        with self.feed(given) as asked, self.feed(b"") as told:
            process = self._started(args, asked, subprocess.PIPE, told)
            parts: list[bytes] = []
            size = 0
            assert process.stdout
            with process.stdout as answer:
                while size <= MAX_OUTPUT and (part := answer.read(1 << 20)):
                    parts.append(part)
                    size += len(part)
            if size > MAX_OUTPUT:
                process.kill()
            failed = process.wait()
            self._running.remove(process)
            if size > MAX_OUTPUT:
                raise SourceError(f"{self.repository.git_dir}: git {args[0]} says more than {MAX_OUTPUT >> 20} MiB")
            if failed:
                told.seek(0)
                why = told.read(1 << 16).decode("utf-8", "replace").strip().partition("\n")[0]
                raise SourceError(f"{self.repository.git_dir}: git {args[0]} failed: {why}")
            if warned is not None:
                told.seek(0)
                warned += os.fsdecode(told.read(MAX_OUTPUT)).split("\n")
            return b"".join(parts)

    def types(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return for each of *names* the id of its object and the type of that, or itself and ``missing``."""
        given = "".join(f"{name}\n" for name in names).encode()
        if not given:
            return []
        lines = self.run("cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer", given=given)
        return [(name, kind) for name, _, kind in (line.partition(" ") for line in lines.decode().splitlines())]

    def _started(
        self, args: Sequence[str], stdin: IO[bytes] | int, stdout: IO[bytes] | int, stderr: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        import subprocess

        process = subprocess.Popen(
            [git_program(), *args], stdin=stdin, stdout=stdout, stderr=stderr, cwd=self._home, env=self.environment()
        )
        self._running.append(process)
        if self._stopped:
            process.kill()
        _bound(process.pid)
        return process


def _bound(process: int) -> None:
    """Bound the memory of git: a tree of a few kilobytes can name billions of files."""
    try:
        import resource

        memory = min(MAX_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4)
        resource.prlimit(process, resource.RLIMIT_DATA, (memory, memory))
    except (ImportError, AttributeError, OSError, ValueError):
        return  # it is over already, or the system has no such bounds


def own_environment(home: str) -> dict[str, str]:
    """Return an environment for git that obeys no configuration and reaches nothing."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR", "TEMP", "TMP") if name in os.environ}
    return {
        **kept,
        "PATH": _trusted_path(),
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


def safe_git(repository: Repository, *args: str, given: bytes = b"") -> bytes:
    """Run one git command on the objects of *repository*, obeying nothing of it."""
    with SafeGit(repository) as git:
        return git.run(*args, given=given)


def _private_folder() -> str:
    """Make a folder for us alone, without the cost of importing tempfile."""
    places = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for place in (*places, "/tmp", "/var/tmp"):  # noqa: S108  (a random name, made for us alone)
        path = os.path.join(place, f"leakfirst-{os.urandom(12).hex()}")
        if os.path.isabs(place):
            try:
                os.mkdir(path, 0o700)
            except OSError:
                continue
            return path
    raise SourceError("no folder for temporary files can be written; set TMPDIR")


def _is_plain(ref: str) -> bool:
    return ".." not in ref and not ref.endswith((".lock", "/")) and ref.isprintable() and " " not in ref


def _trusted_path() -> str:
    """PATH without relative entries: git must not be found in what we scan."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if os.path.isabs(entry))


def git_program() -> str:
    """Return the path of git; `SourceError` if there is none on an absolute entry of PATH."""
    for folder in _trusted_path().split(os.pathsep):
        for name in ("git", "git.exe"):
            program = os.path.join(folder, name)
            if os.path.isfile(program) and os.access(program, os.X_OK):
                return program
    raise SourceError("git was not found on PATH; install it")


def _quoted(path: str) -> str:
    """Quote a path for a list of object directories, where a colon ends an entry."""
    if os.pathsep not in path and not path.startswith('"'):
        return path
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
