"""Read the files of the operator: only from his own folders, and only what nobody else can have written.

The operator's configuration names commands that are run, hosts that are asked and
findings that are ignored. Without a home, ``~`` stays in a path and would name a
folder of whatever is scanned, which so would configure its own scan.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from typing import Any

from detector.errors import UsageError

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
"""Byte order marks, the longest first, and the encodings that read them."""


def find_user_folder(variable: str, default: str) -> str:
    """Return the folder in the environment *variable*, else *default* (``~/…``); "" if neither is absolute.

    A relative folder would lie in what is scanned; the XDG specification says that it is to be ignored.
    """
    for path in (os.environ.get(variable, "") if variable else "", os.path.expanduser(default)):
        if path and os.path.isabs(path):
            return path
    return ""


def find_temporary_folder(name: str) -> str:
    """Return a folder of this user's alone among the temporary files, "" if somebody else has made it."""
    if not hasattr(os, "geteuid"):
        return ""
    base = os.environ.get("TMPDIR", "")
    folder = os.path.join(base if os.path.isabs(base) else "/tmp", f"{name}-{os.geteuid()}")  # noqa: S108 - checked
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return ""
    is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return folder if is_private else ""


def find_operator_file(name: str) -> str:
    """Return the file *name* in the user's configuration folder, "" if there is none.

    Raises `UsageError` if it lies in the repository of the current folder: it may have come with it.
    """
    base = find_user_folder("XDG_CONFIG_HOME", "~/.config")
    path = os.path.join(base, "leakfirst", name)
    if not base or not os.path.lexists(path):
        return ""
    here, at = os.path.realpath(os.getcwd()), os.path.realpath(path)
    while at != os.path.dirname(at):
        at = os.path.dirname(at)
        if os.path.commonpath((here, at)) == at and os.path.lexists(os.path.join(at, ".git")):
            raise UsageError(
                f"{path}: lies in the repository {at}, which may not configure its own scan; name it if it is yours"
            )
    return path


def read_operator_file(path: str) -> bytes:
    """Return the content of a file of the operator's. Raises `UsageError`.

    It has to be a plain file of the user's or of root's that nobody else may write; the null device is empty.
    """
    if path == os.devnull:
        return b""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise UsageError(f"{path}: cannot be read (it is no plain file)")
            if problem := describe_distrust(found):
                raise UsageError(f"{path}: {problem}")
            return file.read()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def describe_distrust(found: os.stat_result) -> str:
    """Return why somebody else could have written the file, "" if nobody could."""
    if not hasattr(os, "geteuid"):
        return ""
    user = os.geteuid()
    trusted = {user, 0}
    if user == 0 and os.environ.get("SUDO_UID", "").isdigit():
        trusted.add(int(os.environ["SUDO_UID"]))
    if found.st_uid not in trusted:
        return f"belongs to another user (id {found.st_uid}), so it is not believed; chown it"
    if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _is_own_group(found)):
        return "can be changed by others; chmod go-w it"
    return ""


def _is_own_group(found: os.stat_result) -> bool:
    """Return whether the group of a file is the private one of its owner, as most systems make one for each user."""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    return group.gr_gid == owner.pw_gid and group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}


def decode_list(content: bytes, name: str, errors: str = "strict") -> str:
    """Return the text of a list or of settings, in the encoding that its byte order mark names, else UTF-8.

    Raises `UsageError` for what is no text: a NUL, as in UTF-16 without a mark, would match anything.
    """
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding, errors if encoding.startswith("utf-8") else "strict")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: is no text in {encoding.upper().removesuffix('-SIG')} ({error.reason})") from None
    if "\0" in text:
        raise UsageError(f"{name}: holds a NUL, so it is no text; save it as UTF-8")
    return text


def parse_toml(content: bytes, name: str) -> dict[str, Any]:
    """Return the tables of a TOML file. Raises `UsageError`."""
    import tomllib

    try:
        return tomllib.loads(decode_list(content, name))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{name}: {str(error) or 'is nested too deeply'}") from None


def find_unknown_key(table: Mapping[str, Any], known: Collection[str], where: str = "") -> str:
    """Return what is wrong with the first key of *table* that is not *known*, "" if all are."""
    for key in table:
        if key not in known:
            from difflib import get_close_matches

            near = get_close_matches(key, known, 1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
            return f"{where + ': ' if where else ''}unknown key {key!r}{meant}"
    return ""
