"""Read the files of a repository that may hold certificates and public keys, in its working tree and at HEAD.

Only files whose names promise one are read, a limited number of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from detector.errors import SourceError

NAMES = re.compile(r"\.(?:pem|crt|cer|cert|pub|der)$|(?:^|/)authorized_keys2?$|(?:^|/)[\w.-]*chain[\w.-]*$", re.I)
MAX_FILES = 500
MAX_BYTES = 1 << 20
"""Read of each file."""
MAX_FOLDERS = 5000


def read_public_keys(repositories: Iterable[str]) -> Iterator[bytes]:
    """Yield the contents of such files in *repositories*, or in the current folder where there are none."""
    for place in repositories or ("",):
        yield from _read_folder(place or ".")
        yield from _read_head(place or ".")


def _read_folder(place: str) -> Iterator[bytes]:
    top = place if os.path.isdir(place) else os.path.dirname(place) or "."
    folders = files = 0
    for folder, inner, names in os.walk(top):
        inner[:] = [name for name in inner if name != ".git"]
        folders += 1
        for name in names:
            path = os.path.join(folder, name)
            if not NAMES.search(name) or os.path.islink(path) or not os.path.isfile(path):
                continue
            files += 1
            try:
                with open(path, "rb") as file:
                    yield file.read(MAX_BYTES)
            except OSError:
                continue
        if folders > MAX_FOLDERS or files > MAX_FILES:
            return


def _read_head(place: str) -> Iterator[bytes]:
    from detector.git.objects import cat_file
    from detector.git.refs import read_head
    from detector.git.repository import discover
    from detector.git.safe_git import run_safe_git

    try:
        repository = discover(place)
        tip = read_head(repository)
        listed = run_safe_git(repository, "ls-tree", "-r", "-z", tip) if tip else b""
    except (SourceError, OSError):
        return
    ids = []
    for entry in listed.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        if NAMES.search(path.decode("utf-8", "replace")) and len(about.split()) == 3:
            ids.append(about.split()[2].decode())
    for _, _, data in cat_file(repository, ids[:MAX_FILES]):
        if data:
            yield data[:MAX_BYTES]
