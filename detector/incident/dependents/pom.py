"""pom.xml: dependencies, plugins and parents of Maven, with properties and managed versions.

A version may be a property, and properties and managed versions come from
parents: those that lie in the repository are read, others are not known here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._safe_parsers import Element

FILES = ("pom.xml", "*.pom")
LOCKS = False

MAX_PARENTS = 16
_PROPERTY = re.compile(r"\$\{([^${}]+)\}")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the parent, dependencies, plugins and imported lists of versions."""
    project = _safe_parsers.xml(file.data)
    if project.name != "project":
        raise Unreadable("is not a project of Maven")
    family = [project, *_parents(file, project)]
    properties = _properties(family)
    managed: dict[str, str] = {}
    for member in reversed(family):
        for row in member.all("dependencyManagement", "dependencies", "dependency"):
            managed[_name(row, properties)] = _filled(row.say("version"), properties)
        for row in member.all("build", "pluginManagement", "plugins", "plugin"):
            managed[_name(row, properties)] = _filled(row.say("version"), properties)
    for row, note in _rows(project):
        name = _name(row, properties)
        if wanted("maven", name):
            version = _filled(row.say("version"), properties) or managed.get(name, "")
            yield _entry(name, version, note)


def _rows(project: Element) -> Iterator[tuple[Element, str]]:
    for parent in project.all("parent"):
        yield parent, "parent"
    for place in (project, *project.all("profiles", "profile")):
        for row in place.all("dependencies", "dependency"):
            yield row, row.say("scope")
        for row in place.all("dependencyManagement", "dependencies", "dependency"):
            if row.say("scope") == "import":
                yield row, "import"
        for row in (*place.all("build", "plugins", "plugin"), *place.all("reporting", "plugins", "plugin")):
            yield row, "plugin"
            for inner in row.all("dependencies", "dependency"):
                yield inner, "of a plugin"
        for row in place.all("build", "extensions", "extension"):
            yield row, "extension"


def _entry(name: str, version: str, note: str) -> Entry:
    if not version or "${" in version:
        return Entry("maven", name, constraint=version or "(managed elsewhere)", direct=True, note=note)
    if version[0] in "[(" or version in ("LATEST", "RELEASE"):
        return Entry("maven", name, constraint=version, direct=True, note=note)
    return Entry("maven", name, version=version, direct=True, note=note)


def _name(row: Element, properties: dict[str, str]) -> str:
    group = row.say("groupId") or ("org.apache.maven.plugins" if row.name == "plugin" else "")
    return f"{_filled(group, properties)}:{_filled(row.say('artifactId'), properties)}"


def _parents(file: File, project: Element) -> Iterator[Element]:
    """Yield the parents that lie in the repository, the nearest first."""
    here = posixpath.dirname(file.path)
    place, seen = here, {file.path}
    for _ in range(MAX_PARENTS):
        parent = next(project.all("parent"), None)
        if parent is None:
            return
        named = next(parent.all("relativePath"), None)
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
            data = file.beside(posixpath.relpath(target, here or "."))
            found = _safe_parsers.xml(data) if data is not None else None
        except Unreadable:
            return
        if found is None or found.say("artifactId") != parent.say("artifactId"):
            return
        yield found
        project, place = found, posixpath.dirname(target)


def _properties(family: list[Element]) -> dict[str, str]:
    found: dict[str, str] = {}
    for member in reversed(family):
        for table in member.all("properties"):
            found.update({row.name: row.text for row in table.children})
    project = family[0]
    parent = next(project.all("parent"), None)
    for key in ("groupId", "version", "artifactId"):
        value = project.say(key) or (parent.say(key) if parent is not None else "")
        found.setdefault(f"project.{key}", value)
        found.setdefault(f"pom.{key}", value)
        if parent is not None:
            found.setdefault(f"project.parent.{key}", parent.say(key))
    return found


def _filled(text: str, properties: dict[str, str]) -> str:
    """Put the values of properties in, which may name properties in turn."""
    for _ in range(8):
        if "${" not in text or len(text) > 1000:
            break
        text = _PROPERTY.sub(lambda found: properties.get(found[1], found[0])[:1000], text)
    return text
