"""The files that a prompt or a command names, read as the agent would read them.

An agent puts the content of ``@settings.ini`` into the prompt without asking any hook about the
file. And where the output of a command cannot be replaced, the files it names are looked at before.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_FILE = 8 << 20
"""Bytes of one file above which it is not looked at."""

MAX_FILES = 64
"""Files of one prompt or command that are looked at."""

_MENTION = re.compile(r"""(?<![\w.])@(?:"([^"\n]+)"|'([^'\n]+)'|((?:\\.|[^\s"'\\])+))""")
_RANGE = re.compile(r"(?:#L?\d+(?:-L?\d+)?|:\d+(?:-\d+)?)$")
_WORD_END = ".,;:!?)]}>"
_WORDS = re.compile(r"[^\s\"'`$|&;<>(){}=,:]+")
_GLOB = re.compile(r"[*?\[]")


class NamedFile(NamedTuple):
    """One file: its name as it was written, and its content, or why it was not read."""

    name: str
    content: str = ""
    problem: str = ""


def read_mentioned(prompt: str, attached: Iterable[str], cwd: str) -> list[NamedFile]:
    """Return the files that *prompt* names with ``@``, and those *attached* to it; other words are no files."""
    names = [next(filter(None, match.groups())) for match in _MENTION.finditer(prompt)]
    return list(_read_all([*names, *attached], cwd))


def read_in_command(command: str, cwd: str) -> list[NamedFile]:
    """Return the files that words of *command* name, also by a pattern of the shell."""
    names: list[str] = []
    for word in _WORDS.findall(command):
        names.append(word)
        if _GLOB.search(word):
            names += sorted(glob.glob(os.path.join(glob.escape(cwd), word)))[:MAX_FILES]
    return list(_read_all(names, cwd))


def _read_all(names: Iterable[str], cwd: str) -> Iterator[NamedFile]:
    seen: set[str] = set()
    for name in names:
        for spelled in _spellings(name):
            path = os.path.join(cwd, os.path.expanduser(spelled))
            if path in seen:
                break
            try:
                found = os.stat(path)
            except (OSError, ValueError):
                continue
            seen.add(path)
            if len(seen) > MAX_FILES:
                yield NamedFile(spelled, problem=f"more than {MAX_FILES} files are named")
                return
            if stat.S_ISREG(found.st_mode):
                yield read_file(path, spelled)
            break


def _spellings(name: str) -> Iterator[str]:
    """Yield what *name* may mean: as it is, without a range of lines, without the end of a sentence, unescaped."""
    yield name
    bare = _RANGE.sub("", name)
    for text in (bare, bare.rstrip(_WORD_END), _RANGE.sub("", bare.rstrip(_WORD_END)), re.sub(r"\\(.)", r"\1", bare)):
        if text and text != name:
            yield text


def read_file(path: str, name: str = "") -> NamedFile:
    """Return the file at *path*, a regular one of at most `MAX_FILE` bytes."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    name = name or path
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return NamedFile(name, problem="is no plain file")
            content = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        return NamedFile(name, problem=f"cannot be read ({getattr(error, 'strerror', None) or 'not a path'})")
    if len(content) > MAX_FILE:
        return NamedFile(name, problem=f"is larger than {MAX_FILE >> 20} MB")
    from detector.engine.decode.text import decode_blob
    from detector.model import Blob, Origin

    blob = decode_blob(Blob(content, Origin("worktree", name)))
    return NamedFile(name, blob.data.decode("utf-8", "replace"))
