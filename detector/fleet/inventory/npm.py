"""Packages of an npm registry: `npm:NAME`, `npm:@ORGANISATION/*`, `npm:~USER`, `npm:https://REGISTRY/*`."""

from __future__ import annotations

from collections.abc import Iterator

from detector.fleet.inventory import InventoryOptions, RepositoryEntry
from detector.fleet.inventory._packages import list_package_entries
from detector.model import Skipped
from detector.sources import npm


def list_repositories(location: str, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    """Return the packages at *location*, which a sweep reads in all versions. Raises `UsageError`."""
    return list_package_entries("npm", npm.PUBLIC, location, options, npm.list_packages)
