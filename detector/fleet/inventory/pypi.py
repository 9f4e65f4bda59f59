"""Projects of a Python package index: `pypi:NAME`, `pypi:~USER`, `pypi:https://INDEX/simple/*`."""

from __future__ import annotations

from collections.abc import Iterator

from detector.fleet.inventory import InventoryOptions, RepositoryEntry
from detector.fleet.inventory._packages import list_package_entries
from detector.model import Skipped
from detector.sources import pypi


def list_repositories(location: str, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the projects at *location*, which a sweep reads in all versions. Raises `UsageError`."""
    return list_package_entries("pypi", pypi.PUBLIC, location, options, pypi.list_projects)
