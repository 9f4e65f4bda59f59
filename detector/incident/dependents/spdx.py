"""SBOMs in SPDX (JSON, 2.x and 3), as Syft, Trivy, GitHub and others write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._safe_parsers import items, mapping, string
from detector.incident.dependents._sbom import Component, component, entries, unnamed

FILES = ("*.spdx.json", "spdx.json", "*sbom*.json", "*.spdx3.json")
LOCKS = False
SNIFFS = True

_DOWN = ("DEPENDS_ON", "DESCRIBES", "HAS_PREREQUISITE")
_UP = (
    "DEPENDENCY_OF",
    "CONTAINED_BY",
    "DESCRIBED_BY",
    "RUNTIME_DEPENDENCY_OF",
    "DEV_DEPENDENCY_OF",
    "BUILD_DEPENDENCY_OF",
    "OPTIONAL_DEPENDENCY_OF",
    "PROVIDED_DEPENDENCY_OF",
    "TEST_DEPENDENCY_OF",
)
_DOWN_3 = ("dependsOn", "describes", "hasPrerequisite")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the wanted packages; nothing if this is another format."""
    whole = mapping(_safe_parsers.json(file.data))
    if isinstance(whole.get("sbom"), dict):  # as GitHub hands it out
        whole = whole["sbom"]
    if "spdxVersion" in whole:
        yield from _second(whole, wanted)
    elif "spdx.org" in str(whole.get("@context"))[:1000]:
        yield from _third(whole, wanted)


def _second(whole: dict[str, Any], wanted: Wanted) -> Iterator[Entry]:
    components: dict[str, Component | None] = {}
    bare: dict[str, tuple[str, str]] = {}
    for row in map(mapping, items(whole.get("packages"))):
        urls = [
            string(ref.get("referenceLocator"))
            for ref in map(mapping, items(row.get("externalRefs")))
            if ref.get("referenceType") == "purl"
        ]
        found = component(urls[0]) if urls else None
        version = string(row.get("versionInfo"))
        key = string(row.get("SPDXID"))
        if components.get(key):  # two of the same id: none may hide the other
            key = f"component {len(components)} {key}"
        components[key] = found._replace(version=found.version or version) if found else None
        if not urls:
            bare[key] = string(row.get("name")), version
    needs: dict[str, list[str]] = {}
    contents: dict[str, list[str]] = {}
    described = [string(name) for name in items(whole.get("documentDescribes"))]
    for row in map(mapping, items(whole.get("relationships"))):
        kind, one, other = (string(row.get(key)) for key in ("relationshipType", "spdxElementId", "relatedSpdxElement"))
        if kind == "CONTAINS":
            contents.setdefault(one, []).append(other)
        elif kind in _DOWN:
            needs.setdefault(one, []).append(other)
        elif kind in _UP:
            needs.setdefault(other, []).append(one)
        if kind == "DESCRIBES":
            described.append(other)
    for name in described:  # what the document is about is no dependency of it
        components[name] = None
        bare.pop(name, None)
    for key, inner in contents.items():  # what merely lies in the whole may be there for any reason
        needs.setdefault(key, []).extend(one for one in inner if not components.get(one))
    yield from entries(components, needs, _roots(components, described, needs), wanted)
    yield from unnamed(bare.values(), wanted)


def _third(whole: dict[str, Any], wanted: Wanted) -> Iterator[Entry]:
    components: dict[str, Component | None] = {}
    needs: dict[str, list[str]] = {}
    about: set[str] = set()
    for row in map(mapping, items(whole.get("@graph"))):
        kind = string(row.get("type"))
        if kind == "software_Package":
            url = string(row.get("software_packageUrl"))
            found = component(url) if url else None
            version = string(row.get("software_packageVersion"))
            components[string(row.get("spdxId"))] = found._replace(version=found.version or version) if found else None
        elif kind.endswith("Relationship"):
            if row.get("relationshipType") in _DOWN_3:
                needs.setdefault(string(row.get("from")), []).extend(string(to) for to in items(row.get("to")))
        elif kind in ("SpdxDocument", "software_Sbom"):
            about.update(string(name) for name in items(row.get("rootElement")))
    for name in about:
        components[name] = None
    yield from entries(components, needs, _roots(components, about, needs), wanted)


def _roots(components: dict[str, Component | None], *keys: Iterable[str]) -> list[str]:
    """Return those of *keys* that are no packages."""
    return [key for some in keys for key in some if not components.get(key)]
