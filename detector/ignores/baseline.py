"""The list of findings that are known: one a line, keyed, sorted, easy to merge.

A baseline says nothing about the credentials in it: an entry is a keyed
fingerprint of the value, a rule, the path where it was first seen, and what
people decided (reason, owner, date when the decision expires). It holds no
line numbers and no commits, so moving lines, renames, rebases and squashes
change nothing, and another value in a known place is new.

The file carries its own random key, so that everyone who has the repository
gets the same fingerprints; `LEAKFIRST_KEY` in its place keeps the key out of it.
Two branches that both add entries merge line by line (``merge=union`` in
.gitattributes); what that leaves unsorted or twice is read all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.fingerprint import PREFIX, fingerprint, project_key
from detector.ignores.policy import Known
from detector.model import Finding

NAME = ".leakfirst.baseline"
"""The file that scans and hooks look for in the root of a repository."""

FORMAT = "leakfirst/baseline/1"
FROM_ENVIRONMENT = "LEAKFIRST_KEY"
KEY_BYTES = 32


class Entry(NamedTuple):
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
    entries: tuple[Entry, ...]
    from_environment: bool = False

    def known(self, name: str, today: str) -> list[Known]:
        """Return what the entries set aside; expired ones set nothing aside."""
        return [
            Known(
                f"{name}: {entry.reason}" if entry.reason else name,
                ("value", entry.fingerprint),
                entry=f"{name}: the entry for {entry.path} ({entry.rule}) {entry.fingerprint}",
            )
            for entry in self.entries
            if not expired(entry, today)
        ]

    def named(self, finding: Finding) -> list[str]:
        """Return the fingerprints under which *finding* may be listed here."""
        return [fingerprint(finding.secret, key) for key in self.keys]


def expired(entry: Entry, today: str) -> bool:
    """Tell whether the decision of *entry* is over; its last day still counts."""
    return bool(entry.expires) and entry.expires < today


def fresh() -> Baseline:
    """Return an empty baseline with a key of its own, or that of ``LEAKFIRST_KEY``."""
    if os.environ.get(FROM_ENVIRONMENT) is not None:
        return Baseline((project_key(),), (), True)
    return Baseline((os.urandom(KEY_BYTES),), ())


def read(path: str) -> Baseline:
    """Read the baseline at *path*. Raises `UsageError` naming the line that is wrong."""
    try:
        with open(path, "rb") as file:
            return parse(file.read(), path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def parse(content: bytes, path: str) -> Baseline:
    """Turn the text of a baseline into one; lines may be in any order, and there twice."""
    import json

    keys: list[bytes] = []
    entries: dict[str, Entry] = {}
    from_environment = False
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if "baseline" in row:
                from_environment = from_environment or row["salt"] == FROM_ENVIRONMENT
                keys.append(_key(row, path, number))
                continue
            entry = Entry(**row)
            if not entry.fingerprint.startswith(PREFIX) or not all(isinstance(value, str) for value in entry):
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UsageError(f"{path}:{number}: is no baseline entry; undo the edit, or drop the line") from None
        entries[entry.fingerprint] = entry
    if not keys:
        raise UsageError(f"{path}: is no baseline: its first line should hold the salt")
    return Baseline(tuple(dict.fromkeys(keys)), tuple(sorted(entries.values())), from_environment)


def _key(row: dict[str, Any], path: str, number: int) -> bytes:
    if row["baseline"] != FORMAT:
        raise UsageError(f"{path}:{number}: format {row['baseline']!r} is not known here; update leakfirst")
    if row["salt"] != FROM_ENVIRONMENT:
        if not isinstance(row["salt"], list) or len(row["salt"]) != KEY_BYTES:
            raise ValueError
        return bytes(row["salt"])
    if os.environ.get(FROM_ENVIRONMENT) is None:
        raise UsageError(f"{path}: was made with a key of its own; set {FROM_ENVIRONMENT} to that key")
    return project_key()


def write(path: str, baseline: Baseline) -> None:
    """Write *baseline* to *path*, whole or not at all. Raises `UsageError`."""
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        with open(beside, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.write(text(baseline))
        os.replace(beside, path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None


def text(baseline: Baseline) -> str:
    """Return *baseline* as its file holds it: the key, then one entry a line, sorted."""
    import json

    def line(row: dict[str, Any]) -> str:
        return json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False) + "\n"

    # Numbers, for a row of hex digits in a repository looks like the very thing that is looked for.
    salts = [FROM_ENVIRONMENT] if baseline.from_environment else [list(key) for key in baseline.keys]
    head = [line({"baseline": FORMAT, "salt": salt}) for salt in salts]
    return "".join(head + [line(entry._asdict()) for entry in sorted(baseline.entries)])


def entry_of(finding: Finding, baseline: Baseline, **decided: str) -> Entry:
    """Return the entry for *finding* under the first key of *baseline*."""
    return Entry(
        fingerprint(finding.secret, baseline.keys[0]), finding.rule.id, finding.locations[0].origin.path, **decided
    )


def with_entries(baseline: Baseline, entries: Iterable[Entry]) -> Baseline:
    """Return *baseline* with *entries* added or replaced."""
    merged = {entry.fingerprint: entry for entry in (*baseline.entries, *entries)}
    return baseline._replace(entries=tuple(sorted(merged.values())))
