"""What the inventories of packages share: the registry in a location, and the entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, RepositoryEntry, RepositoryKind
from detector.fleet.package_address import PackageAddress
from detector.model import Skipped
from detector.net.polite_client import make_site, open_client

if TYPE_CHECKING:
    from detector.net.polite_client import PoliteClient

_LOCATION = re.compile(
    r"(?:(?P<registry>https?://[^@~*?#\s]+)/)?(?P<name>\*|~[\w.-]+|(?:@[\w.~-]+/)?[\w.~-]+|@[\w.~-]+/\*)"
)

ListPackages = Callable[["PoliteClient", str], Iterator[str | Skipped]]


def list_package_entries(
    source: str, public: str, location: str, options: InventoryOptions, list_packages: ListPackages
) -> Iterator[RepositoryEntry | Skipped]:
    """Return the packages at *location*: ``[REGISTRY/]NAME``, which may stand for many. Raises `UsageError`."""
    found = _LOCATION.fullmatch(location)
    if not found:
        raise UsageError(f"{source}:{location}: write {source}:NAME or {source}:https://registry.example.org/NAME")
    registry, name = found["registry"] or public, found["name"]
    if name == "*" and registry == public:
        raise UsageError(f"{source}:*: name a registry of your own, such as {source}:https://registry.example.org/*")
    if not name.endswith("*") and not name.startswith("~"):
        return iter([make_package_entry(PackageAddress(source, registry, name))])
    return _list_many(source, registry, name, options, list_packages)


def _list_many(
    source: str, registry: str, name: str, options: InventoryOptions, list_packages: ListPackages
) -> Iterator[RepositoryEntry | Skipped]:
    with open_client(make_site(registry, options.operator)) as client:
        for package in list_packages(client, name):
            if isinstance(package, Skipped):
                yield package
            else:
                yield make_package_entry(PackageAddress(source, registry, package))


def make_package_entry(address: PackageAddress) -> RepositoryEntry:
    """Return the entry of a package."""
    return RepositoryEntry(address.url, f"{address.source}:{address.name}", address.url, RepositoryKind.PACKAGE)
