"""A list in a file: one URL or path on a line, ``#`` begins a comment.

Paths are relative to the file. ``file:-`` reads standard input. The clones of
this machine, by path or ``file://``, are read where they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

from detector.errors import UsageError
from detector.fleet.inventory import Entry, Options
from detector.fleet.inventory._names import Refused, shown
from detector.fleet.inventory.repository import entry_for
from detector.model import Skipped


def entries(place: str, _options: Options) -> Iterator[Entry | Skipped]:
    """List what the file at *place* names. Raises `UsageError` if it cannot be read."""
    if place == "-":
        return _listed(sys.stdin, "<stdin>", os.getcwd())
    try:
        with open(place, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise UsageError(f"{place}: cannot be read ({error.strerror})") from None
    return _listed(lines, place, os.path.dirname(os.path.abspath(place)))


def _listed(lines: Iterable[str], where: str, folder: str) -> Iterator[Entry | Skipped]:
    for number, line in enumerate(lines, 1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        try:
            yield entry_for(text, folder)
        except Refused as refused:
            yield Skipped(f"{where}:{number}", f"{_without_password(text)} {refused}")


def _without_password(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return shown(f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}")
