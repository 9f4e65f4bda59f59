"""What SBOMs of all formats have in common: package URLs, and a graph over references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from detector.incident.dependents._entry import Entry, Unreadable, Wanted
from detector.incident.dependents._graph import ways
from detector.incident.dependents._names import ECOSYSTEMS, ecosystem


class Component(NamedTuple):
    """Something that an SBOM lists; without an ecosystem it is a file, a system, the whole."""

    ecosystem: str
    name: str
    version: str


@lru_cache(65536)
def component(url: str) -> Component | None:
    """Return what a package URL names, None if it is of no kind that is read here.

    >>> component("pkg:maven/org.x/y@1.0"), component("pkg:deb/debian/curl@7")
    (Component(ecosystem='maven', name='org.x:y', version='1.0'), None)
    """
    try:
        from packageurl import PackageURL
    except ImportError:
        raise Unreadable("an SBOM needs packageurl-python: pip install 'leakfirst[dependents]'") from None

    try:
        told = PackageURL.from_string(url)
    except ValueError:
        return None
    kind = ecosystem(told.type)
    if not kind:
        return None
    joint = ":" if kind == "maven" else "/"
    name = f"{told.namespace}{joint}{told.name}" if told.namespace else told.name
    if told.type == "oci" and isinstance(told.qualifiers, dict):
        name = told.qualifiers.get("repository_url") or name
    return Component(kind, name, told.version or "")


def entries(
    components: Mapping[str, Component | None], needs: Mapping[str, Iterable[str]], roots: Iterable[str], wanted: Wanted
) -> Iterator[Entry]:
    """Yield the wanted components. What is no package (a lock file, the whole) stands for its contents."""
    hits = [key for key, one in components.items() if one and wanted(one.ecosystem, one.name)]
    if not hits:
        return
    direct: list[str] = []
    seen: set[str] = set()
    line = list(roots)
    while line:
        key = line.pop()
        if key in seen:
            continue
        seen.add(key)
        for other in needs.get(key, ()):
            if components.get(other):
                direct.append(other)
            else:
                line.append(other)
    known = ways(sorted(direct), lambda key: needs.get(key, ()), hits)
    first = set(direct)
    told = set()
    for key in hits:
        one = components[key]
        assert one
        way = tuple(_called(step, components) for step in known.get(key, ()))
        is_direct = True if key in first else False if way else None
        entry = Entry(one.ecosystem, one.name, version=one.version, direct=is_direct, via=way)
        if entry not in told:
            told.add(entry)
            yield entry


def unnamed(rows: Iterable[tuple[str, str]], wanted: Wanted) -> Iterator[Entry]:
    """Yield the (name, version) without a package URL that may be wanted: their ecosystem is anybody's guess."""
    for name, version in dict.fromkeys(rows):
        kind = next((kind for kind in ECOSYSTEMS if name and wanted(kind, name)), "")
        if kind:
            yield Entry(kind, name, version=version, note="has no package URL")


def _called(key: str, components: Mapping[str, Component | None]) -> str:
    one = components.get(key)
    return key if one is None else f"{one.name}@{one.version}" if one.version else one.name
