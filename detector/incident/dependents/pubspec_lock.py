"""pubspec.lock of Dart and Flutter: it marks direct packages, and contains no dependency paths."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("pubspec.lock",)
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked packages."""
    whole = _safe_parsers.parse_yaml(file.data)
    if not isinstance(whole, dict) or "packages" not in whole:
        raise UnreadableFile("is not a lock file of pub")
    for key, row in as_mapping(whole["packages"]).items():
        fields = as_mapping(row)
        name = as_text(as_mapping(fields.get("description")).get("name")) or key
        if is_wanted("pub", name) and fields.get("source") not in ("path", "sdk"):
            kind = as_text(fields.get("dependency"))
            note = kind.removeprefix("direct ").replace("main", "") if kind.startswith("direct") else ""
            yield DependencyEntry(
                "pub", name, version=as_text(fields.get("version")), direct=kind.startswith("direct"), note=note
            )
