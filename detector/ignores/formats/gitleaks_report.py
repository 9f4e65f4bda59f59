"""A gitleaks baseline: an earlier JSON report. Values are known by what they are, redacted ones by their place."""

from __future__ import annotations

import hashlib
import json

from detector.errors import UsageError
from detector.ignores.policy import Key, Known, Loaded


def load(content: bytes, name: str) -> Loaded:
    """Read the findings of *content*. Raises `UsageError` where it is no such report."""
    try:
        rows = json.loads(content)
        known = [_known(row, f"{name}: entry {number}") for number, row in enumerate(rows, 1)]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{name}: is no JSON report of gitleaks") from None
    return Loaded(known=tuple(known))


def _known(row: dict[str, object], by: str) -> Known:
    secret, path, line = str(row.get("Secret") or ""), str(row["File"]).replace("\\", "/"), int(str(row["StartLine"]))
    commit = str(row.get("Commit") or "").lower()
    key: Key = ("line", path, line, commit) if commit else ("line", path, line)
    if secret and "REDACTED" not in secret and "..." not in secret:
        key = ("sha256", hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest())
    return Known(by, key, path, line)
