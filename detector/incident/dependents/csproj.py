"""Projects of .NET: package references, central versions, and packages.config.

NuGet takes the lowest version that fits, so a bare version is the one installed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._safe_parsers import Element

FILES = ("*.csproj", "*.fsproj", "*.vbproj", "packages.config", "Directory.Packages.props", "Directory.Build.props")
LOCKS = False

_PROPERTY = re.compile(r"\$\(([\w.]+)\)")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield what is referred to."""
    project = _safe_parsers.xml(file.data)
    properties = _properties(project)
    central: dict[str, str] | None = None
    for row in project.walk():
        if row.name == "package" and project.name == "packages":
            name, version = row.attributes.get("id", ""), row.attributes.get("version", "")
        elif row.name in ("PackageReference", "GlobalPackageReference", "DotNetCliToolReference"):
            name = row.attributes.get("Include") or row.attributes.get("Update") or ""
            version = _version(row)
        else:
            continue
        for one in name.split(";"):
            if not wanted("nuget", one.strip()):
                continue
            if not version:
                central = _central(file) if central is None else central
                version = central.get(one.strip().lower(), "")
            yield _entry(one.strip(), _filled(version, properties))


def _version(row: Element) -> str:
    return row.attributes.get("VersionOverride") or row.attributes.get("Version") or row.say("Version")


def _entry(name: str, version: str) -> Entry:
    if not version or "*" in version or "$(" in version or version[0] in "[(":
        return Entry("nuget", name, constraint=version or "(managed elsewhere)", direct=True)
    return Entry("nuget", name, version=version, direct=True)


def _central(file: File) -> dict[str, str]:
    """Return the versions of the nearest Directory.Packages.props above *file*."""
    depth = len([part for part in posixpath.dirname(file.path).split("/") if part])
    for up in range(depth + 1):
        try:
            data = file.beside("../" * up + "Directory.Packages.props")
            if data is None:
                continue
            props = _safe_parsers.xml(data)
        except Unreadable:
            return {}
        properties = _properties(props)
        return {
            row.attributes.get("Include", "").lower(): _filled(_version(row), properties)
            for row in props.walk()
            if row.name == "PackageVersion"
        }
    return {}


def _properties(project: Element) -> dict[str, str]:
    return {row.name.lower(): row.text for group in project.all("PropertyGroup") for row in group.children}


def _filled(text: str, properties: dict[str, str]) -> str:
    for _ in range(4):
        if "$(" not in text or len(text) > 1000:
            break
        text = _PROPERTY.sub(lambda found: properties.get(found[1].lower(), found[0])[:1000], text)
    return text
