"""SBOMs in CycloneDX (JSON), as Syft, Trivy, cdxgen and others write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._safe_parsers import items, mapping, string
from detector.incident.dependents._sbom import Component, component, entries, unnamed

FILES = ("bom.json", "*.cdx.json", "*.bom.json", "*sbom*.json", "*cyclonedx*.json")
LOCKS = False
SNIFFS = True

_NO_PACKAGES = ("file", "operating-system", "device", "device-driver", "firmware", "data", "platform")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the wanted components; nothing if this is another format."""
    whole = mapping(_safe_parsers.json(file.data))
    if whole.get("bomFormat") != "CycloneDX":
        return
    components: dict[str, Component | None] = {}
    bare: list[tuple[str, str]] = []
    line = list(items(whole.get("components")))
    while line:
        row = mapping(line.pop())
        line += items(row.get("components"))
        key = string(row.get("bom-ref")) or string(row.get("purl"))
        if not key or components.get(key):
            key = f"component {len(components)} {key}"
        components[key] = component(string(row.get("purl"))) if row.get("purl") else None
        if not row.get("purl") and row.get("type") not in _NO_PACKAGES:
            name, group, version = (string(row.get(what)) for what in ("name", "group", "version"))
            bare += [(f"{group}{joint}{name}", version) for joint in "/:"] if group else [(name, version)]
    needs = {
        string(row.get("ref")): [string(need) for need in items(row.get("dependsOn"))]
        for row in map(mapping, items(whole.get("dependencies")))
    }
    yield from entries(components, needs, _roots(whole, needs, components), wanted)
    yield from unnamed(bare, wanted)


def _roots(whole: dict[str, Any], needs: dict[str, list[str]], components: dict[str, Component | None]) -> list[str]:
    """Return what the SBOM is about, and all that is no package itself."""
    top = mapping(mapping(whole.get("metadata")).get("component"))
    found = [string(top.get("bom-ref"))] if top.get("bom-ref") else []
    return [key for key in (*found, *needs) if not components.get(key)]
