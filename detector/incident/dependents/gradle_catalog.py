"""Version catalogues of Gradle (libs.versions.toml)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("*.versions.toml",)
LOCKS = False


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield libraries and plugins; a plugin has the name of its marker artifact."""
    whole = _safe_parsers.parse_toml(file.data)
    versions = as_mapping(whole.get("versions"))
    for spec in as_mapping(whole.get("libraries")).values():
        name, version = _split_library(spec)
        yield from _list_entries(name, version, versions, "", is_wanted)
    for spec in as_mapping(whole.get("plugins")).values():
        plugin, _, short = (
            spec.partition(":") if isinstance(spec, str) else (as_text(as_mapping(spec).get("id")), "", "")
        )
        version = short or as_mapping(spec).get("version")
        yield from _list_entries(f"{plugin}:{plugin}.gradle.plugin", version, versions, "plugin", is_wanted)


def _split_library(spec: Any) -> tuple[str, Any]:
    if isinstance(spec, str):
        parts = spec.split(":")
        return ":".join(parts[:2]), ":".join(parts[2:])
    table = as_mapping(spec)
    name = as_text(table.get("module")) or f"{as_text(table.get('group'))}:{as_text(table.get('name'))}"
    return name, table.get("version")


def _list_entries(
    name: str, version: Any, versions: dict[str, Any], note: str, is_wanted: IsWanted
) -> Iterator[DependencyEntry]:
    if not is_wanted("maven", name):
        return
    if isinstance(version, dict) and "ref" in version:
        version = versions.get(as_text(version["ref"]))
    if isinstance(version, dict):
        version = next((version[key] for key in ("strictly", "require", "prefer") if key in version), "")
    text = as_text(version)
    if text and text[0] not in "[(]" and not text.endswith("+"):
        yield DependencyEntry("maven", name, version=text, direct=True, note=note)
    else:
        yield DependencyEntry("maven", name, constraint=text or "(managed elsewhere)", direct=True, note=note)
