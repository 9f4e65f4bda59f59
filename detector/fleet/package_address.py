"""The address of a package in an inventory: which source reads it, from which registry, under which name."""

from __future__ import annotations

from typing import NamedTuple

from detector.errors import SourceError


class PackageAddress(NamedTuple):
    """A package: the source that reads it, its registry and its name."""

    source: str
    registry: str
    name: str

    @property
    def url(self) -> str:
        """Return the address as an entry of an inventory has it: ``npm+https://registry.example.org/NAME``."""
        return f"{self.source}+{self.registry}/{self.name}"


def parse_address(url: str) -> PackageAddress:
    """Return the package that the URL of an entry names. Raises `SourceError`.

    >>> parse_address("npm+https://registry.npmjs.org/@acme/ui")
    PackageAddress(source='npm', registry='https://registry.npmjs.org', name='@acme/ui')
    """
    source, plus, rest = url.partition("+")
    parts = rest.split("/")
    count = 2 if len(parts) > 1 and parts[-2].startswith("@") else 1
    if not plus or "://" not in rest or len(parts) <= 2 + count:
        raise SourceError(f"{url}: names no package")
    return PackageAddress(source, "/".join(parts[:-count]), "/".join(parts[-count:]))
