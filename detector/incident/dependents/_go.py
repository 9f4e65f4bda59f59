"""The content of a go.mod, which go.sum is read with as well."""

from __future__ import annotations

from typing import NamedTuple

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import UnreadableFile


class GoModule(NamedTuple):
    """The content of a go.mod: requirements as (path, version, indirect), and replacements."""

    requires: tuple[tuple[str, str, bool], ...]
    replaces: dict[tuple[str, str], tuple[str, str]]


def parse_go_mod(data: bytes) -> GoModule:
    """Parse a go.mod. Raises `UnreadableFile`."""
    requires: list[tuple[str, str, bool]] = []
    replaces: dict[tuple[str, str], tuple[str, str]] = {}
    block = ""
    known = False
    for raw in _safe_parsers.decode_text(data).splitlines():
        line, _, comment = raw.partition("//")
        words = [word.strip('"`') for word in line.split()]
        if not words:
            continue
        if block and words[0] == ")":
            block = ""
            continue
        if not block:
            if words[1:2] == ["("]:
                block = words[0]
                known = True
                continue
            verb, words = words[0], words[1:]
            known = known or verb in ("module", "go", "require")
        else:
            verb = block
        if verb == "require" and len(words) >= 2:
            requires.append((words[0], words[1], comment.strip().startswith("indirect")))
        elif verb == "replace" and "=>" in words:
            at = words.index("=>")
            old, new = words[:at], words[at + 1 :]
            if old and new:
                replaces[old[0], old[1] if len(old) > 1 else ""] = (new[0], new[1] if len(new) > 1 else "")
    if not known:
        raise UnreadableFile("is not a go.mod")
    return GoModule(tuple(requires), replaces)
