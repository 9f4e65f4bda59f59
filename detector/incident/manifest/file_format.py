r"""The file format of manifests: lines that `sha256sum -c` reads, and comments that it ignores.

The line of a regular file is its digest, two spaces and the path. A path with a backslash
or a line break is escaped, and its line begins with a backslash, as sha256sum does it.
Comments contain what sha256sum does not support: links, modes, excluded patterns, and a
digest of all following lines, which identifies the manifest.

>>> entry = ManifestEntry("a\nb", "file", "00" * 32)
>>> print(render({entry.path: entry}).decode().splitlines()[-1][:12])
\00000000000
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from detector.errors import StateError

HEAD = b"# leakfirst manifest 1\n"
NAME = "MANIFEST.sha256"
MAX_SIZE = 256 << 20

MODES = ("executable", "setuid", "setgid", "sticky")
_ROOT = b"# root "
_SIGNATURE = b"# signature "
_LINE = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)", re.DOTALL)


class ManifestEntry(NamedTuple):
    """One path: a file with its digest, or a link with its target. `mode` are words of `MODES`.

    An entry that was read from disk may have other kinds, such as pipe or unreadable; for the
    latter, `target` is the reason.
    """

    path: str
    kind: str = "file"
    digest: str = ""
    target: str = ""
    mode: tuple[str, ...] = ()


class Manifest(NamedTuple):
    """A parsed manifest.

    `of` are the parts of the tree that it covers (none: all of it), `excluded` the patterns
    that were excluded. `signed` are the bytes that an embedded signature covers, `signature`
    its words, if there is one. `root` is the digest of all lines.
    """

    entries: Mapping[str, ManifestEntry]
    of: tuple[str, ...]
    excluded: tuple[str, ...]
    root: str
    signed: bytes
    signature: tuple[str, ...] = ()


def render(entries: Mapping[str, ManifestEntry], of: tuple[str, ...] = (), excluded: tuple[str, ...] = ()) -> bytes:
    """Return the manifest of *entries*, unsigned."""
    rows = sorted(entries.values(), key=lambda entry: os.fsencode(entry.path))
    body = b"".join(_render_lines(rows, of, excluded))
    return HEAD + _ROOT + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _render_lines(rows: list[ManifestEntry], of: tuple[str, ...], excluded: tuple[str, ...]) -> Iterator[bytes]:
    for part in of:
        yield _render_comment("of", part)
    for pattern in excluded:
        yield _render_comment("exclude", pattern)
    for entry in rows:
        for word in entry.mode:
            yield _render_comment(word, entry.path)
    for entry in rows:
        if entry.kind == "link":
            yield _render_comment("link", entry.path, entry.target)
    for entry in rows:
        if entry.kind == "file":
            name = os.fsencode(entry.path)
            plain = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            yield b"%s%s  %s\n" % (b"\\" if plain != name else b"", entry.digest.encode(), plain)


def _render_comment(*words: str) -> bytes:
    return f"# {words[0]} {' '.join(map(json.dumps, words[1:]))}\n".encode()


def parse(data: bytes, name: str = NAME) -> Manifest:
    """Parse a manifest; *name* is used in error messages. Raises `StateError`."""
    if not data.startswith(HEAD):
        raise StateError(f"{name}: is not a manifest; create one with `leakfirst manifest create`")
    signed, signature = _split_signature(data)
    lines = signed.split(b"\n")
    root = lines[1].removeprefix(_ROOT).decode("ascii", "replace") if len(lines) > 1 else ""
    body = signed[len(HEAD) + len(lines[1]) + 1 :] if len(lines) > 1 else b""
    if not signed.endswith(b"\n") or hashlib.sha256(body).hexdigest() != root:
        raise StateError(f"{name}: was altered or truncated: its digest differs from its second line")
    entries: dict[str, ManifestEntry] = {}
    modes: dict[str, list[str]] = {}
    of: list[str] = []
    excluded: list[str] = []
    for number, line in enumerate(lines[2:-1], 3):
        if line.startswith(b"# "):
            word, values = _parse_comment(line, f"{name}:{number}")
            if word in MODES:
                modes.setdefault(values[0], []).append(word)
            elif word == "of":
                of.append(_check_path(values[0], f"{name}:{number}"))
            elif word == "exclude":
                excluded.append(values[0])
            elif word == "link" and len(values) == 2:
                entry = ManifestEntry(_check_path(values[0], f"{name}:{number}"), "link", target=values[1])
            else:
                raise StateError(f"{name}:{number}: {word!r} is unknown; the manifest was written by a newer version")
            if word != "link":
                continue
        else:
            entry = _parse_digest_line(line, f"{name}:{number}")
        if entry.path in entries:
            raise StateError(f"{name}:{number}: {entry.path!r} occurs twice")
        entries[entry.path] = entry
    for path, words in modes.items():
        if path in entries:
            entries[path] = entries[path]._replace(mode=tuple(words))
    return Manifest(entries, tuple(of), tuple(excluded), root, signed, signature)


def _split_signature(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Split off the last line if it is a signature."""
    at = data.rfind(b"\n", 0, len(data) - 1) + 1
    last = data[at:]
    if last.startswith(_SIGNATURE):
        return data[:at], tuple(last[len(_SIGNATURE) :].decode("ascii", "replace").split())
    return data, ()


def _parse_comment(line: bytes, place: str) -> tuple[str, list[str]]:
    word, _, rest = line[2:].decode("ascii", "replace").partition(" ")
    try:
        decoder, values, at = json.JSONDecoder(), [], 0
        while at < len(rest):
            value, at = decoder.raw_decode(rest, at)
            values.append(value)
            at += 1
    except (ValueError, RecursionError):
        values = []
    if not values or not all(isinstance(value, str) and "\0" not in value for value in values):
        raise StateError(f"{place}: cannot be read")
    return word, values


def _parse_digest_line(line: bytes, place: str) -> ManifestEntry:
    found = _LINE.fullmatch(line)
    if not found:
        raise StateError(f"{place}: is neither a digest with a path nor a comment")
    name = found[3]
    if found[1]:
        name = re.sub(
            rb"\\(.)", lambda match: {b"n": b"\n", b"r": b"\r"}.get(match[1], match[1]), name, flags=re.DOTALL
        )
    return ManifestEntry(_check_path(os.fsdecode(name), place), "file", found[2].decode())


def _check_path(path: str, place: str) -> str:
    """Return *path* if it is below the root. Raises `StateError`."""
    if path.startswith("/") or "\0" in path or not {"..", "", "."}.isdisjoint(path.split("/")):
        raise StateError(f"{place}: {path!r} is outside of the tree")
    return path


def append_signature(data: bytes, words: tuple[str, ...]) -> bytes:
    """Return the manifest *data* with a signature as its last line."""
    return data + _SIGNATURE + " ".join(words).encode() + b"\n"
