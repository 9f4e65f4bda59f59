"""Entries for repositories that are named by their URL or path."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from detector.fleet.inventory import RepositoryEntry, RepositoryKind
from detector.fleet.names import InvalidName, check_name, normalize_url
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


def make_url_entry(text: str) -> RepositoryEntry:
    """Return the repository at a URL that the operator wrote; raises `InvalidName`."""
    url = normalize_url(text)
    parts = urlsplit(url)
    name = check_name(parts.path.strip("/").removesuffix(".git"))
    host = parts.netloc.rpartition("@")[2]
    is_wiki = url.endswith((".wiki.git", ".wiki"))
    return RepositoryEntry(
        f"{parts.scheme}://{host}/{name}", name, url, RepositoryKind.WIKI if is_wiki else RepositoryKind.REPOSITORY
    )


def make_path_entry(path: str, root: str = "") -> RepositoryEntry:
    """Return the repository at *path*, named by its path below *root* or by its last two folders.

    Raises `InvalidName`.
    """
    real = os.path.realpath(path)
    home = real.removesuffix("/.git")
    if not real.isprintable():
        raise InvalidName("has a name that is not printable")
    inner = os.path.relpath(home, os.path.realpath(root)) if root else "/".join(home.split(os.sep)[-2:])
    name = inner.removesuffix(".git").strip("/") if inner != "." else os.path.basename(home)
    return RepositoryEntry(real, name, real)
