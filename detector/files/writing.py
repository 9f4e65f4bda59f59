"""Write files so that nothing that somebody else has put in their place is written through.

A report, baseline, manifest, plan or state is written to a temporary file beside its
destination and renamed. A checkout may hold a symbolic link under the name of the
report, or a folder that is one: following it would overwrite any file of the machine.
A device, a pipe or a socket is not replaced by a file either.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple, TextIO

from detector.errors import UsageError

_STREAMS = ("/dev/null", "/dev/stdout", "/dev/stderr")
"""What an operator may name to discard the output, or to print it: written as it is, never replaced."""

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Destination(NamedTuple):
    """Where a file may be written: its folder, its name there, and the mode of the file that it replaces."""

    folder: str
    name: str
    mode: int | None = None


def check_destination(path: str) -> Destination:
    """Return where to write *path*. Raises `UsageError` if what is there is no plain file.

    A folder below the current one may be no symbolic link: it may have come with the repository.
    """
    folder, name = os.path.split(path)
    if not name or "\0" in path:
        raise UsageError(f"{path!r}: cannot be written (it names no file)")
    folder = folder or "."
    _check_folders(path, folder)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return Destination(folder, name)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no plain file")
        raise UsageError(f"{path}: is {kind}, which is neither followed nor replaced; remove it or name another file")
    return Destination(folder, name, stat.S_IMODE(found.st_mode))


def is_stream(path: str) -> bool:
    """Return whether *path* names an open stream or the null device, which is written as it is."""
    return path in _STREAMS or (path.startswith("/dev/fd/") and path[8:].isdigit())


def _check_folders(path: str, folder: str) -> None:
    """Raise `UsageError` where a part of *folder* below the current folder is a symbolic link."""
    here = os.getcwd()
    absolute = os.path.join(here, folder)
    if os.path.commonpath((here, os.path.normpath(absolute))) != here:
        return
    at = here
    for part in absolute[len(here) :].split(os.sep) if absolute.startswith(here) else ():
        at = os.path.join(at, part)
        if part not in ("", ".", "..") and os.path.islink(at):
            shown = os.path.relpath(at, here)
            raise UsageError(f"{path}: {shown} is a symbolic link, which is not followed; name the folder it means")


@contextmanager
def replace_file(path: str, *, private: bool = False) -> Iterator[BinaryIO]:
    """Yield a file that becomes *path* when the block ends without an exception. Raises `UsageError`.

    With *private* only its owner may read it; else it has the mode of the file that it
    replaces, or the usual one. After an exception *path* is as it was.
    """
    if is_stream(path):
        with _reporting(path), open(path, "wb") as stream:
            yield stream
        return
    with _reporting(path):
        destination = check_destination(path)
        temporary = os.path.join(destination.folder, f".{destination.name[:80]}.{os.urandom(6).hex()}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(temporary, flags | getattr(os, "O_BINARY", 0), 0o600 if private else 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                if destination.mode is not None and not private and hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), destination.mode & 0o777)
                os.fsync(file.fileno())
            check_destination(path)  # what is there now may be something else than before
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise


@contextmanager
def replace_text(path: str, *, private: bool = False) -> Iterator[TextIO]:
    """Like `replace_file` for text in UTF-8; what cannot be encoded is escaped."""
    with replace_file(path, private=private) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        try:
            yield text
            text.flush()
        finally:
            with suppress(OSError):
                text.detach()


def write_file(path: str, content: bytes, *, private: bool = False) -> None:
    """Replace *path* by a file with this content. Raises `UsageError`."""
    with replace_file(path, private=private) as file:
        file.write(content)


@contextmanager
def _reporting(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
