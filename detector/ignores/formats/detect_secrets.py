"""`.secrets.baseline` of detect-secrets: SHA-1 of values by file, and the filters that exclude by expression."""

from __future__ import annotations

import json
from typing import Any

from detector.errors import UsageError
from detector.ignores.policy import Allow, Known, Loaded, check

_FILTERS = {
    "detect_secrets.filters.regex.should_exclude_file": "paths",
    "detect_secrets.filters.regex.should_exclude_line": "lines",
    "detect_secrets.filters.regex.should_exclude_secret": "values",
}
_OURS_TOO = ("detect_secrets.filters.heuristic.", "detect_secrets.filters.common.", "detect_secrets.filters.allowlist.")
"""Filters that say nothing about this repository; judging looks and marks is our own business."""


def load(content: bytes, name: str) -> Loaded:
    """Read the known values and the filters of *content*. Raises `UsageError` where it is no such file."""
    try:
        tables = json.loads(content)
        known = [
            Known(
                f"{name}: {path}: {row.get('type', 'entry')}",
                ("sha1", path.replace("\\", "/"), row["hashed_secret"].lower()),
                path.replace("\\", "/"),
                int(row.get("line_number") or 0),
            )
            for path, rows in tables.get("results", {}).items()
            for row in rows
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{name}: is no baseline of detect-secrets") from None
    allows: list[Allow] = []
    refused: list[str] = []
    for what, kind, patterns in _excluded(tables, refused):
        try:
            allow = Allow(f"{name}: {what}", **{kind: patterns})  # type: ignore[arg-type]
            check(allow)
        except ValueError as error:
            refused.append(f"{what}: {error}")
        else:
            allows.append(allow)
    return Loaded(tuple(allows), tuple(known), tuple(refused))


def _excluded(tables: dict[str, Any], refused: list[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    found = []
    for row in tables.get("filters_used", []):
        path = str(row.get("path", ""))
        if path in _FILTERS:
            patterns = row.get("pattern", [])
            found.append(
                (path.rpartition(".")[2], _FILTERS[path], tuple([patterns] if isinstance(patterns, str) else patterns))
            )
        elif path.startswith("detect_secrets.filters.wordlist"):
            refused.append(f"filter wordlist: take the words of {row.get('file_name')} over as `words` of an [[allow]]")
        elif path and not path.startswith(_OURS_TOO) and "gibberish" not in path:
            refused.append(f"filter {path}: is code, which is never run from a repository")
    old = tables.get("exclude") or {"files": tables.get("exclude_regex")}
    for key, kind in (("files", "paths"), ("lines", "lines")):
        if old.get(key):
            found.append((f"exclude {key}", kind, (str(old[key]),)))
    if (tables.get("word_list") or {}).get("file"):
        refused.append(f"word_list: take the words of {tables['word_list']['file']} over as `words` of an [[allow]]")
    return found
