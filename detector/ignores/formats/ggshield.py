"""`.gitguardian.yaml` of ggshield, versions 1 and 2: paths, values, detectors.

A hash of a match cannot be taken over: the type of the match, which only the
server knows, is part of it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from detector.errors import UsageError
from detector.ignores.policy import Allow, Known, Loaded, check


def load(content: bytes, name: str) -> Loaded:
    """Read the ignores of *content*. Raises `UsageError` where it is no YAML."""
    import yaml

    try:
        tables = yaml.safe_load(content) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"{name}: is no YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(tables, dict):
        raise UsageError(f"{name}: is no configuration of ggshield")
    tables = _keyed(tables)
    secret = _keyed(tables.get("secret") or {}) if isinstance(tables.get("secret"), dict) else {}
    paths = _listed(secret, "ignored_paths") + _listed(tables, "paths_ignore")
    matches = _listed(secret, "ignored_matches") + _listed(tables, "matches_ignore")
    detectors = _listed(secret, "ignored_detectors") + _listed(tables, "banlisted_detectors")
    allows: list[Allow] = []
    known: list[Known] = []
    refused: list[str] = []
    for glob in paths:
        try:
            allow = Allow(f"{name}: ignored path {glob}", paths=(expression(str(glob)),))
            check(allow)
        except ValueError as error:
            refused.append(f"ignored path {glob}: {error}")
        else:
            allows.append(allow)
    for number, row in enumerate(matches, 1):
        value = str(row.get("match", "") if isinstance(row, dict) else row)
        called = str(row.get("name") or number) if isinstance(row, dict) else str(number)
        if not value or re.fullmatch(r"[0-9a-fA-F]{64}", value):
            refused.append(f"ignored match {called}: is a hash that only its server can make; use a baseline")
        else:
            known.append(
                Known(f"{name}: ignored match {called}", ("sha256", hashlib.sha256(value.encode()).hexdigest()))
            )
    refused += [f"ignored detector {one}: name the rules of ours in an [[allow]]" for one in detectors]
    return Loaded(tuple(allows), tuple(known), tuple(refused))


def _keyed(table: dict[Any, Any]) -> dict[str, Any]:
    return {str(key).replace("-", "_"): value for key, value in table.items()}


def _listed(table: dict[str, Any], key: str) -> list[Any]:
    values = table.get(key) or []
    return list(values) if isinstance(values, list) else [values]


def expression(glob: str) -> str:
    """Turn a glob of ggshield into a regular expression for the path. Raises `ValueError`.

    >>> expression("doc/*")
    '(?:^|/)doc/[^/]+$'
    """
    if "***" in glob or re.search(r"(?<!^)(?<!/)\*\*|\*\*(?!/)", glob):
        raise ValueError("** stands for whole folders: **/")
    body = glob[1:] if glob.startswith("/") else glob
    parts = [re.escape(part).replace(r"\*", "[^/]+") for part in re.split(r"\*\*/", body)]
    return (
        ("^" if glob.startswith("/") else "(?:^|/)") + "(?:[^/]+/)*".join(parts) + ("" if glob.endswith("/") else "$")
    )
