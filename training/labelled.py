"""Read labelled files and count findings in them; used by the fit and by the benchmark.

A folder contains `files/<repository>/<path>` and `labels.jsonl` with one row per
label: `file`, `repo` (owner/name), `line`, `end_line`, `truth` (T, F or X),
`cats` and `value`. Findings are counted per group: all labels of one span of
lines. A group is true if one of its labels is; labels that are neither true nor
false count as false. A true group counts as a credential unless all its true
labels are mere identifiers. Findings on lines without a label are ignored in
the plain figures and counted as false in the strict ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

IDENTIFIERS = {"UUID", "Nonce", "Salt", "AWS S3 Bucket", "Firebase Domain", "Tencent WeChat API App ID", "Other"}
COPYLEFT = {"MyCATApache", "judasn", "paramiko"}
"""Owners whose repositories have a copyleft licence: used to measure, never to fit."""

Key = tuple[str, int, int]


def is_held_back(repository: str) -> bool:
    """Return whether *repository* (owner/name) is excluded from the fit and from the choice of features.

    A hash of the owner decides, so that projects of one owner stay together:
    about 30 % of the true labels. Copyleft repositories are always excluded.
    """
    owner = repository.split("/")[0]
    digest = hashlib.sha256(f"leakfirst:{owner}".encode()).hexdigest()
    return owner in COPYLEFT or int(digest[:8], 16) % 100 < 30


class Found(NamedTuple):
    """A finding: file relative to `files/`, first and last line, and a rule id."""

    file: str
    line: int
    end_line: int
    rule: str = ""


class Score(NamedTuple):
    """The groups that were found, found wrongly or missed, and the figures computed from them."""

    hits: set[Key]
    false: set[Key]
    missed: set[Key]
    unlabelled: set[tuple[str, int]]

    @property
    def precision(self) -> float:
        """The fraction of the reported groups that are true."""
        return len(self.hits) / max(1, len(self.hits) + len(self.false))

    @property
    def recall(self) -> float:
        """The fraction of the true groups that were reported."""
        return len(self.hits) / max(1, len(self.hits) + len(self.missed))

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * len(self.hits) / max(1, 2 * len(self.hits) + len(self.false) + len(self.missed))

    @property
    def strict_precision(self) -> float:
        """Precision, counting findings without a label as false."""
        return len(self.hits) / max(1, len(self.hits) + len(self.false) + len(self.unlabelled))

    @property
    def strict_f1(self) -> float:
        """F1, counting findings without a label as false."""
        wrong = len(self.false) + len(self.missed) + len(self.unlabelled)
        return 2 * len(self.hits) / max(1, 2 * len(self.hits) + wrong)


class Labelled:
    """A folder of labelled files."""

    def __init__(self, folder: str) -> None:
        self.root = os.path.join(folder, "files")
        self.groups: dict[Key, list[dict[str, Any]]] = defaultdict(list)
        self.repository: dict[str, str] = {}
        raw = hashlib.sha256()
        with open(os.path.join(folder, "labels.jsonl"), "rb") as rows:
            for line in rows:
                raw.update(line)
                row = json.loads(line)
                self.groups[row["file"], row["line"], row["end_line"]].append(row)
                self.repository[row["file"].split("/")[0]] = row["repo"]
        self.digest = raw.hexdigest()
        self.by_file: dict[str, list[Key]] = defaultdict(list)
        for key in self.groups:
            self.by_file[key[0]].append(key)

    def list_files(self) -> list[str]:
        """List all files, relative to `files/`."""
        return sorted(
            os.path.relpath(os.path.join(folder, name), self.root)
            for folder, _, names in os.walk(self.root)
            for name in names
        )

    def read(self, file: str) -> bytes:
        """Return the bytes of *file*."""
        with open(os.path.join(self.root, file), "rb") as opened:
            return opened.read()

    def get_repository(self, file: str) -> str:
        """Return owner/name of the repository of *file*."""
        return self.repository[file.split("/")[0]]

    def is_true(self, key: Key) -> bool:
        """Return whether a label of the group is true."""
        return any(row["truth"] == "T" for row in self.groups[key])

    def is_credential(self, key: Key) -> bool:
        """Return whether a true label of the group is more than an identifier."""
        return any(row["truth"] == "T" and not set(row["cats"]) <= IDENTIFIERS for row in self.groups[key])

    def score(self, found: Iterable[Found], repositories: set[str] | None = None) -> Score:
        """Compare *found* with the groups of *repositories*, of all if None."""
        reported: set[Key] = set()
        unlabelled: set[tuple[str, int]] = set()
        for one in found:
            if repositories is not None and self.repository.get(one.file.split("/")[0]) not in repositories:
                continue
            here = [key for key in self.by_file.get(one.file, ()) if _is_on_lines(key, one)]
            here = [key for key in here if self.is_true(key)] or here
            reported.update(here)
            if not here:
                unlabelled.add((one.file, one.line))
        hits, false, missed = set(), set(), set()
        for key, rows in self.groups.items():
            if repositories is not None and rows[0]["repo"] not in repositories:
                continue
            if self.is_credential(key):
                (hits if key in reported else missed).add(key)
            elif key in reported and not self.is_true(key):
                false.add(key)
        return Score(hits, false, missed, unlabelled)


def _is_on_lines(key: Key, one: Found) -> bool:
    if key[2] > key[1]:
        return one.line <= key[2] and one.end_line >= key[1]
    return key[1] in (one.line, one.end_line)
