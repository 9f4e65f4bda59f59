r"""The manifest as a file: lines that `sha256sum -c` reads, and remarks that it passes over.

A line for a regular file is the digest, two spaces and the path; a path with a
backslash or a line end in it is escaped, and the line begins with a backslash
then, all as sha256sum does it. What sha256sum knows nothing of stands in
remarks: links, modes, what was left out, and a digest of everything below it
that tells two manifests apart at a glance.

>>> entry = Entry("a\nb", "file", "00" * 32)
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


class Entry(NamedTuple):
    """One path: a file with its digest, or a link with its target. `mode` holds words of `MODES`.

    As read from the disk, `kind` may be other things too; of an unreadable one `target` says why.
    """

    path: str
    kind: str = "file"
    digest: str = ""
    target: str = ""
    mode: tuple[str, ...] = ()


class Manifest(NamedTuple):
    """A manifest as it was read.

    `of` are the parts of the tree that it is about (none: all of it), `excluded`
    the patterns of what was left out. `signed` are the bytes that an embedded
    signature is over, `signature` its words, if there is one.
    """

    entries: Mapping[str, Entry]
    of: tuple[str, ...]
    excluded: tuple[str, ...]
    root: str
    signed: bytes
    signature: tuple[str, ...] = ()


def render(entries: Mapping[str, Entry], of: tuple[str, ...] = (), excluded: tuple[str, ...] = ()) -> bytes:
    """Return the manifest of *entries*, unsigned."""
    rows = sorted(entries.values(), key=lambda entry: os.fsencode(entry.path))
    body = b"".join(_lines(rows, of, excluded))
    return HEAD + _ROOT + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _lines(rows: list[Entry], of: tuple[str, ...], excluded: tuple[str, ...]) -> Iterator[bytes]:
    for part in of:
        yield _remark("of", part)
    for pattern in excluded:
        yield _remark("exclude", pattern)
    for entry in rows:
        for word in entry.mode:
            yield _remark(word, entry.path)
    for entry in rows:
        if entry.kind == "link":
            yield _remark("link", entry.path, entry.target)
    for entry in rows:
        if entry.kind == "file":
            name = os.fsencode(entry.path)
            plain = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            yield b"%s%s  %s\n" % (b"\\" if plain != name else b"", entry.digest.encode(), plain)


def _remark(*words: str) -> bytes:
    return f"# {words[0]} {' '.join(map(json.dumps, words[1:]))}\n".encode()


def parse(data: bytes, name: str = NAME) -> Manifest:
    """Read a manifest. `StateError` says what is wrong with it, and where."""
    if not data.startswith(HEAD):
        raise StateError(f"{name}: is not a manifest; `leakfirst manifest create` writes one")
    signed, signature = _split(data)
    lines = signed.split(b"\n")
    root = lines[1].removeprefix(_ROOT).decode("ascii", "replace") if len(lines) > 1 else ""
    body = signed[len(HEAD) + len(lines[1]) + 1 :] if len(lines) > 1 else b""
    if not signed.endswith(b"\n") or hashlib.sha256(body).hexdigest() != root:
        raise StateError(
            f"{name}: was altered or cut short: its lines do not have the digest that its second line says"
        )
    entries: dict[str, Entry] = {}
    modes: dict[str, list[str]] = {}
    of: list[str] = []
    excluded: list[str] = []
    for number, line in enumerate(lines[2:-1], 3):
        if line.startswith(b"# "):
            word, values = _remarked(line, f"{name}:{number}")
            if word in MODES:
                modes.setdefault(values[0], []).append(word)
            elif word == "of":
                of.append(_safe(values[0], f"{name}:{number}"))
            elif word == "exclude":
                excluded.append(values[0])
            elif word == "link" and len(values) == 2:
                entry = Entry(_safe(values[0], f"{name}:{number}"), "link", target=values[1])
            else:
                raise StateError(
                    f"{name}:{number}: {word!r} is not known; this manifest was written by a later version"
                )
            if word != "link":
                continue
        else:
            entry = _hashed(line, f"{name}:{number}")
        if entry.path in entries:
            raise StateError(f"{name}:{number}: {entry.path!r} is there twice")
        entries[entry.path] = entry
    for path, words in modes.items():
        if path in entries:
            entries[path] = entries[path]._replace(mode=tuple(words))
    return Manifest(entries, tuple(of), tuple(excluded), root, signed, signature)


def _split(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Part the last line from the rest if it is a signature."""
    at = data.rfind(b"\n", 0, len(data) - 1) + 1
    last = data[at:]
    if last.startswith(_SIGNATURE):
        return data[:at], tuple(last[len(_SIGNATURE) :].decode("ascii", "replace").split())
    return data, ()


def _remarked(line: bytes, place: str) -> tuple[str, list[str]]:
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


def _hashed(line: bytes, place: str) -> Entry:
    found = _LINE.fullmatch(line)
    if not found:
        raise StateError(f"{place}: is neither a digest with a path nor a remark")
    name = found[3]
    if found[1]:
        name = re.sub(rb"\\(.)", lambda sign: {b"n": b"\n", b"r": b"\r"}.get(sign[1], sign[1]), name, flags=re.DOTALL)
    return Entry(_safe(os.fsdecode(name), place), "file", found[2].decode())


def _safe(path: str, place: str) -> str:
    """Return *path* if it stays below the root."""
    if path.startswith("/") or "\0" in path or not {"..", "", "."}.isdisjoint(path.split("/")):
        raise StateError(f"{place}: {path!r} leads out of the tree")
    return path


def sign_with(data: bytes, words: tuple[str, ...]) -> bytes:
    """Return the manifest *data* with a signature as its last line."""
    return data + _SIGNATURE + " ".join(words).encode() + b"\n"
