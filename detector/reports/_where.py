"""Where a credential stands, in a form to click or to paste into a shell.

A file on disk is `path:line:column`, relative to the user's folder, which terminals and editors open. Content of a
history is the command that prints it. A name is chosen by whoever made the file: it is quoted for the shell, and where
quoting is not enough (control characters, bytes that are not UTF-8) the id of the object takes its place.
"""

from __future__ import annotations

import os
import re
import shlex

from detector.model import Location, Origin
from detector.reports._locations import FILE_KINDS
from detector.reports._options import ReportOptions
from detector.text.untrusted import (
    describe_provenance,
    format_location,
    make_printable,
    needs_repository,
    strip_url_credentials,
)

UNIQUE = 12
"""Digits of an object id that are unique also in a very large repository."""

_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)


def format_where(location: Location, options: ReportOptions) -> str:
    """Return where *location* is.

    >>> from detector.model import Origin
    >>> old = Location(Origin("blob", "a b.py", "", "1" * 40, "2" * 40), 0, 1, 7, 3, 7, 4)
    >>> print(format_where(old, ReportOptions()))
    git show '222222222222:a b.py'  line 7
    """
    command = format_command(location, options)
    if command:
        return f"{command}  line {location.line}" if location.line > 0 and location.origin.path else command
    origin = location.origin
    return format_location(location._replace(origin=origin._replace(path=_find_path(origin, options))))


def describe_source(location: Location, options: ReportOptions) -> str:
    """Return what `format_where` does not say: day and author, in which repository, in which encoding."""
    origin = location.origin
    is_said = bool(format_command(location, options))
    words = [describe_provenance(origin._replace(commit=None) if is_said else origin)]
    is_elsewhere = needs_repository([origin.repository], options.target)
    if is_elsewhere and origin.repository and not is_said and _find_path(origin, options) == origin.path:
        words.append(f"in {make_printable(strip_url_credentials(origin.repository))}")
    if location.decoded_via:
        words.append(f"inside {' in '.join(map(make_printable, location.decoded_via))}")
    return ", ".join(filter(None, words))


def _find_path(origin: Origin, options: ReportOptions) -> str:
    """Return the path of a file on disk as seen from the user's folder; any other path is returned unchanged."""
    stored = origin.object_id or origin.kind not in FILE_KINDS
    if stored or not origin.repository or "://" in origin.repository:
        return origin.path
    path = os.path.join(os.path.normpath(origin.repository), origin.path)
    return path.removeprefix(os.path.join(options.here, "")) if options.here else path


def format_command(location: Location, options: ReportOptions) -> str:
    """Return the git command that prints the content of *location*, "" if there is none to give."""
    origin = location.origin
    commit = origin.commit or ""
    if not origin.object_id or origin.kind in ("index", "archive", "image") or "://" in origin.repository:
        return ""
    if "!" in origin.path or re.search(r"[^0-9a-f]", commit + origin.object_id):
        return ""
    repository = origin.repository
    if not repository and len(options.target.split()) == 1 and "://" not in options.target:
        repository = options.target
    if repository in (".", options.here):
        repository = ""
    if repository and not repository.isprintable():
        return ""
    where = f" -C {_quote(repository)}" if repository else ""
    if origin.kind in ("commit", "tag") and not origin.path:
        return f"git{where} show -s {origin.object_id[:UNIQUE]}"
    if commit and origin.path and make_printable(origin.path) == origin.path:
        return f"git{where} show {_quote(f'{commit[:UNIQUE]}:{origin.path}')}"
    return f"git{where} show {origin.object_id[:UNIQUE]}"


def _quote(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and not text.startswith("-") else shlex.quote(text)
