"""A list in a file: one URL or path on each line; ``#`` begins a comment.

Paths are relative to the file. ``file:-`` reads standard input. Repositories on
this machine, by path or ``file://``, are read in place.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.fleet.inventory import InventoryOptions, RefusedRow, RepositoryEntry
from detector.fleet.inventory._entries import make_entry
from detector.fleet.names import InvalidName, make_line
from detector.model import Skipped


def list_repositories(location: str, _options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the repositories in the file at *location*. Raises `UsageError` if it cannot be read."""
    if location == "-":
        return _parse_lines(sys.stdin, "<stdin>", os.getcwd())
    try:
        with open(location, "rb") as file:
            lines = decode_list(file.read(), location, "replace").splitlines()
    except OSError as error:
        raise UsageError(f"{location}: cannot be read ({error.strerror})") from None
    return _parse_lines(lines, location, os.path.dirname(os.path.abspath(location)))


def _parse_lines(lines: Iterable[str], file: str, folder: str) -> Iterator[RepositoryEntry | Skipped]:
    for number, line in enumerate(lines, 1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        try:
            yield make_entry(text, folder)
        except InvalidName as error:
            yield RefusedRow(f"{file}:{number}", f"{_remove_password(text)} {error}")


def _remove_password(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return make_line(f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}")
