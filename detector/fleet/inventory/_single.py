"""One repository that is named by its URL or path."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from detector.fleet.inventory import RepositoryEntry
from detector.fleet.inventory._names import InvalidName, make_path_entry, make_url_entry
from detector.git.layout import is_repository


def make_entry(text: str, folder: str) -> RepositoryEntry:
    """Return the repository that *text* names; a path is relative to *folder*. Raises `InvalidName`."""
    if text.lower().startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise InvalidName("is a file on another machine")
        text = unquote(parts.path)
    elif "://" in text or (":" in text.partition("/")[0] and not text.startswith((".", "~"))):
        return make_url_entry(text)
    path = os.path.join(folder, os.path.expanduser(text))
    if not is_repository(path):
        raise InvalidName("is not a repository" if os.path.exists(path) else "does not exist")
    return make_path_entry(path)
