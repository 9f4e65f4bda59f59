"""Repositories that depend on things, made for a test."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detector.incident.dependents import Dependent, search
from detector.model import Skipped


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def write(folder: Path, files: Mapping[str, object]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))


def commit(folder: Path, files: Mapping[str, object], *gone: str) -> str:
    """Commit *files* in a repository, made if there is none, and return the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    write(folder, files)
    for name in gone:
        os.unlink(folder / name)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")
    return git(folder, "rev-parse", "HEAD")


def found(folder: Path, wanted: str, **options: object) -> list[Dependent]:
    """Search *folder* where nothing may be left unread."""
    entries = list(search([str(folder)], wanted, **options))  # type: ignore[arg-type]
    assert not [entry for entry in entries if isinstance(entry, Skipped)]
    return [entry for entry in entries if isinstance(entry, Dependent)]


def unread(folder: Path, wanted: str = "left-pad") -> list[Skipped]:
    return [entry for entry in search([str(folder)], wanted) if isinstance(entry, Skipped)]


def summarize(entry: Dependent) -> tuple[str, str, bool | None, tuple[str, ...]]:
    """Return what most tests compare: where, which version, direct, through what."""
    return entry.path, entry.version or entry.constraint, entry.direct, entry.via


Row = tuple[str, str, bool | None, tuple[str, ...]]
"""Path (empty for the first file of a case), version or constraint, direct, dependency path."""

Case = tuple[str, Mapping[str, Any], list[Row]]
"""A package URL without ``pkg:``, files, and the expected rows."""


def simple(version: str, *via: str, direct: bool | None = False) -> Row:
    return "", version, direct, via


def check_entries(wanted: str, files: Mapping[str, Any], rows: list[Row], folder: Path) -> None:
    """Search *files* in *folder* and compare the result with *rows*, in any order."""
    write(folder, files)
    first = next(iter(files))
    entries = found(folder, f"pkg:{wanted}")
    assert sorted(map(summarize, entries), key=str) == sorted(((path or first, *rest) for path, *rest in rows), key=str)
