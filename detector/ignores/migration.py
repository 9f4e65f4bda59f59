"""Convert the ignore files of other tools to ours, entry by entry.

Paths, words and expressions become an ``[[allow]]`` table. An entry that identifies
one finding by a line, an offset or a hash becomes an entry of the baseline, which
identifies the value itself: every present finding is compared with the entries, also
with the spans that the other tool may have hashed instead of ours. An entry that
matches none of our findings is not needed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from detector.ignores.policy import AllowEntry, ExactEntry, IgnorePolicy, ParsedIgnores
from detector.model import Finding, Location, Origin, Sighting

LONGEST = 512
"""Bytes of a line in which spans are tried that another tool may have hashed."""

_QUOTED = re.compile(rb"\"([^\"\n]+)\"|'([^'\n]+)'|`([^`\n]+)`|([^\s\"'`=,;]+)")

_KEYS = {
    "rules": "other-rules",
    "globs": "paths",
    "paths": "path-patterns",
    "values": "values",
    "words": "words",
    "lines": "lines",
    "matches": "matches",
    "commits": "commits",
}


class MigratedEntry(NamedTuple):
    """One exact entry of another tool, and the present findings that it matches."""

    entry: ExactEntry
    findings: tuple[Finding, ...]


Content = Callable[[Origin], bytes | None]
"""Returns the bytes of a file of a working tree or of a blob of a history."""


def match_entries(
    entries: Sequence[ExactEntry], findings: Sequence[Finding], relative: Callable[[Origin], str], content: Content
) -> list[MigratedEntry]:
    """Return each of *entries* with the *findings* that it matches."""
    named: dict[str, dict[str, Finding]] = {}
    rest: dict[str, list[ExactEntry]] = {}
    for entry in entries:
        if entry.key[0] in ("sha1", "xxh3"):
            rest.setdefault(entry.path, []).append(entry)
    policy = IgnorePolicy(exact=entries, relative=relative)
    for finding in findings:
        for location in finding.locations:
            sighting = Sighting(0, location, finding.secret, finding.parts)
            by = policy.find_reason(sighting, finding.rule)
            if by:
                named.setdefault(by, {})[finding.fingerprint] = finding
                continue
            for entry in _match_wider_spans(rest.get(relative(location.origin), ()), location, content):
                named.setdefault(entry.by, {})[finding.fingerprint] = finding
    return [MigratedEntry(entry, tuple(named.get(entry.by, {}).values())) for entry in entries]


def _match_wider_spans(entries: Sequence[ExactEntry], location: Location, content: Content) -> list[ExactEntry]:
    """Return those of *entries* whose hash is that of a span which overlaps the value at *location*."""
    data = content(location.origin) if entries else None
    if data is None:
        return []
    first = data.rfind(b"\n", 0, location.start) + 1
    last = data.find(b"\n", location.end)
    first = max(first, location.start - LONGEST)
    last = min(last if last >= 0 else len(data), location.end + LONGEST)
    names: set[str | int] = set()
    kinds = {entry.key[0] for entry in entries}
    if "sha1" in kinds:
        names.update(_hash_sha1(data[start:end]) for start, end in _find_words(data, first, last, location))
        if any(entry.line == location.line for entry in entries):
            names.update(_hash_sha1(part) for part in _list_parts(data[location.start : location.end]))
    if "xxh3" in kinds:
        wanted = {entry.key[1] for entry in entries}
        names.update(number for number in _hash_spans(data, first, last, location) if number in wanted)
    return [entry for entry in entries if entry.key[-1] in names]


def _hash_sha1(text: bytes) -> str:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def _find_words(data: bytes, first: int, last: int, location: Location) -> Iterator[tuple[int, int]]:
    """Yield the spans of quoted texts and words that overlap the value."""
    for found in _QUOTED.finditer(data, first, last):
        start, end = found.span(found.lastindex or 0)
        if start < location.end and end > location.start:
            yield start, end


def _list_parts(value: bytes) -> Iterator[bytes]:
    """Yield every part of a short value: of some tokens detect-secrets hashes only the prefix."""
    size = min(len(value), 128)
    for start in range(size):
        for end in range(start + 3, size + 1):
            yield value[start:end]


def _hash_spans(data: bytes, first: int, last: int, location: Location) -> Iterator[int]:
    """Yield the fingerprint of every span that overlaps the value: some ten thousand, at millions per second."""
    from xxhash import xxh3_64_intdigest

    label = b"file" if location.origin.kind == "worktree" else b"git"
    for start in range(first, location.end):
        before = start.to_bytes(8, "little")
        for end in range(max(start, location.start) + 1, last + 1):
            yield xxh3_64_intdigest(data[start:end] + label + before + end.to_bytes(8, "little"))


def format_table(allow: AllowEntry, source: str) -> str:
    """Return *allow* as an ``[[allow]]`` table of our settings."""
    lines = ["[[allow]]", f"from = {_quote(source)}", f"reason = {_quote(allow.by)}"]
    for field, key in _KEYS.items():
        texts = getattr(allow, field)
        if texts:
            key = "rules" if key == "other-rules" and not allow.of_other_tool else key
            lines.append(f"{key} = [{', '.join(map(_quote, texts))}]")
    if not allow.match_all:
        lines.append('match = "any"')
    if allow.until:
        lines.append(f"until = {allow.until}")
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """Return *text* as a TOML basic string."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def format_tables(before: str, loaded: Iterable[tuple[str, ParsedIgnores]]) -> tuple[str, list[str]]:
    """Return the text to append to the settings in *before*, and the reason of each entry in that text."""
    tables: list[str] = []
    reasons: list[str] = []
    for source, one in loaded:
        for allow in one.allowlist:
            text = format_table(allow, source)
            if text not in before:
                tables.append(text)
                reasons.append(allow.by)
    gap = "\n" if before and not before.endswith("\n\n") else ""
    return (gap + "\n".join(tables) if tables else ""), reasons
