"""One repository, named by its URL or path."""

from __future__ import annotations

import os
from collections.abc import Iterator

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, RepositoryEntry
from detector.fleet.inventory._entries import make_entry
from detector.fleet.names import InvalidName, make_line
from detector.model import Skipped


def list_repositories(location: str, _options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the repository at *location*. Raises `UsageError` if it cannot be one."""
    try:
        return iter([make_entry(location, os.getcwd())])
    except InvalidName as error:
        raise UsageError(f"{make_line(location.rpartition('@')[2])} {error}") from None
