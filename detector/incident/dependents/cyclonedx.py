"""SBOMs in CycloneDX (JSON), as written by Syft, Trivy, cdxgen and others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text
from detector.incident.dependents._sbom import SbomComponent, list_entries, list_without_url, parse_package_url

FILES = ("bom.json", "*.cdx.json", "*.bom.json", "*sbom*.json", "*cyclonedx*.json")
LOCKS = False
READS_ANY_NAME = True

_NOT_PACKAGES = ("file", "operating-system", "device", "device-driver", "firmware", "data", "platform")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the wanted components; nothing if the file has another format."""
    whole = as_mapping(_safe_parsers.parse_json(file.data))
    if whole.get("bomFormat") != "CycloneDX":
        return
    components: dict[str, SbomComponent | None] = {}
    without_url: list[tuple[str, str]] = []
    pending = list(as_list(whole.get("components")))
    while pending:
        row = as_mapping(pending.pop())
        pending += as_list(row.get("components"))
        key = as_text(row.get("bom-ref")) or as_text(row.get("purl"))
        if not key or components.get(key):
            key = f"component {len(components)} {key}"
        components[key] = parse_package_url(as_text(row.get("purl"))) if row.get("purl") else None
        if not row.get("purl") and row.get("type") not in _NOT_PACKAGES:
            name, group, version = (as_text(row.get(key)) for key in ("name", "group", "version"))
            full_names = [f"{group}/{name}", f"{group}:{name}"] if group else [name]
            without_url += [(full_name, version) for full_name in full_names]
    needs = {
        as_text(row.get("ref")): [as_text(need) for need in as_list(row.get("dependsOn"))]
        for row in map(as_mapping, as_list(whole.get("dependencies")))
    }
    yield from list_entries(components, needs, _list_roots(whole, needs, components), is_wanted)
    yield from list_without_url(without_url, is_wanted)


def _list_roots(
    whole: dict[str, Any], needs: dict[str, list[str]], components: dict[str, SbomComponent | None]
) -> list[str]:
    """Return the root component, and all components that are not packages."""
    top = as_mapping(as_mapping(whole.get("metadata")).get("component"))
    found = [as_text(top.get("bom-ref"))] if top.get("bom-ref") else []
    return [key for key in (*found, *needs) if not components.get(key)]
