"""pubspec.yaml of Dart and Flutter: the dependencies of a project."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("pubspec.yaml", "pubspec.yml", "pubspec_overrides.yaml")
LOCKS = False


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the dependencies of all sections."""
    whole = as_mapping(_safe_parsers.parse_yaml(file.data))
    for section in ("dependencies", "dev_dependencies", "dependency_overrides"):
        for key, spec in as_mapping(whole.get(section)).items():
            table = as_mapping(spec)
            if "sdk" in table or "path" in table:
                continue
            name = as_text(as_mapping(table.get("hosted")).get("name")) or key
            if is_wanted("pub", name):
                git = table.get("git")
                source = as_text(git) or as_text(as_mapping(git).get("url"))
                constraint = as_text(spec) or as_text(table.get("version")) or source
                note = "" if section == "dependencies" else section
                yield DependencyEntry("pub", name, constraint=constraint, direct=True, note=note)
