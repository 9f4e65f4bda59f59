"""SBOMs in SPDX (JSON, 2.x and 3), as written by Syft, Trivy, GitHub and others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text
from detector.incident.dependents._sbom import SbomComponent, list_entries, list_without_url, parse_package_url

FILES = ("*.spdx.json", "spdx.json", "*sbom*.json", "*.spdx3.json")
LOCKS = False
READS_ANY_NAME = True

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


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the wanted packages; nothing if the file has another format."""
    whole = as_mapping(_safe_parsers.parse_json(file.data))
    if isinstance(whole.get("sbom"), dict):  # the format of GitHub's API
        whole = whole["sbom"]
    if "spdxVersion" in whole:
        yield from _read_version_2(whole, is_wanted)
    elif "spdx.org" in str(whole.get("@context"))[:1000]:
        yield from _read_version_3(whole, is_wanted)


def _read_version_2(whole: dict[str, Any], is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    components: dict[str, SbomComponent | None] = {}
    without_url: dict[str, tuple[str, str]] = {}
    for row in map(as_mapping, as_list(whole.get("packages"))):
        urls = [
            as_text(ref.get("referenceLocator"))
            for ref in map(as_mapping, as_list(row.get("externalRefs")))
            if ref.get("referenceType") == "purl"
        ]
        found = parse_package_url(urls[0]) if urls else None
        version = as_text(row.get("versionInfo"))
        key = as_text(row.get("SPDXID"))
        if components.get(key):  # a second component with the same id
            key = f"component {len(components)} {key}"
        components[key] = found._replace(version=found.version or version) if found else None
        if not urls:
            without_url[key] = as_text(row.get("name")), version
    needs: dict[str, list[str]] = {}
    contained: dict[str, list[str]] = {}
    described = [as_text(name) for name in as_list(whole.get("documentDescribes"))]
    for row in map(as_mapping, as_list(whole.get("relationships"))):
        kind, one, other = (
            as_text(row.get(key)) for key in ("relationshipType", "spdxElementId", "relatedSpdxElement")
        )
        if kind == "CONTAINS":
            contained.setdefault(one, []).append(other)
        elif kind in _DOWN:
            needs.setdefault(one, []).append(other)
        elif kind in _UP:
            needs.setdefault(other, []).append(one)
        if kind == "DESCRIBES":
            described.append(other)
    for name in described:  # the subject of the document is not a dependency
        components[name] = None
        without_url.pop(name, None)
    for key, inner in contained.items():  # CONTAINS is no dependency between packages
        needs.setdefault(key, []).extend(one for one in inner if not components.get(one))
    yield from list_entries(components, needs, _list_roots(components, described, needs), is_wanted)
    yield from list_without_url(without_url.values(), is_wanted)


def _read_version_3(whole: dict[str, Any], is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    components: dict[str, SbomComponent | None] = {}
    needs: dict[str, list[str]] = {}
    subjects: set[str] = set()
    for row in map(as_mapping, as_list(whole.get("@graph"))):
        kind = as_text(row.get("type"))
        if kind == "software_Package":
            url = as_text(row.get("software_packageUrl"))
            found = parse_package_url(url) if url else None
            version = as_text(row.get("software_packageVersion"))
            components[as_text(row.get("spdxId"))] = found._replace(version=found.version or version) if found else None
        elif kind.endswith("Relationship"):
            if row.get("relationshipType") in _DOWN_3:
                needs.setdefault(as_text(row.get("from")), []).extend(as_text(to) for to in as_list(row.get("to")))
        elif kind in ("SpdxDocument", "software_Sbom"):
            subjects.update(as_text(name) for name in as_list(row.get("rootElement")))
    for name in subjects:
        components[name] = None
    yield from list_entries(components, needs, _list_roots(components, subjects, needs), is_wanted)


def _list_roots(components: dict[str, SbomComponent | None], *keys: Iterable[str]) -> list[str]:
    """Return those of *keys* that are not packages."""
    return [key for some in keys for key in some if not components.get(key)]
