"""Projects of .NET: package references, central versions, and packages.config.

NuGet installs the lowest version that matches, so a bare version is the installed one.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._safe_parsers import Element

FILES = ("*.csproj", "*.fsproj", "*.vbproj", "packages.config", "Directory.Packages.props", "Directory.Build.props")
LOCKS = False

_PROPERTY = re.compile(r"\$\(([\w.]+)\)")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the package references."""
    project = _safe_parsers.parse_xml(file.data)
    properties = _collect_properties(project)
    central: dict[str, str] | None = None
    for row in project.walk():
        if row.name == "package" and project.name == "packages":
            name, version = row.attributes.get("id", ""), row.attributes.get("version", "")
        elif row.name in ("PackageReference", "GlobalPackageReference", "DotNetCliToolReference"):
            name = row.attributes.get("Include") or row.attributes.get("Update") or ""
            version = _get_version(row)
        else:
            continue
        for one in name.split(";"):
            if not is_wanted("nuget", one.strip()):
                continue
            if not version:
                central = _read_central_versions(file) if central is None else central
                version = central.get(one.strip().lower(), "")
            yield _make_entry(one.strip(), _fill_properties(version, properties))


def _get_version(row: Element) -> str:
    return row.attributes.get("VersionOverride") or row.attributes.get("Version") or row.get_text("Version")


def _make_entry(name: str, version: str) -> DependencyEntry:
    if not version or "*" in version or "$(" in version or version[0] in "[(":
        return DependencyEntry("nuget", name, constraint=version or "(managed elsewhere)", direct=True)
    return DependencyEntry("nuget", name, version=version, direct=True)


def _read_central_versions(file: DependencyFile) -> dict[str, str]:
    """Return the versions in the nearest Directory.Packages.props above *file*, by lower-case name."""
    depth = len([part for part in posixpath.dirname(file.path).split("/") if part])
    for up in range(depth + 1):
        try:
            data = file.read_sibling("../" * up + "Directory.Packages.props")
            if data is None:
                continue
            props = _safe_parsers.parse_xml(data)
        except UnreadableFile:
            return {}
        properties = _collect_properties(props)
        return {
            row.attributes.get("Include", "").lower(): _fill_properties(_get_version(row), properties)
            for row in props.walk()
            if row.name == "PackageVersion"
        }
    return {}


def _collect_properties(project: Element) -> dict[str, str]:
    return {row.name.lower(): row.text for group in project.find_all("PropertyGroup") for row in group.children}


def _fill_properties(text: str, properties: dict[str, str]) -> str:
    for _ in range(4):
        if "$(" not in text or len(text) > 1000:
            break
        text = _PROPERTY.sub(lambda found: properties.get(found[1].lower(), found[0])[:1000], text)
    return text
