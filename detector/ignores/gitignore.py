"""Match paths with lines of gitignore syntax as git reads them.

pathspec translates the lines. What it reads otherwise than git is rewritten first:
bracket expressions with POSIX classes (``[[:digit:]]``), escapes (``[\\]]``) and
ranges without an end (``[z-a]``). A line that is no pattern matches nothing.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, (*range(1, 32), 127))),
    "digit": string.digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": string.ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": string.punctuation,
    "space": string.whitespace,
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}
_ALONE = frozenset("]\\^-[!&~|/")
"""Characters of a bracket expression that mean something else beside others, in a glob or in an expression."""


class _NoPattern(ValueError):
    """The line is no pattern: it matches nothing."""


def matches_globs(globs: tuple[str, ...], path: str) -> bool:
    """Tell whether *path* matches these lines of gitignore syntax; the last line that matches decides."""
    return bool(_compile_globs(globs).match_file(replace_invalid_bytes(path)))


@lru_cache(maxsize=64)
def _compile_globs(globs: tuple[str, ...]) -> Any:
    return compile_gitignore(globs)


def compile_gitignore(lines: Iterable[str]) -> GitIgnoreSpec:
    """Compile *lines* of gitignore syntax; as in git, a line that is not a pattern matches nothing."""
    from pathspec import GitIgnoreSpec

    valid = []
    for line in map(replace_invalid_bytes, lines):
        if "\0" in line:
            continue  # hyperscan, which pathspec may use, reads an expression up to a NUL: "" matches everything
        try:
            rewritten = rewrite_brackets(line)
            GitIgnoreSpec.from_lines([rewritten])
        except Exception:  # noqa: S112 - every engine that pathspec may use has its own error for a wrong pattern
            continue
        valid.append(rewritten)
    return GitIgnoreSpec.from_lines(valid)


def replace_invalid_bytes(path: str) -> str:
    """Return *path* with replacement characters for bytes that are not UTF-8, which pathspec does not accept."""
    return path.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def rewrite_brackets(line: str) -> str:
    r"""Return *line* with bracket expressions that pathspec reads as git does. Raises `ValueError` for no pattern.

    >>> rewrite_brackets("test[[:digit:]].env"), rewrite_brackets(r"a[\]b]")
    ('test[0-9].env', 'a[]b]')
    """
    if "[" not in line or line.startswith("#"):
        return line
    out, at = [], 0
    while at < len(line):
        if line[at] == "\\":
            out.append(line[at : at + 2])
            at += 2
        elif line[at] == "[":
            text, at = _rewrite_bracket(line, at + 1)
            out.append(text)
        else:
            out.append(line[at])
            at += 1
    return "".join(out)


def _rewrite_bracket(line: str, at: int) -> tuple[str, int]:
    """Return the bracket expression whose content begins at *at*, and where it ends."""
    negated = line[at : at + 1] in ("!", "^")
    at += negated
    ranges: list[tuple[int, int]] = []
    first = True
    while first or line[at : at + 1] != "]":
        found, at = _read_item(line, at)
        if isinstance(found, str):
            ranges += [(ord(one), ord(one)) for one in found]
        else:
            ranges.append((found, found))  # in [z-a] too, which is no range
            if line[at : at + 1] == "-" and line[at + 1 : at + 2] not in ("", "]"):
                last, at = _read_item(line, at + 1)
                ranges.append((found, last if isinstance(last, int) and found <= last else found))
        first = False
    return _write_bracket(ranges, negated), at + 1


def _read_item(line: str, at: int) -> tuple[int | str, int]:
    """Return a character, or those of a class, and where the next item begins."""
    if line.startswith("[:", at) and (end := line.find(":]", at + 2)) >= 0 and "]" not in line[at + 2 : end]:
        if line[at + 2 : end] not in _CLASSES:
            raise _NoPattern
        return _CLASSES[line[at + 2 : end]], end + 2
    if line[at : at + 1] == "\\":
        at += 1
    if at >= len(line):
        raise _NoPattern
    return ord(line[at]), at + 1


def _write_bracket(ranges: Iterable[tuple[int, int]], negated: bool) -> str:
    """Write the ranges so that no character has a second meaning; a slash is never matched."""
    alone: set[str] = set()
    plain: list[tuple[int, int]] = []
    for low, high in _merge(ranges):
        begin = low
        for special in sorted(map(ord, _ALONE)):
            if begin <= special <= high:
                alone.add(chr(special))
                if begin < special:
                    plain.append((begin, special - 1))
                begin = special + 1
        if begin <= high:
            plain.append((begin, high))
    alone.discard("/")  # it separates folders before a bracket expression is looked at
    if not alone and not plain:
        if negated:
            return "?"
        raise _NoPattern
    if not negated and not plain and len(alone) == 1:
        return "\\" + alone.pop()
    text = "".join(chr(low) if low == high else f"{chr(low)}-{chr(high)}" for low, high in plain)
    text += "".join(one for one in "&~|\\[!^" if one in alone)
    text = ("]" if "]" in alone else "") + text
    if text[0] in "[!^" and "-" in alone:
        text = f"-{text}"
    elif "-" in alone:
        text += "-"
    if text[0] in "!^" and not negated:
        raise _NoPattern  # [!^] cannot be written as anything but a negation
    return f"[{'!' if negated else ''}{text}]"


def _merge(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged
