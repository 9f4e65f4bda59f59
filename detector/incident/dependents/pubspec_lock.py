"""pubspec.lock of Dart and Flutter: it marks what is direct, and tells no ways."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._safe_parsers import mapping, string

FILES = ("pubspec.lock",)
LOCKS = True


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked packages."""
    whole = _safe_parsers.yaml(file.data)
    if not isinstance(whole, dict) or "packages" not in whole:
        raise Unreadable("is not a lock file of pub")
    for key, row in mapping(whole["packages"]).items():
        told = mapping(row)
        name = string(mapping(told.get("description")).get("name")) or key
        if wanted("pub", name) and told.get("source") not in ("path", "sdk"):
            kind = string(told.get("dependency"))
            note = kind.removeprefix("direct ").replace("main", "") if kind.startswith("direct") else ""
            yield Entry("pub", name, version=string(told.get("version")), direct=kind.startswith("direct"), note=note)
