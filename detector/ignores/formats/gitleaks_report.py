"""A gitleaks baseline: an earlier JSON report. Entries match by value, redacted ones by location."""

from __future__ import annotations

import hashlib
import json

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.ignores.policy import EntryKey, ExactEntry, ParsedIgnores


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read the findings. Raises `UsageError` if *content* is no such report."""
    try:
        rows = json.loads(decode_list(content, name))
        exact = [_read_entry(row, f"{name}: entry {number}") for number, row in enumerate(rows, 1)]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{name}: not a JSON report of gitleaks") from None
    return ParsedIgnores(exact=tuple(exact))


def _read_entry(row: dict[str, object], by: str) -> ExactEntry:
    secret, path, line = str(row.get("Secret") or ""), str(row["File"]).replace("\\", "/"), int(str(row["StartLine"]))
    commit = str(row.get("Commit") or "").lower()
    key: EntryKey = ("line", path, line, commit) if commit else ("line", path, line)
    if secret and "REDACTED" not in secret and "..." not in secret:
        key = ("sha256", hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest())
    return ExactEntry(by, key, path, line)
