"""The common part of all SBOM formats: package URLs, and a graph of references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from detector.incident.dependents._contract import DependencyEntry, IsWanted, UnreadableFile
from detector.incident.dependents._graph import find_paths
from detector.incident.dependents._names import ECOSYSTEMS, Ecosystem, find_ecosystem


class SbomComponent(NamedTuple):
    """A package that an SBOM lists."""

    ecosystem: Ecosystem
    name: str
    version: str


@lru_cache(65536)
def parse_package_url(url: str) -> SbomComponent | None:
    """Return the package that a package URL names, None if its type is not supported.

    >>> parse_package_url("pkg:maven/org.x/y@1.0"), parse_package_url("pkg:deb/debian/curl@7")
    (SbomComponent(ecosystem='maven', name='org.x:y', version='1.0'), None)
    """
    try:
        from packageurl import PackageURL
    except ImportError:
        raise UnreadableFile("an SBOM needs packageurl-python: install leakfirst with the extra dependents") from None

    try:
        parsed = PackageURL.from_string(url)
    except ValueError:
        return None
    kind = find_ecosystem(parsed.type)
    if not kind:
        return None
    separator = ":" if kind == "maven" else "/"
    name = f"{parsed.namespace}{separator}{parsed.name}" if parsed.namespace else parsed.name
    if parsed.type == "oci" and isinstance(parsed.qualifiers, dict):
        name = parsed.qualifiers.get("repository_url") or name
    return SbomComponent(kind, name, parsed.version or "")


def list_entries(
    components: Mapping[str, SbomComponent | None],
    needs: Mapping[str, Iterable[str]],
    roots: Iterable[str],
    is_wanted: IsWanted,
) -> Iterator[DependencyEntry]:
    """Yield the wanted components. A component that is not a package (a file, the root) is replaced by its contents."""
    hits = [key for key, one in components.items() if one and is_wanted(one.ecosystem, one.name)]
    if not hits:
        return
    direct: list[str] = []
    seen: set[str] = set()
    pending = list(roots)
    while pending:
        key = pending.pop()
        if key in seen:
            continue
        seen.add(key)
        for other in needs.get(key, ()):
            if components.get(other):
                direct.append(other)
            else:
                pending.append(other)
    paths = find_paths(sorted(direct), lambda key: needs.get(key, ()), hits)
    direct_keys = set(direct)
    yielded = set()
    for key in hits:
        one = components[key]
        assert one
        via = tuple(_format_node(step, components) for step in paths.get(key, ()))
        is_direct = True if key in direct_keys else False if via else None
        entry = DependencyEntry(one.ecosystem, one.name, version=one.version, direct=is_direct, via=via)
        if entry not in yielded:
            yielded.add(entry)
            yield entry


def list_without_url(rows: Iterable[tuple[str, str]], is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the (name, version) without a package URL that may be wanted, in the first ecosystem that matches."""
    for name, version in dict.fromkeys(rows):
        kind = next((kind for kind in ECOSYSTEMS if name and is_wanted(kind, name)), None)
        if kind:
            yield DependencyEntry(kind, name, version=version, note="has no package URL")


def _format_node(key: str, components: Mapping[str, SbomComponent | None]) -> str:
    one = components.get(key)
    return key if one is None else f"{one.name}@{one.version}" if one.version else one.name
