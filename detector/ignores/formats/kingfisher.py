"""A baseline of kingfisher: fingerprints that are hashes of the value and its byte offsets."""

from __future__ import annotations

from typing import Any

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.ignores.policy import ExactEntry, ParsedIgnores


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read the findings of a baseline of version 1 or 2. Raises `UsageError`."""
    import yaml

    try:
        tables = yaml.safe_load(decode_list(content, name))
        rows = _list_findings(tables)
    except yaml.YAMLError as error:
        raise UsageError(f"{name}: not valid YAML ({str(error).splitlines()[0]})") from None
    except (TypeError, AttributeError, KeyError, ValueError):
        raise UsageError(f"{name}: not a baseline of kingfisher, or one of an unknown version") from None
    exact: list[ExactEntry] = []
    rejected: list[str] = []
    for number, (row, path, line) in enumerate(rows, 1):
        try:
            mark = int(row) if "repositories" in tables else _parse_old_fingerprint(row)
        except ValueError:
            rejected.append(f"entry {number}: {row!r} is not a fingerprint")
        else:
            exact.append(ExactEntry(f"{name}: entry {number}", ("xxh3", mark), path, line))
    return ParsedIgnores(exact=tuple(exact), rejected=tuple(rejected))


def _list_findings(tables: Any) -> list[tuple[Any, str, int]]:
    if "ExactFindings" in tables:
        old = (tables["ExactFindings"] or {}).get("matches") or []
        return [(row["fingerprint"], str(row.get("filepath", "")), int(row.get("linenum") or 0)) for row in old]
    if tables.get("version") != 2 or tables.get("fingerprint_algorithm") != "kingfisher-v1":
        raise ValueError
    return [
        (row["fingerprint"], str(row.get("path", "")), int(row.get("line") or 0))
        for repository in tables.get("repositories") or []
        for row in repository.get("findings") or []
    ]


def _parse_old_fingerprint(text: Any) -> int:
    """Read a fingerprint of version 1: decimal, ``0x…``, or sixteen hex digits."""
    text = str(text).strip().lower()
    return int(text, 16) if text.startswith("0x") or (len(text) == 16 and not text.isdigit()) else int(text)
