"""`.gitguardian.yaml` of ggshield, versions 1 and 2: paths, values, detectors.

A hash of a match cannot be migrated: it includes the type of the match, which only
the server of GitGuardian knows.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.ignores.policy import AllowEntry, ExactEntry, ParsedIgnores, check_patterns


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read paths, values and detectors. Raises `UsageError` if *content* is not YAML."""
    import yaml

    try:
        tables = yaml.safe_load(decode_list(content, name)) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"{name}: not valid YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(tables, dict):
        raise UsageError(f"{name}: not a configuration of ggshield")
    tables = _normalize_keys(tables)
    secret = _normalize_keys(tables.get("secret") or {}) if isinstance(tables.get("secret"), dict) else {}
    paths = _get_list(secret, "ignored_paths") + _get_list(tables, "paths_ignore")
    matches = _get_list(secret, "ignored_matches") + _get_list(tables, "matches_ignore")
    detectors = _get_list(secret, "ignored_detectors") + _get_list(tables, "banlisted_detectors")
    allowlist: list[AllowEntry] = []
    exact: list[ExactEntry] = []
    rejected: list[str] = []
    for glob in paths:
        try:
            allow = AllowEntry(f"{name}: ignored path {glob}", paths=(translate_glob(str(glob)),))
            check_patterns(allow)
        except ValueError as error:
            rejected.append(f"ignored path {glob}: {error}")
        else:
            allowlist.append(allow)
    for number, row in enumerate(matches, 1):
        value = str(row.get("match", "") if isinstance(row, dict) else row)
        called = str(row.get("name") or number) if isinstance(row, dict) else str(number)
        if not value or re.fullmatch(r"[0-9a-fA-F]{64}", value):
            rejected.append(
                f"ignored match {called}: is a hash that only the server of GitGuardian can compute; use a baseline"
            )
        else:
            exact.append(
                ExactEntry(f"{name}: ignored match {called}", ("sha256", hashlib.sha256(value.encode()).hexdigest()))
            )
    rejected += [f"ignored detector {one}: name the leakfirst rules in an [[allow]]" for one in detectors]
    return ParsedIgnores(tuple(allowlist), tuple(exact), tuple(rejected))


def _normalize_keys(table: dict[Any, Any]) -> dict[str, Any]:
    return {str(key).replace("-", "_"): value for key, value in table.items()}


def _get_list(table: dict[str, Any], key: str) -> list[Any]:
    values = table.get(key) or []
    return list(values) if isinstance(values, list) else [values]


def translate_glob(glob: str) -> str:
    """Translate a glob of ggshield to a regular expression for the path. Raises `ValueError`.

    >>> translate_glob("doc/*")
    '(?:^|/)doc/[^/]+$'
    """
    if "***" in glob or re.search(r"(?<!^)(?<!/)\*\*|\*\*(?!/)", glob):
        raise ValueError("** must stand for whole folders: **/")
    body = glob[1:] if glob.startswith("/") else glob
    parts = [re.escape(part).replace(r"\*", "[^/]+") for part in re.split(r"\*\*/", body)]
    return (
        ("^" if glob.startswith("/") else "(?:^|/)") + "(?:[^/]+/)*".join(parts) + ("" if glob.endswith("/") else "$")
    )
