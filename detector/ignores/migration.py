"""Turn other tools' ignore files into ours, entry by entry.

What speaks of paths, words and expressions becomes an ``[[allow]]`` table.
What names one finding by a line, an offset or a hash becomes an entry of the
baseline, which knows the value itself: every finding of today is compared with
the entries, with the spans that the other tool may have seen in its place too.
An entry that stands for nothing that we report needs no successor.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from detector.ignores.policy import Allow, Known, Loaded, Policy
from detector.model import Finding, Location, Origin, Sighting

LONGEST = 512
"""Bytes of a line that are tried for the span that another tool saw."""

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


class Taken(NamedTuple):
    """What became of one exact entry: the findings that it stands for, none if there are none today."""

    known: Known
    findings: tuple[Finding, ...]


Content = Callable[[Origin], bytes | None]
"""Gives the bytes of a place in a working tree or a history."""


def resolve(
    known: Sequence[Known], findings: Sequence[Finding], relative: Callable[[Origin], str], content: Content
) -> list[Taken]:
    """Find out for which *findings* each of *known* stands."""
    named: dict[str, dict[str, Finding]] = {}
    rest: dict[str, list[Known]] = {}
    for entry in known:
        if entry.key[0] in ("sha1", "xxh3"):
            rest.setdefault(entry.path, []).append(entry)
    policy = Policy(known=known, relative=relative)
    for finding in findings:
        for location in finding.locations:
            sighting = Sighting(0, location, finding.secret, finding.parts)
            by = policy.why(sighting, finding.rule)
            if by:
                named.setdefault(by, {})[finding.fingerprint] = finding
                continue
            for entry in _seen_wider(rest.get(relative(location.origin), ()), location, content):
                named.setdefault(entry.by, {})[finding.fingerprint] = finding
    return [Taken(entry, tuple(named.get(entry.by, {}).values())) for entry in known]


def _seen_wider(entries: Sequence[Known], location: Location, content: Content) -> list[Known]:
    """Return those of *entries* that name a span which overlaps the value at *location*."""
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
        names.update(_sha1(data[start:end]) for start, end in _words(data, first, last, location))
        if any(entry.line == location.line for entry in entries):
            names.update(_sha1(part) for part in _parts(data[location.start : location.end]))
    if "xxh3" in kinds:
        wanted = {entry.key[1] for entry in entries}
        names.update(number for number in _numbers(data, first, last, location) if number in wanted)
    return [entry for entry in entries if entry.key[-1] in names]


def _sha1(text: bytes) -> str:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def _words(data: bytes, first: int, last: int, location: Location) -> Iterator[tuple[int, int]]:
    """Yield the quoted texts and words that overlap the value."""
    for found in _QUOTED.finditer(data, first, last):
        start, end = found.span(found.lastindex or 0)
        if start < location.end and end > location.start:
            yield start, end


def _parts(value: bytes) -> Iterator[bytes]:
    """Yield every part of a short value: of some tokens detect-secrets hashes the prefix alone."""
    size = min(len(value), 128)
    for start in range(size):
        for end in range(start + 3, size + 1):
            yield value[start:end]


def _numbers(data: bytes, first: int, last: int, location: Location) -> Iterator[int]:
    """Yield the number of every span that touches the value: some ten thousand, at millions a second."""
    from xxhash import xxh3_64_intdigest

    label = b"file" if location.origin.kind == "worktree" else b"git"
    for start in range(first, location.end):
        before = start.to_bytes(8, "little")
        for end in range(max(start, location.start) + 1, last + 1):
            yield xxh3_64_intdigest(data[start:end] + label + before + end.to_bytes(8, "little"))


def table(allow: Allow, source: str) -> str:
    """Return *allow* as an ``[[allow]]`` table of our settings."""
    lines = ["[[allow]]", f"from = {_quoted(source)}", f"reason = {_quoted(allow.by)}"]
    for field, key in _KEYS.items():
        texts = getattr(allow, field)
        if texts:
            key = "rules" if key == "other-rules" and not allow.foreign else key
            lines.append(f"{key} = [{', '.join(map(_quoted, texts))}]")
    if not allow.every:
        lines.append('match = "any"')
    if allow.until:
        lines.append(f"until = {allow.until}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def addition(before: str, loaded: Iterable[tuple[str, Loaded]]) -> tuple[str, list[str]]:
    """Return what to append to the settings in *before*, and the reasons of the entries in it."""
    tables: list[str] = []
    reasons: list[str] = []
    for source, one in loaded:
        for allow in one.allows:
            text = table(allow, source)
            if text not in before:
                tables.append(text)
                reasons.append(allow.by)
    gap = "\n" if before and not before.endswith("\n\n") else ""
    return (gap + "\n".join(tables) if tables else ""), reasons
