"""One repository by itself, named by its URL or path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from detector.errors import UsageError
from detector.fleet.inventory import Entry, Options
from detector.fleet.inventory._names import Refused, entry_for_path, entry_for_url, shown
from detector.git.layout import is_repository


def entries(place: str, _options: Options) -> Iterator[Entry]:
    """List the repository at *place*. Raises `UsageError` if it cannot be one."""
    try:
        return iter([entry_for(place, os.getcwd())])
    except Refused as refused:
        raise UsageError(f"{shown(place.rpartition('@')[2])} {refused}") from None


def entry_for(text: str, folder: str) -> Entry:
    """Return the repository that *text* names, a path relative to *folder*; raises `Refused`."""
    if text.lower().startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise Refused("is a file on another machine")
        text = unquote(parts.path)
    elif "://" in text or (":" in text.partition("/")[0] and not text.startswith((".", "~"))):
        return entry_for_url(text)
    path = os.path.join(folder, os.path.expanduser(text))
    if not is_repository(path):
        raise Refused("is no repository" if os.path.exists(path) else "does not exist")
    return entry_for_path(path)
