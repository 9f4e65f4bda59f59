"""`.secrets.baseline` of detect-secrets: SHA-1 of values by file, and the filters that exclude by expression."""

from __future__ import annotations

import json
from typing import Any

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.ignores.policy import AllowEntry, ExactEntry, ParsedIgnores, check_patterns

_FILTERS = {
    "detect_secrets.filters.regex.should_exclude_file": "paths",
    "detect_secrets.filters.regex.should_exclude_line": "lines",
    "detect_secrets.filters.regex.should_exclude_secret": "values",
}
_WITHOUT_SETTINGS = (
    "detect_secrets.filters.heuristic.",
    "detect_secrets.filters.common.",
    "detect_secrets.filters.allowlist.",
)
"""Filters without settings of the repository; leakfirst has its own heuristics and inline marks."""


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read the known values and the filters. Raises `UsageError` if *content* is no such file."""
    try:
        tables = json.loads(decode_list(content, name))
        exact = [
            ExactEntry(
                f"{name}: {path}: {row.get('type', 'entry')}",
                ("sha1", path.replace("\\", "/"), row["hashed_secret"].lower()),
                path.replace("\\", "/"),
                int(row.get("line_number") or 0),
            )
            for path, rows in tables.get("results", {}).items()
            for row in rows
            if row.get("is_secret") is not True
        ]
        real = [
            path for path, rows in tables.get("results", {}).items() for row in rows if row.get("is_secret") is True
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{name}: not a baseline of detect-secrets") from None
    allowlist: list[AllowEntry] = []
    rejected = [f"{path}: an entry that was audited as a real secret is a finding" for path in dict.fromkeys(real)]
    for what, kind, patterns in _read_filters(tables, rejected):
        try:
            allow = AllowEntry(f"{name}: {what}", **{kind: patterns})  # type: ignore[arg-type]
            check_patterns(allow)
        except ValueError as error:
            rejected.append(f"{what}: {error}")
        else:
            allowlist.append(allow)
    return ParsedIgnores(tuple(allowlist), tuple(exact), tuple(rejected))


def _read_filters(tables: dict[str, Any], rejected: list[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    found = []
    for row in tables.get("filters_used", []):
        path = str(row.get("path", ""))
        if path in _FILTERS:
            patterns = row.get("pattern", [])
            found.append(
                (path.rpartition(".")[2], _FILTERS[path], tuple([patterns] if isinstance(patterns, str) else patterns))
            )
        elif path.startswith("detect_secrets.filters.wordlist"):
            rejected.append(f"filter wordlist: copy the words of {row.get('file_name')} to `words` of an [[allow]]")
        elif path and not path.startswith(_WITHOUT_SETTINGS) and "gibberish" not in path:
            rejected.append(f"filter {path}: is code, and code of a repository is never run")
    old = tables.get("exclude") or {"files": tables.get("exclude_regex")}
    for key, kind in (("files", "paths"), ("lines", "lines")):
        if old.get(key):
            found.append((f"exclude {key}", kind, (str(old[key]),)))
    if (tables.get("word_list") or {}).get("file"):
        rejected.append(f"word_list: copy the words of {tables['word_list']['file']} to `words` of an [[allow]]")
    return found
