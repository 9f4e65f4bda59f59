"""A .env file: replaced as a whole, never half written, never a tracked one.

Lines that are not ours stay as they are, byte for byte. A file that git
tracks is refused: the new value would be the next leak.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from contextlib import suppress

from detector.secret import Secret
from rotators.core import contracts, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Case, StepKind, UnexpectedState

LINE = re.compile(rb"^(?P<head>[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=)(?P<value>.*)$")


class Store(contracts.Store):
    """Settings: path, fields."""

    staged = False

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._path = os.path.abspath(operator_credentials.require_setting(case.settings, "path"))

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        return (f"replace {self._path}",) if kind == StepKind.PROMOTE else ()

    def preflight(self) -> None:
        """Refuse links, tracked files, and folders that we may not write."""
        found = os.lstat(self._path)
        if not stat.S_ISREG(found.st_mode):
            raise UnexpectedState(f"{self._path} is no plain file")
        if not os.access(self._path, os.W_OK) or not os.access(os.path.dirname(self._path), os.W_OK):
            raise UnexpectedState(f"{self._path} cannot be replaced by this user")
        if is_tracked(self._path):
            raise UnexpectedState(f"git tracks {self._path}: the new value would be committed")

    def promote(self, token: str, values: Values) -> Handles:
        """Write a file beside it, wait for the disk, rename."""
        self.preflight()
        with open(self._path, "rb") as file:
            before = file.read()
            mode = os.fstat(file.fileno())
        fresh = f"{self._path}.leakfirst"
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, stat.S_IMODE(mode.st_mode) & 0o700)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(replace_values(before, self._theirs(values)))
                file.flush()
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), mode.st_uid, mode.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(mode.st_mode))
                os.fsync(file.fileno())
            with open(self._path, "rb") as file:
                if file.read() != before:
                    raise UnexpectedState(f"somebody else wrote {self._path} at the same time")
            os.replace(fresh, self._path)
        except BaseException:
            if os.path.exists(fresh):
                os.unlink(fresh)
            raise
        return {}

    def read_back(self) -> Values | None:
        """See `contracts.Store`."""
        with open(self._path, "rb") as file:
            found = parse_env(file.read())
        return {ours: Secret(found[theirs]) for ours, theirs in self._names().items() if theirs in found}

    def restore(self, token: str, old: Values) -> Handles:
        """Write the old values, as far as the finding had them."""
        if set(self._names()) - set(old):
            raise UnexpectedState(f"the old values of {self._path} are not known; write them by hand")
        return self.promote(token, old)

    def _names(self) -> dict[str, str]:
        names: dict[str, str] = self.case.settings["fields"]
        return names

    def _theirs(self, values: Values) -> dict[str, bytes]:
        return {theirs: values[ours].reveal() for ours, theirs in self._names().items()}


def parse_env(data: bytes) -> dict[str, bytes]:
    """Return the assignments in *data*; the last one of a name counts."""
    found = {}
    for line in data.splitlines():
        if match := LINE.match(line):
            found[match["name"].decode()] = _unquote(match["value"].strip())
    return found


def replace_values(data: bytes, values: dict[str, bytes]) -> bytes:
    """Return *data* with the assignments of *values* changed, or added at the end."""
    left = dict(values)
    lines = []
    for line in data.splitlines(keepends=True):
        body = line.rstrip(b"\r\n")
        match = LINE.match(body)
        name = match["name"].decode() if match else ""
        if match and name in values:
            line = match["head"] + _quote(values[name]) + line[len(body) :]
            left.pop(name, None)
        lines.append(line)
    if left and lines and not lines[-1].endswith(b"\n"):
        lines.append(b"\n")
    lines += [name.encode() + b"=" + _quote(value) + b"\n" for name, value in left.items()]
    return b"".join(lines)


def _quote(value: bytes) -> bytes:
    if re.fullmatch(rb"[A-Za-z0-9_./+=:@,-]*", value):
        return value
    if b"\n" in value or b"'" in value:
        raise UnexpectedState("the new value has a line break or a quote, which .env files spell in different ways")
    return b"'" + value + b"'"


def _unquote(value: bytes) -> bytes:
    if len(value) >= 2 and value[:1] == value[-1:] and value[:1] in (b"'", b'"'):
        return value[1:-1]
    return value.split(b" #")[0].rstrip()


def is_tracked(path: str) -> bool:
    """Tell whether git tracks *path*; nothing that the repository configures is run."""
    folder, name = os.path.split(path)
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", folder]
    try:
        answer = subprocess.run(
            [*command, "ls-files", "--error-unmatch", "--", name],
            capture_output=True,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            check=False,
        )
    except FileNotFoundError:
        return False
    return answer.returncode == 0
