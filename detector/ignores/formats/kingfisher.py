"""A baseline of kingfisher: a number made of the value and the bytes where it stands."""

from __future__ import annotations

from typing import Any

from detector.errors import UsageError
from detector.ignores.policy import Known, Loaded


def load(content: bytes, name: str) -> Loaded:
    """Read the findings of *content*, version 1 or 2. Raises `UsageError`."""
    import yaml

    try:
        tables = yaml.safe_load(content)
        rows = _rows(tables)
    except yaml.YAMLError as error:
        raise UsageError(f"{name}: is no YAML ({str(error).splitlines()[0]})") from None
    except (TypeError, AttributeError, KeyError, ValueError):
        raise UsageError(f"{name}: is no baseline of kingfisher that is known here") from None
    known: list[Known] = []
    refused: list[str] = []
    for number, (row, path, line) in enumerate(rows, 1):
        try:
            mark = int(row) if "repositories" in tables else _old_number(row)
        except ValueError:
            refused.append(f"entry {number}: {row!r} is no fingerprint")
        else:
            known.append(Known(f"{name}: entry {number}", ("xxh3", mark), path, line))
    return Loaded(known=tuple(known), refused=tuple(refused))


def _rows(tables: Any) -> list[tuple[Any, str, int]]:
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


def _old_number(text: Any) -> int:
    """Read a number of version 1: decimal, ``0x…``, or sixteen hex digits."""
    text = str(text).strip().lower()
    return int(text, 16) if text.startswith("0x") or (len(text) == 16 and not text.isdigit()) else int(text)
