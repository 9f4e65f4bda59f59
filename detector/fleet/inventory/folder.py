"""A folder of clones, bare or not, at any depth.

What lies inside a repository's own work tree is not looked for. Links are
followed to a repository, not to a folder of them. A clone is read in place;
whoever made it keeps it up to date.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from detector.errors import UsageError
from detector.fleet.inventory import Entry, Options
from detector.fleet.inventory._names import Refused, entry_for_path, shown
from detector.git.layout import is_repository
from detector.model import Skipped


def entries(place: str, _options: Options) -> Iterator[Entry | Skipped]:
    """List the repositories below *place*.

    Raises `UsageError` if it is no folder; one that is named by its whole path
    may just not be mounted, which must not end the sweep of all others.
    """
    root = os.path.expanduser(place)
    if not os.path.isdir(root):
        if os.path.isabs(root):
            return iter([Skipped(shown(root), "no such folder")])
        raise UsageError(f"{place}: no such folder")
    return _below(os.path.abspath(root))


def _below(root: str) -> Iterator[Entry | Skipped]:
    waiting = [root]
    while waiting:
        here = waiting.pop()
        if is_repository(here):
            try:
                yield entry_for_path(here, root)
            except Refused as refused:
                yield Skipped(shown(here), str(refused))
            continue
        try:
            with os.scandir(here) as found:
                inner = [entry for entry in found if entry.is_dir()]
        except OSError as error:
            yield Skipped(shown(here), f"cannot be read ({error.strerror})")
            continue
        plain = (entry.path for entry in inner if not entry.is_symlink() or is_repository(entry.path))
        waiting += sorted(plain, reverse=True)
