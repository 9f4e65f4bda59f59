"""Bare clones of the fleet, kept in a folder and brought up to date.

git runs here as it does over a scanned repository: with a configuration of our
own and none else, no hooks, no prompts, and besides with one transport, that of
the URL. The remote's refs are taken over as they are, but nothing they once
named is lost: what a force-push or a deleted branch leaves behind is kept under
`KEPT`, because a leak does not end when its branch does, and no garbage is ever
collected.

A clone appears under its name when it is complete. Whoever is killed leaves at
most a folder ``….new`` and temporary files, which the next one removes. A git
that outlives us holds on to the lock, so nobody gets in its way.
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

from detector.errors import SourceError, UsageError
from detector.fleet.credentials import Access, access
from detector.fleet.inventory import Entry
from detector.fleet.inventory._names import Refused, plain_url, shown
from detector.git.refs import read_refs
from detector.git.repository import discover
from detector.git.safe_git import build_isolated_environment, find_git_program

if TYPE_CHECKING:
    import subprocess

KEPT = "refs/leakfirst/kept/"
"""Under these refs stands what the remote's refs no longer name; they are no tips."""

OURS = "refs/leakfirst/"
PULLS = ("refs/pull/", "refs/merge-requests/", "refs/pull-requests/")
MAX_PACKS = 50
MAX_ANSWER = 1 << 29
_ASK_SECONDS = 300.0
_PASSED_ON = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"),
)
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=30 -oServerAliveCountMax=4"
_SETTINGS = {
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
    """A repository on this machine, ready to be scanned.

    `changed` says that this refresh brought something, or may have (a clone
    read in place). `refs` is a digest of all refs: when it is that of the last
    scan that came to its end, there is nothing new to read.
    """

    path: str
    changed: bool
    refs: str = ""


class Unreachable(SourceError):
    """A repository that could not be brought up to date; `clone` is the state it had, if there is one."""

    def __init__(self, message: str, clone: Clone | None = None, missing: bool = False) -> None:
        super().__init__(message)
        self.clone = clone
        self.missing = missing

    def __reduce__(self) -> tuple[Any, ...]:
        return Unreachable, (str(self), self.clone, self.missing)


class Clones:
    """The clones below *folder*; may be handed to another process.

    *pulls* fetches the heads of pull requests, too. *timeout* (seconds) and
    *max_size* (bytes of one repository, 0 for any) end a fetch; *patience*
    (seconds) is how long another sweep at the same repository is waited for.
    """

    def __init__(
        self,
        folder: str,
        operator: Mapping[str, Any] | None = None,
        *,
        pulls: bool = False,
        timeout: float = 3600.0,
        max_size: int = 0,
        patience: float = 600.0,
    ) -> None:
        self.folder = os.path.abspath(folder)
        sweep = (operator or {}).get("sweep", {})  # no more of the operator's file than this: it travels to workers
        self._operator = {"sweep": {"host": sweep["host"]}} if isinstance(sweep, Mapping) and "host" in sweep else {}
        self._pulls = pulls
        self._timeout = timeout
        self._max_size = max_size
        self._patience = patience
        self._known: dict[str, Access] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave tokens here: another process asks for them itself."""
        return {**self.__dict__, "_known": {}}

    def place(self, entry: Entry) -> str:
        """Return where the clone of *entry* is; it follows the key, not the name."""
        if entry.local:
            return entry.url
        readable = re.sub(r"[^A-Za-z0-9]+", "-", entry.key).strip("-")[:60]
        return os.path.join(self.folder, f"{readable}-{hashlib.sha256(entry.key.encode()).hexdigest()[:16]}.git")

    def refresh(self, entry: Entry) -> Clone:
        """Bring the clone of *entry* up to date, or make it. Raises `SourceError` (`Unreachable`) in one line.

        What is on this machine is not cloned but read in place.
        """
        if entry.local:
            return Clone(entry.url, True, _digest(entry.url))
        try:
            url = plain_url(entry.url)
            allowed = self._access(url)
        except (Refused, UsageError) as refused:
            raise SourceError(f"{shown(entry.name)}: {refused}") from None
        place = self.place(entry)
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with _locked(f"{place}.lock", self._patience, entry.name) as lock:
                return self._refreshed(entry, _Git(place, url, allowed, lock, self._max_size), place)
        except OSError as error:
            raise SourceError(f"{shown(entry.name)}: {self.folder}: {error.strerror or type(error).__name__}") from None

    def _access(self, url: str) -> Access:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._known:
            self._known[site] = access(site, self._operator)
        return self._known[site]

    def _refreshed(self, entry: Entry, git: _Git, place: str) -> Clone:
        growing = f"{place}.new"
        shutil.rmtree(growing, ignore_errors=True)
        fresh = not os.path.isdir(place)
        if fresh:
            git.path = growing
        else:
            _clear_away_leftovers(place)
        try:
            heads, default = self._asked(git, entry)
            if fresh:
                git.create(sha256=any(len(tip) == 64 for tip in heads.values()))
            changed = self._updated(git, heads) or fresh
            default = default or (f"refs/heads/{entry.default_branch}" if entry.default_branch else "")
            if default in git.refs():  # the server may name anything
                git.stand_on(default)
            git.describe(entry)
            if fresh:
                os.rename(growing, place)
            return Clone(place, changed, _digest(place))
        except _Failed as failed:
            clone = None if fresh else Clone(place, False, _digest(place))
            older = "; the clone from before is kept" if clone else ""
            raise Unreachable(f"{shown(entry.name)}: {failed}{older}", clone, failed.missing) from None
        finally:
            shutil.rmtree(growing, ignore_errors=True)

    def _asked(self, git: _Git, entry: Entry) -> tuple[dict[str, str], str]:
        """Return the refs of the remote that we want, and the branch that HEAD is."""
        try:
            answer = git.asked()
        except _Failed as failed:
            if entry.kind == "wiki" and failed.missing:  # a wiki that nobody has written in is none yet
                return {}, ""
            raise
        heads, default = {}, ""
        for line in answer.decode("utf-8", "replace").splitlines():
            tip, tab, name = line.partition("\t")
            if tip.startswith("ref: ") and name == "HEAD":
                default = tip[5:]
            elif tab and name.startswith("refs/") and self._wanted(name):
                heads[name] = tip
        return heads, default

    def _wanted(self, name: str) -> bool:
        if name.startswith(OURS) or name.endswith("^{}") or not name.isprintable():
            return False
        if name.startswith(PULLS):
            return self._pulls and not name.endswith("/merge")
        return True

    def _specs(self) -> list[str]:
        hidden = [f"^{start}*/merge" if self._pulls else f"^{start}*" for start in PULLS]
        return ["+refs/*:refs/*", f"^{OURS}*", *hidden]

    def _updated(self, git: _Git, heads: Mapping[str, str]) -> bool:
        """Make our refs those of the remote; return whether that changed anything.

        What a ref loses is kept before the ref moves, so a kill in between
        loses nothing, and what turns out to be still reachable is let go after.
        """
        before = git.refs()
        if before == heads:
            return False
        lost = {tip for name, tip in before.items() if heads.get(name) != tip}
        gone = before.keys() - heads.keys()
        git.move([*(f"update {KEPT}{tip} {tip}" for tip in lost), *(f"delete {name}" for name in gone)])
        if heads:
            git.fetch(self._specs(), self._timeout)
        after = git.refs()
        moved = {tip for name, tip in before.items() if after.get(name) != tip}
        git.move([f"update {KEPT}{tip} {tip}" for tip in moved - lost])
        still = (lost | moved) - git.unreachable(lost | moved)
        git.move([f"delete {KEPT}{tip}" for tip in still])
        git.repack()
        return before != after


class _Failed(Exception):
    """git did not come to its end; `str()` says why in one line."""

    def __init__(self, why: str, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


class _Git:
    """git in one bare clone, talking to one URL."""

    def __init__(self, path: str, url: str, access: Access, lock: int, max_size: int) -> None:
        self.path = path
        self._url = url
        self._access = access
        self._lock = lock
        self._max_size = max_size

    def create(self, sha256: bool) -> None:
        form = "sha256" if sha256 else "sha1"
        os.makedirs(self.path, mode=0o700)
        self.run("init", "--quiet", "--bare", "--template=", f"--object-format={form}")

    def asked(self) -> bytes:
        return self.run("ls-remote", "--quiet", "--symref", "--", self._url, seconds=_ASK_SECONDS, reach=True)

    def fetch(self, specs: list[str], seconds: float) -> None:
        options = ["--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
        self.run("fetch", *options, "--", self._url, *specs, seconds=seconds, reach=True)
        self._weigh()

    def refs(self) -> dict[str, str]:
        """Return our copies of the remote's refs."""
        found = read_refs(discover(self.path))
        return {name: tip for name, tip in found.items() if name.startswith("refs/") and not name.startswith(OURS)}

    def stand_on(self, branch: str) -> None:
        """Make *branch* what HEAD is."""
        if _text(os.path.join(self.path, "HEAD")) != f"ref: {branch}\n":
            self.run("symbolic-ref", "HEAD", branch)

    def move(self, changes: Iterable[str]) -> None:
        text = "".join(f"{change}\n" for change in changes)
        if text:
            self.run("update-ref", "--stdin", given=text.encode())

    def unreachable(self, tips: set[str]) -> set[str]:
        """Return those of *tips* that no ref of the remote leads to."""
        if not tips:
            return set()
        given = "".join(f"{tip}\n" for tip in tips).encode()
        found = self.run("rev-list", "--objects", "--stdin", "--not", f"--exclude={OURS}*", "--all", given=given)
        return tips & {line.split(b" ", 1)[0].decode() for line in found.splitlines()}

    def repack(self) -> None:
        """Put packs together when there are many; objects that nothing names stay."""
        packs = sum(name.endswith(".pack") for name in os.listdir(os.path.join(self.path, "objects", "pack")))
        if packs > MAX_PACKS:
            self.run("repack", "--geometric=2", "-d", "-n", "--quiet")

    def describe(self, entry: Entry) -> None:
        """Write whose clone this is, for a person who looks into the folder."""
        place, text = os.path.join(self.path, "description"), f"{entry.name}\n{entry.url}\n{entry.key}\n"
        if not os.path.exists(place) or _text(place) != text:
            with open(place, "w", encoding="utf-8") as file:
                file.write(text)

    def run(self, *args: str, given: bytes = b"", seconds: float = 3600.0, reach: bool = False) -> bytes:
        """Run git to its end; raises `_Failed`. Only with *reach* it may reach the URL."""
        import subprocess
        import tempfile

        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            source.write(given)
            source.seek(0)
            process = subprocess.Popen(
                [find_git_program(), *settings, *args],
                stdin=source,
                stdout=out,
                stderr=errors,
                cwd=os.path.dirname(self.path),
                env=self._environment(reach),
                pass_fds=(self._lock,),
                start_new_session=True,
            )
            try:
                self._watch(process, seconds, out, errors)
            finally:
                _end(process)
            if process.returncode:
                raise self._failure(_read(errors, 1 << 16).decode("utf-8", "replace"), args[0])
            return _read(out, MAX_ANSWER)

    def _environment(self, reach: bool) -> dict[str, str]:
        found = {**build_isolated_environment(self.path), "GIT_DIR": self.path}
        if reach:
            scheme = self._url.partition(":")[0]
            passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            if "SSL_CERT_FILE" in os.environ:
                passed.setdefault("GIT_SSL_CAINFO", os.environ["SSL_CERT_FILE"])
            allowed = "http:https" if scheme == "http" else scheme
            found |= {"GIT_SSH_COMMAND": _SSH, **passed, "GIT_ALLOW_PROTOCOL": allowed, **self._access.git(self._url)}
        return found

    def _watch(self, process: subprocess.Popen[bytes], seconds: float, *answers: IO[bytes]) -> None:
        import subprocess

        until = time.monotonic() + seconds
        while True:
            try:
                process.wait(timeout=1.0)
                return
            except subprocess.TimeoutExpired:
                if time.monotonic() > until:
                    raise _Failed(f"took longer than {seconds:.0f} s") from None
                if any(os.fstat(answer.fileno()).st_size > MAX_ANSWER for answer in answers):
                    raise _Failed("the server's answer has no end") from None
                self._weigh()

    def _weigh(self) -> None:
        if self._max_size and _size(self.path) > self._max_size:
            raise _Failed(f"is larger than {self._max_size} bytes")

    def _failure(self, text: str, command: str) -> _Failed:
        if "No space left on device" in text or "Disk quota exceeded" in text:
            return _Failed(f"the disk of {os.path.dirname(self.path)} is full")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        telling = [line for line in lines if line.removeprefix("remote: ").startswith(("fatal:", "ERROR:"))] or lines
        why = telling[0].replace("fatal: ", "", 1) if telling else f"git {command} gave no reason"
        return _Failed(shown(self._access.hide(why), 300), bool(_MISSING.search(text)))


@contextmanager
def _locked(path: str, patience: float, name: str) -> Iterator[int]:
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise Unreachable(f"{shown(name)}: another sweep is fetching it") from None
                time.sleep(0.1)
        yield fd
    finally:
        os.close(fd)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and whatever it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _clear_away_leftovers(place: str) -> None:
    """Remove what a fetch that was killed has left; we hold the lock, so nobody is writing."""
    for folder, folders, files in os.walk(place):
        if folder == place:
            folders[:] = [name for name in folders if name in ("refs", "objects")]
        for name in files:
            if name.endswith(".lock") or name.startswith(("tmp_", ".tmp-")):
                os.unlink(os.path.join(folder, name))


def _digest(path: str) -> str:
    """Return a digest of all refs of the repository at *path*."""
    return hashlib.sha256(
        "".join(f"{tip} {name}\n" for name, tip in sorted(read_refs(discover(path)).items())).encode(
            "utf-8", "surrogateescape"
        )
    ).hexdigest()[:32]


def _size(place: str) -> int:
    found = 0
    for folder, _, files in os.walk(os.path.join(place, "objects")):
        for name in files:
            try:
                found += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return found


def _read(file: IO[bytes], most: int) -> bytes:
    file.seek(0)
    return file.read(most)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
