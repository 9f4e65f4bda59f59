"""pubspec.yaml of Dart and Flutter: what a project asks for."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._safe_parsers import mapping, string

FILES = ("pubspec.yaml", "pubspec.yml", "pubspec_overrides.yaml")
LOCKS = False


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the dependencies of all sections."""
    whole = mapping(_safe_parsers.yaml(file.data))
    for section in ("dependencies", "dev_dependencies", "dependency_overrides"):
        for key, told in mapping(whole.get(section)).items():
            table = mapping(told)
            if "sdk" in table or "path" in table:
                continue
            name = string(mapping(table.get("hosted")).get("name")) or key
            if wanted("pub", name):
                git = table.get("git")
                source = string(git) or string(mapping(git).get("url"))
                constraint = string(told) or string(table.get("version")) or source
                note = "" if section == "dependencies" else section
                yield Entry("pub", name, constraint=constraint, direct=True, note=note)
