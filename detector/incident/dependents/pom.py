"""pom.xml: dependencies, plugins and parents of Maven, with properties and managed versions.

A version may be a property, and properties and managed versions may be inherited.
Parents in the repository are read, others are not known.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._safe_parsers import Element

FILES = ("pom.xml", "*.pom")
LOCKS = False

MAX_PARENTS = 16
_PROPERTY = re.compile(r"\$\{([^${}]+)\}")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the parent, dependencies, plugins and imported BOMs."""
    project = _safe_parsers.parse_xml(file.data)
    if project.name != "project":
        raise UnreadableFile("is not a project of Maven")
    family = [project, *_read_parents(file, project)]
    properties = _collect_properties(family)
    managed: dict[str, str] = {}
    for member in reversed(family):
        for row in member.find_all("dependencyManagement", "dependencies", "dependency"):
            managed[_get_name(row, properties)] = _fill_properties(row.get_text("version"), properties)
        for row in member.find_all("build", "pluginManagement", "plugins", "plugin"):
            managed[_get_name(row, properties)] = _fill_properties(row.get_text("version"), properties)
    for row, note in _list_rows(project):
        name = _get_name(row, properties)
        if is_wanted("maven", name):
            version = _fill_properties(row.get_text("version"), properties) or managed.get(name, "")
            yield _make_entry(name, version, note)


def _list_rows(project: Element) -> Iterator[tuple[Element, str]]:
    for parent in project.find_all("parent"):
        yield parent, "parent"
    for place in (project, *project.find_all("profiles", "profile")):
        for row in place.find_all("dependencies", "dependency"):
            yield row, row.get_text("scope")
        for row in place.find_all("dependencyManagement", "dependencies", "dependency"):
            if row.get_text("scope") == "import":
                yield row, "import"
        for row in (*place.find_all("build", "plugins", "plugin"), *place.find_all("reporting", "plugins", "plugin")):
            yield row, "plugin"
            for inner in row.find_all("dependencies", "dependency"):
                yield inner, "plugin dependency"
        for row in place.find_all("build", "extensions", "extension"):
            yield row, "extension"


def _make_entry(name: str, version: str, note: str) -> DependencyEntry:
    if not version or "${" in version:
        return DependencyEntry("maven", name, constraint=version or "(managed elsewhere)", direct=True, note=note)
    if version[0] in "[(" or version in ("LATEST", "RELEASE"):
        return DependencyEntry("maven", name, constraint=version, direct=True, note=note)
    return DependencyEntry("maven", name, version=version, direct=True, note=note)


def _get_name(row: Element, properties: dict[str, str]) -> str:
    group = row.get_text("groupId") or ("org.apache.maven.plugins" if row.name == "plugin" else "")
    return f"{_fill_properties(group, properties)}:{_fill_properties(row.get_text('artifactId'), properties)}"


def _read_parents(file: DependencyFile, project: Element) -> Iterator[Element]:
    """Yield the parents in the repository, the nearest first."""
    here = posixpath.dirname(file.path)
    place, seen = here, {file.path}
    for _ in range(MAX_PARENTS):
        parent = next(project.find_all("parent"), None)
        if parent is None:
            return
        named = next(parent.find_all("relativePath"), None)
        path = "../pom.xml" if named is None else named.text
        if not path:
            return
        target = posixpath.normpath(posixpath.join(place, path.replace("\\", "/")))
        if not target.endswith((".xml", ".pom")):
            target = posixpath.join(target, "pom.xml")
        if target in seen or target.startswith(("..", "/")):
            return
        seen.add(target)
        try:
            data = file.read_sibling(posixpath.relpath(target, here or "."))
            found = _safe_parsers.parse_xml(data) if data is not None else None
        except UnreadableFile:
            return
        if found is None or found.get_text("artifactId") != parent.get_text("artifactId"):
            return
        yield found
        project, place = found, posixpath.dirname(target)


def _collect_properties(family: list[Element]) -> dict[str, str]:
    found: dict[str, str] = {}
    for member in reversed(family):
        for table in member.find_all("properties"):
            found.update({row.name: row.text for row in table.children})
    project = family[0]
    parent = next(project.find_all("parent"), None)
    for key in ("groupId", "version", "artifactId"):
        value = project.get_text(key) or (parent.get_text(key) if parent is not None else "")
        found.setdefault(f"project.{key}", value)
        found.setdefault(f"pom.{key}", value)
        if parent is not None:
            found.setdefault(f"project.parent.{key}", parent.get_text(key))
    return found


def _fill_properties(text: str, properties: dict[str, str]) -> str:
    """Replace properties by their values, which may contain properties too."""
    for _ in range(8):
        if "${" not in text or len(text) > 1000:
            break
        text = _PROPERTY.sub(lambda found: properties.get(found[1], found[0])[:1000], text)
    return text
