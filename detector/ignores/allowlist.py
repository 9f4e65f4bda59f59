"""Parse our own ignore files: `.leakfirstignore`, and `[[allow]]` in leakfirst.toml or pyproject.toml.

```toml
[[allow]]
reason = "fixtures of the mail tests"     # shown by --show-ignored
rules  = ["sendgrid.*"]                   # globs over rule ids
paths  = ["tests/mail/**"]                # gitignore syntax
values = ["^SG\\.test"]                   # regular expressions in the value
until  = 2027-01-31
```
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from typing import Any

from detector.errors import UsageError
from detector.files.trusted import decode_list, find_unknown_key, parse_toml
from detector.ignores.policy import AllowEntry, ParsedIgnores, check_patterns

IGNORE_FILE = ".leakfirstignore"
SETTINGS_FILE = "leakfirst.toml"
PYPROJECT_FILE = "pyproject.toml"

KNOWN_SETTINGS = ("allow", "read")
"""What leakfirst.toml and ``[tool.leakfirst]`` may hold."""

_LISTS = {
    "rules": "rules",
    "paths": "globs",
    "path-patterns": "paths",
    "values": "values",
    "words": "words",
    "lines": "lines",
    "matches": "matches",
    "fingerprints": "fingerprints",
    "commits": "commits",
}


def parse_ignore_file(content: bytes, name: str = IGNORE_FILE) -> ParsedIgnores:
    """Parse lines of gitignore syntax. Raises `UsageError` for what is no text."""
    text = decode_list(content, name, "surrogateescape")
    lines = tuple(line.rstrip("\r") for line in text.split("\n") if line.strip())
    globs = tuple(line for line in lines if not line.startswith("#"))
    return ParsedIgnores((AllowEntry(name, globs=globs),) if globs else ())


def parse_settings(content: bytes, name: str) -> Mapping[str, Any]:
    """Return our table of a TOML file. Raises `UsageError`."""
    tables = parse_toml(content, name)
    if os.path.basename(name) == PYPROJECT_FILE:
        tables = tables.get("tool", {}).get("leakfirst", {})
    return tables


def list_unknown_settings(tables: Mapping[str, Any]) -> list[str]:
    """Describe each name in our settings that means nothing: it is misspelt."""
    return [
        find_unknown_key({name: value}, KNOWN_SETTINGS) for name, value in tables.items() if name not in KNOWN_SETTINGS
    ]


def parse_allowlist(tables: Mapping[str, Any], name: str) -> list[AllowEntry]:
    """Parse the ``[[allow]]`` tables of the file called *name*. Raises `UsageError`."""
    rows = tables.get("allow", [])
    if not isinstance(rows, list):
        raise UsageError(f"{name}: allow must be a list of tables; write [[allow]] with two brackets")
    return [_parse_entry(row, f"{name}: allow {number}") for number, row in enumerate(rows, 1)]


def _parse_entry(row: Any, where: str) -> AllowEntry:
    if not isinstance(row, dict):
        raise UsageError(f"{where}: must be a table")
    given: dict[str, Any] = {}
    for key, value in row.items():
        if key in _LISTS:
            values = [value] if isinstance(value, str) else value
            if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
                raise UsageError(f"{where}: {key} must be a list of texts")
            given[_LISTS[key]] = tuple(one.lower() for one in values) if key in ("words", "commits") else tuple(values)
        elif key == "until":
            given["until"] = _parse_day(value, where)
        elif key == "match":
            if value not in ("all", "any"):
                raise UsageError(f'{where}: match must be "all" or "any"')
            given["match_all"] = value == "all"
        elif key == "other-rules":
            given["rules"], given["of_other_tool"] = tuple(value), True
        elif key not in ("reason", "owner", "from"):
            known = (*_LISTS, "until", "match", "reason", "owner")
            raise UsageError(find_unknown_key({key: value}, known, where))
    if not set(given) - {"until", "match_all", "of_other_tool"}:
        raise UsageError(f"{where}: has no condition and would ignore everything; add one, such as paths or rules")
    by = f"{where} ({row['reason']})" if row.get("reason") else where
    allow = AllowEntry(by, **given)
    try:
        check_patterns(allow)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None
    return allow


def _parse_day(value: Any, where: str) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    try:
        return datetime.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise UsageError(f"{where}: until must be a day such as 2027-01-31, not {value!r}") from None
