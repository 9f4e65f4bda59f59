"""The list of known findings: one per line, keyed, sorted, easy to merge.

A baseline reveals nothing about the credentials in it: an entry is a keyed
fingerprint of the value, a rule, the path where it was first found, and what was
decided (reason, owner, day when the decision expires). It holds no line numbers
and no commits, so moved lines, renames, rebases and squashes change nothing, and a
different value at a known location is a new finding.

The file contains its own random key, so that everyone who has the repository gets
the same fingerprints; with `LEAKFIRST_KEY` the key is not in the file. Two branches
that both add entries merge line by line (``merge=union`` in .gitattributes);
unsorted or repeated lines are accepted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.fingerprint import PREFIX, compute_fingerprint, load_project_key
from detector.ignores.policy import ExactEntry
from detector.model import Finding

NAME = ".leakfirst.baseline"
"""The file that scans and hooks read in the root of a repository."""

FORMAT = "leakfirst/baseline/1"
FROM_ENVIRONMENT = "LEAKFIRST_KEY"
KEY_BYTES = 32


class BaselineEntry(NamedTuple):
    """One known finding, and what was decided about it. Dates are ISO 8601 days."""

    fingerprint: str
    rule: str = ""
    path: str = ""
    reason: str = ""
    owner: str = ""
    expires: str = ""
    added: str = ""


class Baseline(NamedTuple):
    """A baseline file as read; *keys* has more than one where two were merged."""

    keys: tuple[bytes, ...]
    entries: tuple[BaselineEntry, ...]
    from_environment: bool = False

    def make_exact_entries(self, name: str, today: str) -> list[ExactEntry]:
        """Return the entries that have not expired on *today*, for an `IgnorePolicy`."""
        return [
            ExactEntry(
                f"{name}: {entry.reason}" if entry.reason else name,
                ("value", entry.fingerprint),
                entry=f"{name}: the entry for {entry.path} ({entry.rule}) {entry.fingerprint}",
            )
            for entry in self.entries
            if not is_expired(entry, today)
        ]

    def list_fingerprints(self, finding: Finding) -> list[str]:
        """Return the fingerprint of *finding* under each key of this baseline."""
        return [compute_fingerprint(finding.secret, key) for key in self.keys]


def is_expired(entry: BaselineEntry, today: str) -> bool:
    """Tell whether the decision of *entry* has expired; it is valid on its last day."""
    return bool(entry.expires) and entry.expires < today


def create_empty() -> Baseline:
    """Return an empty baseline with a new random key, or the key in ``LEAKFIRST_KEY``."""
    if os.environ.get(FROM_ENVIRONMENT) is not None:
        return Baseline((load_project_key(),), (), True)
    return Baseline((os.urandom(KEY_BYTES),), ())


def read(path: str) -> Baseline:
    """Read the baseline at *path*. Raises `UsageError` naming the line that is wrong."""
    try:
        with open(path, "rb") as file:
            return parse(file.read(), path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def parse(content: bytes, path: str) -> Baseline:
    """Parse the content of a baseline; lines may be in any order and repeated. Raises `UsageError`."""
    import json

    keys: list[bytes] = []
    entries: dict[str, BaselineEntry] = {}
    from_environment = False
    for number, line in enumerate(decode_list(content, path, "surrogateescape").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if "baseline" in row:
                from_environment = from_environment or row["salt"] == FROM_ENVIRONMENT
                keys.append(_read_key(row, path, number))
                continue
            entry = BaselineEntry(**row)
            if not entry.fingerprint.startswith(PREFIX) or not all(isinstance(value, str) for value in entry):
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UsageError(f"{path}:{number}: not a baseline entry; undo the edit, or delete the line") from None
        entries[entry.fingerprint] = entry
    if not keys:
        raise UsageError(f"{path}: not a baseline: its first line must hold the salt")
    return Baseline(tuple(dict.fromkeys(keys)), tuple(sorted(entries.values())), from_environment)


def _read_key(row: dict[str, Any], path: str, number: int) -> bytes:
    if row["baseline"] != FORMAT:
        raise UsageError(f"{path}:{number}: format {row['baseline']!r} is unknown to this version; update leakfirst")
    if row["salt"] != FROM_ENVIRONMENT:
        if not isinstance(row["salt"], list) or len(row["salt"]) != KEY_BYTES:
            raise ValueError
        return bytes(row["salt"])
    if os.environ.get(FROM_ENVIRONMENT) is None:
        raise UsageError(f"{path}: its key is not in the file; set {FROM_ENVIRONMENT} to that key")
    return load_project_key()


def write(path: str, baseline: Baseline) -> None:
    """Write *baseline* to *path* atomically. Raises `UsageError`."""
    from detector.files.writing import write_file

    write_file(path, format_baseline(baseline).encode("utf-8", "surrogateescape"))


def format_baseline(baseline: Baseline) -> str:
    """Return the content of the file: the key, then one entry per line, sorted."""
    import json

    def line(row: dict[str, Any]) -> str:
        return json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False) + "\n"

    # A list of numbers: a long string of hex digits would itself be found as a credential.
    salts = [FROM_ENVIRONMENT] if baseline.from_environment else [list(key) for key in baseline.keys]
    head = [line({"baseline": FORMAT, "salt": salt}) for salt in salts]
    return "".join(head + [line(entry._asdict()) for entry in sorted(baseline.entries)])


def make_entry(finding: Finding, baseline: Baseline, **decided: str) -> BaselineEntry:
    """Return an entry for *finding* under the first key of *baseline*; *decided* are its further fields."""
    return BaselineEntry(
        compute_fingerprint(finding.secret, baseline.keys[0]),
        finding.rule.id,
        finding.locations[0].origin.path,
        **decided,
    )


def add_entries(baseline: Baseline, entries: Iterable[BaselineEntry]) -> Baseline:
    """Return *baseline* with *entries* added or replaced."""
    merged = {entry.fingerprint: entry for entry in (*baseline.entries, *entries)}
    return baseline._replace(entries=tuple(sorted(merged.values())))
