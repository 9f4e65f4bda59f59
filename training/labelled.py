"""Labelled files and how findings in them are counted; shared by the fit and the benchmark.

A folder holds `files/<repository>/<path>` and `labels.jsonl` with one row per
label: `file`, `repo` (owner/name), `line`, `end_line`, `truth` (T, F or X),
`cats` and `value`. The unit of counting is a group: all labels of one span of
lines. A group is true if one of its labels is; labels that are neither true nor
false count as false. *core* leaves out groups whose true labels are all mere
identifiers. Findings on lines without a label are strays: the plain figures
leave them aside, the strict ones count them as false.
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
"""Owners whose repositories are under a copyleft licence: measured on, never fitted to."""

Key = tuple[str, int, int]


def held_back(repository: str) -> bool:
    """Tell whether *repository* (owner/name) is kept back from fit and choice of features.

    A hash of the owner decides, so that sister projects stay together: about
    30 % of the true labels. Copyleft repositories are always kept back.
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
    """Counts over groups, and what they amount to."""

    hits: set[Key]
    false: set[Key]
    missed: set[Key]
    strays: set[tuple[str, int]]

    @property
    def precision(self) -> float:
        """Share of the reported groups that are true."""
        return len(self.hits) / max(1, len(self.hits) + len(self.false))

    @property
    def recall(self) -> float:
        """Share of the true groups that were reported."""
        return len(self.hits) / max(1, len(self.hits) + len(self.missed))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * len(self.hits) / max(1, 2 * len(self.hits) + len(self.false) + len(self.missed))

    @property
    def strict_precision(self) -> float:
        """Precision with strays as false."""
        return len(self.hits) / max(1, len(self.hits) + len(self.false) + len(self.strays))

    @property
    def strict_f1(self) -> float:
        """F1 with strays as false."""
        wrong = len(self.false) + len(self.missed) + len(self.strays)
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

    def files(self) -> list[str]:
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

    def repository_of(self, file: str) -> str:
        """Return owner/name of the repository that *file* is from."""
        return self.repository[file.split("/")[0]]

    def is_true(self, key: Key) -> bool:
        """Tell whether a label of the group is true."""
        return any(row["truth"] == "T" for row in self.groups[key])

    def is_core(self, key: Key) -> bool:
        """Tell whether a true label of the group is more than an identifier."""
        return any(row["truth"] == "T" and not set(row["cats"]) <= IDENTIFIERS for row in self.groups[key])

    def score(self, found: Iterable[Found], repositories: set[str] | None = None) -> Score:
        """Count *found* against the groups of *repositories* (all without)."""
        taken: set[Key] = set()
        strays: set[tuple[str, int]] = set()
        for one in found:
            if repositories is not None and self.repository.get(one.file.split("/")[0]) not in repositories:
                continue
            here = [key for key in self.by_file.get(one.file, ()) if _holds(key, one)]
            here = [key for key in here if self.is_true(key)] or here
            taken.update(here)
            if not here:
                strays.add((one.file, one.line))
        hits, false, missed = set(), set(), set()
        for key, rows in self.groups.items():
            if repositories is not None and rows[0]["repo"] not in repositories:
                continue
            if self.is_core(key):
                (hits if key in taken else missed).add(key)
            elif key in taken and not self.is_true(key):
                false.add(key)
        return Score(hits, false, missed, strays)


def _holds(key: Key, one: Found) -> bool:
    if key[2] > key[1]:
        return one.line <= key[2] and one.end_line >= key[1]
    return key[1] in (one.line, one.end_line)
