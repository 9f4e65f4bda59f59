"""Version catalogues of Gradle (libs.versions.toml)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._safe_parsers import mapping, string

FILES = ("*.versions.toml",)
LOCKS = False


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield libraries, and plugins under the names of their marker modules."""
    whole = _safe_parsers.toml(file.data)
    versions = mapping(whole.get("versions"))
    for told in mapping(whole.get("libraries")).values():
        name, version = _library(told)
        yield from _entries(name, version, versions, "", wanted)
    for told in mapping(whole.get("plugins")).values():
        plugin, _, short = told.partition(":") if isinstance(told, str) else (string(mapping(told).get("id")), "", "")
        version = short or mapping(told).get("version")
        yield from _entries(f"{plugin}:{plugin}.gradle.plugin", version, versions, "plugin", wanted)


def _library(told: Any) -> tuple[str, Any]:
    if isinstance(told, str):
        parts = told.split(":")
        return ":".join(parts[:2]), ":".join(parts[2:])
    table = mapping(told)
    name = string(table.get("module")) or f"{string(table.get('group'))}:{string(table.get('name'))}"
    return name, table.get("version")


def _entries(name: str, version: Any, versions: dict[str, Any], note: str, wanted: Wanted) -> Iterator[Entry]:
    if not wanted("maven", name):
        return
    if isinstance(version, dict) and "ref" in version:
        version = versions.get(string(version["ref"]))
    if isinstance(version, dict):
        version = next((version[key] for key in ("strictly", "require", "prefer") if key in version), "")
    text = string(version)
    if text and text[0] not in "[(]" and not text.endswith("+"):
        yield Entry("maven", name, version=text, direct=True, note=note)
    else:
        yield Entry("maven", name, constraint=text or "(managed elsewhere)", direct=True, note=note)
