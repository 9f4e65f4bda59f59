"""Bare clones of the fleet's repositories, kept in a folder and updated.

git runs here as it does on a scanned repository: only with our own
configuration, without hooks or prompts, and with only the transport of the URL.
Refs follow the remote, but no commit is lost: what a force-push or a deleted
branch leaves behind is kept under `KEPT`, because deleting a branch does not end
a leak, and garbage is never collected.

A clone gets its name when it is complete. A process that is killed leaves at most
a folder ``….new`` and temporary files, which the next one removes. A git process
that survives us keeps the lock, so nobody interferes with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from detector.errors import LeakfirstError, SourceError, UsageError
from detector.fleet.clone_damage import find_damage
from detector.fleet.inventory import RepositoryEntry, RepositoryKind
from detector.fleet.names import InvalidName, make_line, normalize_url
from detector.git.refs import read_refs
from detector.git.repository import discover
from detector.git.safe_git import build_isolated_environment, find_git_program
from detector.log import log_step
from detector.net.host_access import HostAccess, find_access

if TYPE_CHECKING:
    import subprocess

KEPT = "refs/leakfirst/kept/"
"""The prefix of refs to commits that the remote's refs no longer name. They are not branch heads."""

OWN_REFS = "refs/leakfirst/"
PULL_REQUESTS = ("refs/pull/", "refs/merge-requests/", "refs/pull-requests/")
MAX_PACKS = 50
"""Number of packs above which a clone is repacked."""

MAX_ANSWER = 1 << 29
"""Most bytes that git may print."""

_LIST_SECONDS = 300.0
_PASSED_VARIABLES = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"),
)
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=30 -oServerAliveCountMax=4"
_GIT_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.unpackLimit": "1",
    "fetch.recurseSubmodules": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "120",
    "transfer.bundleURI": "false",
}
_MISSING = re.compile(
    r"not found|does not exist|does not appear to be a git repository|not exported|could not be found|error: 404", re.I
)


class Clone(NamedTuple):
    """A repository on this machine that can be scanned.

    `changed` says that the refresh brought new commits, or may have (a repository
    that is read in place). `refs_digest` covers all refs: if it is that of the last
    complete scan, there is nothing new to read.
    """

    path: str
    changed: bool
    refs_digest: str = ""


class UnreachableRepository(SourceError):
    """A repository that could not be fetched.

    `clone` is the clone from an earlier fetch, if there is one; `missing` says that the server does not have the
    repository.
    """

    def __init__(self, message: str, clone: Clone | None = None, missing: bool = False) -> None:
        super().__init__(message)
        self.clone = clone
        self.missing = missing

    def __reduce__(self) -> tuple[Any, ...]:
        return UnreachableRepository, (str(self), self.clone, self.missing)


class Clones:
    """The clones below *folder*; can be pickled for another process.

    With *pull_requests*, the heads of pull requests are fetched. A fetch ends after
    *timeout* seconds, or when a repository has more than *max_size* bytes (0 for no
    limit). If another sweep is fetching the same repository, it is waited for up to
    *lock_timeout* seconds.
    """

    def __init__(
        self,
        folder: str,
        operator: Mapping[str, Any] | None = None,
        *,
        pull_requests: bool = False,
        timeout: float = 3600.0,
        max_size: int = 0,
        lock_timeout: float = 600.0,
    ) -> None:
        self.folder = os.path.abspath(folder)
        sweep = (operator or {}).get("sweep", {})  # only what is needed: it is sent to all workers
        self._operator = {"sweep": {"host": sweep["host"]}} if isinstance(sweep, Mapping) and "host" in sweep else {}
        self._pull_requests = pull_requests
        self._timeout = timeout
        self._max_size = max_size
        self._lock_timeout = lock_timeout
        self._access: dict[str, HostAccess] = {}

    @property
    def operator(self) -> Mapping[str, Any]:
        """The part of the operator's configuration that names the tokens of hosts."""
        return self._operator

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without tokens: another process reads them itself."""
        return {**self.__dict__, "_access": {}}

    def find_path(self, entry: RepositoryEntry) -> str:
        """Return the path of the clone of *entry*, which depends on its key and not on its name."""
        if entry.local:
            return entry.url
        readable = re.sub(r"[^A-Za-z0-9]+", "-", entry.key).strip("-")[:60]
        return os.path.join(self.folder, f"{readable}-{hashlib.sha256(entry.key.encode()).hexdigest()[:16]}.git")

    def refresh(self, entry: RepositoryEntry, verify: bool = False) -> Clone:
        """Update the clone of *entry*, or create it. Raises `SourceError` or `UnreachableRepository`.

        A clone that is damaged is cloned again; with *verify*, all of its objects are checked for that. A repository on
        this machine is not cloned but read in place.
        """
        if entry.local:
            return Clone(entry.url, True, _digest_refs(entry.url))
        try:
            url = normalize_url(entry.url)
            access = self._find_access(url)
        except (InvalidName, UsageError) as error:
            raise SourceError(f"{make_line(entry.name)}: {error}") from None
        path = self.find_path(entry)
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with _hold_lock(f"{path}.lock", self._lock_timeout, entry.name) as lock:
                return self._update(entry, _Git(path, url, access, lock, self._max_size), path, verify)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SourceError(f"{make_line(entry.name)}: {self.folder}: {reason}") from None

    def _find_access(self, url: str) -> HostAccess:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._access:
            self._access[site] = find_access(site, self._operator)
        return self._access[site]

    def _update(self, entry: RepositoryEntry, git: _Git, path: str, verify: bool) -> Clone:
        if os.path.isdir(f"{path}.old"):
            _resume_replacement(git, path)
        exists = os.path.isdir(path)
        if exists:
            _remove_leftovers(path)
        damage = find_damage(path) if exists else ""
        if exists and verify and not damage:
            damage = git.find_broken_object()
        if damage:
            log_step("cloned again", repository=entry.name, reason=damage)
            return self._clone_again(entry, git, path, damage)
        return self._fetch_or_clone(entry, git, path, is_new=not exists)

    def _clone_again(self, entry: RepositoryEntry, git: _Git, path: str, damage: str) -> Clone:
        """Replace a damaged clone, with the commits that only it has as far as they can be read.

        If any cannot, the old clone stays beside the new one as ``….damaged``.
        """
        old = f"{path}.old"
        os.rename(path, old)
        try:
            clone = self._fetch_or_clone(entry, git, path, is_new=True)
        except (SourceError, OSError) as error:
            os.rename(old, path)
            raise SourceError(f"{make_line(str(error), 400)}; the clone on this machine is damaged: {damage}") from None
        _set_aside(git, path)
        return clone._replace(refs_digest=_digest_refs(path))

    def _fetch_or_clone(self, entry: RepositoryEntry, git: _Git, path: str, is_new: bool) -> Clone:
        temporary = f"{path}.new"
        shutil.rmtree(temporary, ignore_errors=True)
        if is_new:
            git.path = temporary
        try:
            remote_refs, default = self._list_remote_refs(git, entry)
            if is_new:
                git.create(sha256=any(len(commit) == 64 for commit in remote_refs.values()))
            changed = self._fetch(git, remote_refs) or is_new
            default = default or (f"refs/heads/{entry.default_branch}" if entry.default_branch else "")
            if default in git.list_refs():  # the server may name anything
                git.set_head(default)
            git.describe(entry)
            if is_new:
                os.rename(temporary, path)
                git.path = path
            return Clone(path, changed, _digest_refs(path))
        except _GitFailed as error:
            clone = None if is_new else Clone(path, False, _digest_refs(path))
            kept = "; the earlier clone is kept" if clone else ""
            raise UnreachableRepository(f"{make_line(entry.name)}: {error}{kept}", clone, error.missing) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _list_remote_refs(self, git: _Git, entry: RepositoryEntry) -> tuple[dict[str, str], str]:
        """Return the refs of the remote to fetch, and the branch to which its HEAD refers."""
        try:
            answer = git.list_remote()
        except _GitFailed as error:
            if entry.kind == RepositoryKind.WIKI and error.missing:  # a wiki does not exist before its first page
                return {}, ""
            raise
        found, default = {}, ""
        for line in answer.decode("utf-8", "replace").splitlines():
            commit, tab, name = line.partition("\t")
            if commit.startswith("ref: ") and name == "HEAD":
                default = commit[5:]
            elif tab and name.startswith("refs/") and self._is_fetched(name):
                found[name] = commit
        return found, default

    def _is_fetched(self, name: str) -> bool:
        if name.startswith(OWN_REFS) or name.endswith("^{}") or not name.isprintable():
            return False
        if name.startswith(PULL_REQUESTS):
            return self._pull_requests and not name.endswith("/merge")
        return True

    def _make_refspecs(self) -> list[str]:
        hidden = [f"^{prefix}*/merge" if self._pull_requests else f"^{prefix}*" for prefix in PULL_REQUESTS]
        return ["+refs/*:refs/*", f"^{OWN_REFS}*", *hidden]

    def _fetch(self, git: _Git, remote_refs: Mapping[str, str]) -> bool:
        """Make our refs equal to those of the remote; return whether that changed anything.

        The commit of a ref is kept before the ref moves, so nothing is lost if we are
        killed in between. Afterwards, what is still reachable is no longer kept.
        """
        before = git.list_refs()
        if before == remote_refs:
            return False
        moving = {commit for name, commit in before.items() if remote_refs.get(name) != commit}
        deleted = before.keys() - remote_refs.keys()
        git.update_refs(
            [*(f"update {KEPT}{commit} {commit}" for commit in moving), *(f"delete {name}" for name in deleted)]
        )
        if remote_refs:
            git.fetch(self._make_refspecs(), self._timeout)
        after = git.list_refs()
        moved = {commit for name, commit in before.items() if after.get(name) != commit}
        git.update_refs([f"update {KEPT}{commit} {commit}" for commit in moved - moving])
        reachable = (moving | moved) - git.select_unreachable(moving | moved)
        git.update_refs([f"delete {KEPT}{commit}" for commit in reachable])
        git.repack()
        return before != after


class _GitFailed(Exception):
    """git failed; the message is one line. `missing` says that the server does not have the repository."""

    def __init__(self, reason: str, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing


class _Git:
    """git in one bare clone, with one URL."""

    def __init__(self, path: str, url: str, access: HostAccess, lock: int, max_size: int) -> None:
        self.path = path
        self._url = url
        self._access = access
        self._lock = lock
        self._max_size = max_size

    def create(self, sha256: bool) -> None:
        object_format = "sha256" if sha256 else "sha1"
        os.makedirs(self.path, mode=0o700)
        self.run("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}")

    def list_remote(self) -> bytes:
        words = ("ls-remote", "--quiet", "--symref", "--", self._url)
        return self.run(*words, seconds=_LIST_SECONDS, network=True)

    def fetch(self, refspecs: list[str], seconds: float) -> None:
        options = ["--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
        self.run("fetch", *options, "--", self._url, *refspecs, seconds=seconds, network=True)
        self._check_size()

    def list_refs(self) -> dict[str, str]:
        """Return our copies of the remote's refs, with the commit of each."""
        return {
            name: commit
            for name, commit in read_refs(discover(self.path)).items()
            if name.startswith("refs/") and not name.startswith(OWN_REFS)
        }

    def set_head(self, branch: str) -> None:
        """Make HEAD refer to *branch*."""
        if _read_text(os.path.join(self.path, "HEAD")) != f"ref: {branch}\n":
            self.run("symbolic-ref", "HEAD", branch)

    def update_refs(self, changes: Iterable[str]) -> None:
        text = "".join(f"{change}\n" for change in changes)
        if text:
            self.run("update-ref", "--stdin", given=text.encode())

    def select_unreachable(self, commits: set[str]) -> set[str]:
        """Return those of *commits* that cannot be reached from any ref of the remote."""
        if not commits:
            return set()
        given = "".join(f"{commit}\n" for commit in commits).encode()
        found = self.run("rev-list", "--objects", "--stdin", "--not", f"--exclude={OWN_REFS}*", "--all", given=given)
        return commits & {line.split(b" ", 1)[0].decode() for line in found.splitlines()}

    def repack(self) -> None:
        """Combine packs when there are many; unreachable objects stay."""
        packs = sum(name.endswith(".pack") for name in os.listdir(os.path.join(self.path, "objects", "pack")))
        if packs > MAX_PACKS:
            self.run("repack", "--geometric=2", "-d", "-n", "--quiet")

    def find_broken_object(self) -> str:
        """Read all objects; return what is damaged, or ""."""
        folder = os.path.join(self.path, "objects", "pack")
        indexes = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".idx")]
        try:
            for index in indexes:
                self.run("verify-pack", index)
            self.run("rev-list", "--objects", "--all", "--quiet")
        except _GitFailed as error:
            return str(error)
        return ""

    def keep_commits_of(self, old: str) -> bool:
        """Keep every commit to which a ref in the repository *old* refers; return whether all could be read."""
        try:
            named = read_refs(discover(old))
        except (LeakfirstError, OSError, ValueError):
            return False
        have = set(self.list_refs().values())
        wanted = {commit: name for name, commit in named.items() if name.startswith("refs/") and commit not in have}
        whole = True
        for commit, name in wanted.items():
            try:
                words = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
                self.run("fetch", *words, "--", old, f"+{name}:{KEPT}{commit}", protocol="file")
            except _GitFailed:
                whole = False
        kept = {commit for commit in wanted if f"{KEPT}{commit}" in read_refs(discover(self.path))}
        reachable = kept - self.select_unreachable(kept)
        self.update_refs([f"delete {KEPT}{commit}" for commit in reachable])
        return whole

    def describe(self, entry: RepositoryEntry) -> None:
        """Write name, URL and key of the repository for people who look into the folder."""
        path, text = os.path.join(self.path, "description"), f"{entry.name}\n{entry.url}\n{entry.key}\n"
        if not os.path.exists(path) or _read_text(path) != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def run(
        self, *args: str, given: bytes = b"", seconds: float = 3600.0, network: bool = False, protocol: str = ""
    ) -> bytes:
        """Run git and return its output; raises `_GitFailed`.

        It may connect to the URL only with *network*, and otherwise use only *protocol*.
        """
        import subprocess
        import tempfile

        settings = [word for name, value in _GIT_SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            source.write(given)
            source.seek(0)
            process = subprocess.Popen(
                [find_git_program(), *settings, *args],
                stdin=source,
                stdout=out,
                stderr=errors,
                cwd=os.path.dirname(self.path),
                env=self._make_environment(network) | ({"GIT_ALLOW_PROTOCOL": protocol} if protocol else {}),
                pass_fds=(self._lock,),
                start_new_session=True,
            )
            try:
                self._wait(process, seconds, out, errors)
            finally:
                _kill(process)
            if process.returncode:
                raise self._make_error(_read(errors, 1 << 16).decode("utf-8", "replace"), args[0])
            return _read(out, MAX_ANSWER)

    def _make_environment(self, network: bool) -> dict[str, str]:
        environment = {**build_isolated_environment(self.path), "GIT_DIR": self.path}
        if network:
            scheme = self._url.partition(":")[0]
            passed = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
            if "SSL_CERT_FILE" in os.environ:
                passed.setdefault("GIT_SSL_CAINFO", os.environ["SSL_CERT_FILE"])
            allowed = "http:https" if scheme == "http" else scheme
            environment |= {"GIT_SSH_COMMAND": _SSH, **passed, "GIT_ALLOW_PROTOCOL": allowed}
            environment |= self._access.make_git_environment(self._url)
        return environment

    def _wait(self, process: subprocess.Popen[bytes], seconds: float, *outputs: IO[bytes]) -> None:
        import subprocess

        until = time.monotonic() + seconds
        while True:
            try:
                process.wait(timeout=1.0)
                return
            except subprocess.TimeoutExpired:
                if time.monotonic() > until:
                    raise _GitFailed(f"took longer than {seconds:.0f} s") from None
                if any(os.fstat(output.fileno()).st_size > MAX_ANSWER for output in outputs):
                    raise _GitFailed(f"the server's answer is larger than {MAX_ANSWER >> 20} MiB") from None
                self._check_size()

    def _check_size(self) -> None:
        if self._max_size and _measure_objects(self.path) > self._max_size:
            raise _GitFailed(f"is larger than {self._max_size} bytes")

    def _make_error(self, output: str, command: str) -> _GitFailed:
        if "No space left on device" in output or "Disk quota exceeded" in output:
            return _GitFailed(f"the disk of {os.path.dirname(self.path)} is full")
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        errors = [line for line in lines if line.removeprefix("remote: ").startswith(("fatal:", "ERROR:"))] or lines
        reason = errors[0].replace("fatal: ", "", 1) if errors else f"git {command} failed without a message"
        return _GitFailed(make_line(self._access.redact(reason), 300), bool(_MISSING.search(output)))


@contextmanager
def _hold_lock(path: str, timeout: float, name: str) -> Iterator[int]:
    """Lock the file at *path* and give its descriptor, which git inherits; *name* is the repository in messages."""
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise UnreachableRepository(f"{make_line(name)}: another sweep is fetching it") from None
                time.sleep(0.1)
        yield fd
    finally:
        os.close(fd)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill git and the processes that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _remove_leftovers(path: str) -> None:
    """Remove the temporary files of a fetch that was killed. We hold the lock, so nobody is writing."""
    for folder, folders, files in os.walk(path):
        if folder == path:
            folders[:] = [name for name in folders if name in ("refs", "objects")]
        for name in files:
            if name.endswith(".lock") or name.startswith(("tmp_", ".tmp-")):
                os.unlink(os.path.join(folder, name))


def _set_aside(git: _Git, path: str) -> None:
    """Take over the commits of the old clone beside *path*; remove it, or keep it as damaged if any cannot be read."""
    old = f"{path}.old"
    if git.keep_commits_of(old):
        shutil.rmtree(old, ignore_errors=True)
        return
    damaged, number = f"{path}.damaged", 1
    while os.path.lexists(damaged):  # an earlier one may hold other commits
        number += 1
        damaged = f"{path}.damaged-{number}"
    os.rename(old, damaged)


def _resume_replacement(git: _Git, path: str) -> None:
    """Complete or undo a replacement during which we were killed."""
    if os.path.isdir(path):
        _set_aside(git, path)
    else:
        os.rename(f"{path}.old", path)


def _digest_refs(path: str) -> str:
    """Return a digest of all refs of the repository at *path*."""
    lines = "".join(f"{commit} {name}\n" for name, commit in sorted(read_refs(discover(path)).items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _measure_objects(path: str) -> int:
    """Return the size of the object store of the clone at *path*, in bytes."""
    total = 0
    for folder, _, files in os.walk(os.path.join(path, "objects")):
        for name in files:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _read(file: IO[bytes], max_size: int) -> bytes:
    file.seek(0)
    return file.read(max_size)


def _read_text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
