r"""Translate expressions of RE2 and of Rust's regex into those of `regex`.

Rules of other tools are written for engines with a different syntax: `$` is the
end of the text only, `(?i)` may be in the middle and applies up to the end of its
group, `{,5}` is literal, `\s` has no vertical tab, `(?x)` of Rust ignores spaces even
in classes. An expression is translated to one with the same meaning over bytes, or
refused with a reason: one with a slightly different meaning would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

GO, RUST = "go", "rust"
MOST_REPEATS = {GO: 1000, RUST: 10_000}
_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_SPACE = r"\t\n\f\r "
_GROUP = re.compile(r"\(\?(?:#[^)]*\)|P?<(?P<name>\w+)>|(?P<on>[a-zA-Z]*)(?:-(?P<off>[a-zA-Z]+))?(?P<end>[:)]))")
_REPEAT = re.compile(r"\{(\d+)(,?)(\d*)\}")
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")


class Untranslatable(ValueError):
    """The expression uses something that has no counterpart, which `str()` names."""


class _Level(NamedTuple):
    """An open group: the flags in force and whether they were opened by a bare ``(?i)``."""

    flags: str
    opened: str = ""


def translate(pattern: str, dialect: str = GO) -> str:
    r"""Return *pattern* for the `regex` module, over bytes. Raises `Untranslatable`.

    >>> translate(r"key(?i)=a|b$")
    'key(?i-ms:=a)|(?i-ms:b\\Z)'
    """
    return "".join(_Translation(pattern, dialect).translate())


class _Translation:
    """One walk over one expression."""

    def __init__(self, pattern: str, dialect: str) -> None:
        self.text, self.dialect, self.at = pattern, dialect, 0
        self.levels = [_Level("")]

    def translate(self) -> Iterator[str]:
        while self.at < len(self.text):
            yield from self._translate_one()
        while len(self.levels) > 1 or self.levels[0].opened:
            level = self.levels[-1]
            if not level.opened:
                raise Untranslatable("a group is not closed")
            self.levels[-1] = level._replace(opened="")
            yield ")"

    def _translate_one(self) -> Iterator[str]:
        character = self.text[self.at]
        flags = self.levels[-1].flags
        if character == "\\":
            yield self._translate_escape(in_class=False)
        elif character == "[":
            yield self._translate_class()
        elif character == "(":
            yield from self._translate_group()
        elif character == ")":
            if len(self.levels) < 2:
                raise Untranslatable("a group is closed that was not opened")
            self.at += 1
            yield ")" * (1 + bool(self.levels.pop().opened))
        elif character == "|" and (opened := self.levels[-1].opened):
            self.at += 1
            yield f")|{opened}"
        elif character == "$":
            self.at += 1
            yield "$" if "m" in flags else r"\Z"
        elif character == "{":
            yield self._translate_repeat()
        elif "x" in flags and character.isspace():
            self.at += 1
        elif "x" in flags and character == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        else:
            self.at += 1
            yield character
            if character in "*+?" and self.text[self.at : self.at + 1] == "+":
                raise Untranslatable("possessive repeats")

    def _translate_group(self) -> Iterator[str]:
        if self.text[self.at + 1 : self.at + 2] != "?":
            self.levels.append(_Level(self.levels[-1].flags))
            self.at += 1
            yield "("
            return
        found = _GROUP.match(self.text, self.at)
        if found is None:
            what = "look-around" if re.match(r"\(\?<?[=!]", self.text[self.at :]) else "an unknown kind of group"
            raise Untranslatable(what)
        self.at = found.end()
        if found[0].startswith("(?#"):
            return
        if found["name"]:
            self.levels.append(_Level(self.levels[-1].flags))
            yield f"(?P<{found['name']}>"
            return
        on, off = found["on"] or "", found["off"] or ""
        if unknown := set(on + off) - set("imsxu"):
            raise Untranslatable(f"the flag {min(unknown)!r}")
        flags = "".join(sorted((set(self.levels[-1].flags) | set(on)) - set(off)))
        scope = _open_group(on, off)
        if found["end"] == ":":
            self.levels.append(_Level(flags))
            yield scope or "(?:"
        elif scope:
            before = self.levels[-1].opened
            opened = _open_group(flags, "".join(set("ims") - set(flags)))
            self.levels[-1] = _Level(flags, opened)
            yield ")" * bool(before) + opened
        else:
            self.levels[-1] = self.levels[-1]._replace(flags=flags)

    def _translate_repeat(self) -> str:
        found = _REPEAT.match(self.text, self.at)
        if found is None:
            self.at += 1
            return r"\{"
        self.at = found.end()
        if max(int(found[1]), int(found[3] or 0)) > MOST_REPEATS[self.dialect]:
            raise Untranslatable(f"a repeat of more than {MOST_REPEATS[self.dialect]}")
        if self.text[self.at : self.at + 1] == "+":
            raise Untranslatable("possessive repeats")
        return found[0]

    def _translate_escape(self, *, in_class: bool) -> str:
        follows = self.text[self.at + 1 : self.at + 2]
        if not follows:
            raise Untranslatable("a backslash at the end")
        if found := _HEX.match(self.text, self.at):
            self.at = found.end()
            return self._encode(chr(int(found[1], 16)), in_class=in_class)
        if follows == "Q" and self.dialect == GO and not in_class:
            end = self.text.find(r"\E", self.at)
            quoted = self.text[self.at + 2 : end if end >= 0 else len(self.text)]
            self.at = end + 2 if end >= 0 else len(self.text)
            return re.escape(quoted)
        self.at += 2
        if follows in "pPCXRNkKGg" or (follows.isdigit() and follows != "0" and not self._is_octal(follows)):
            raise Untranslatable(f"\\{follows}")
        if follows == "s" and self.dialect == GO:
            return _SPACE if in_class else f"[{_SPACE}]"
        if follows == "S" and self.dialect == GO and not in_class:
            return f"[^{_SPACE}]"
        if follows == "z":
            return r"\Z"
        if follows.isalpha() or follows == "0" or not follows.isascii():
            return f"\\{follows}"
        return re.escape(follows) if not in_class else f"\\{follows}"

    def _is_octal(self, first: str) -> bool:
        return bool(re.match(r"[0-7]{2}", self.text[self.at : self.at + 2])) and first < "8"

    def _encode(self, letter: str, *, in_class: bool) -> str:
        data = letter.encode()
        if len(data) > 1 and in_class:
            raise Untranslatable("a letter beyond ASCII in a class")
        text = "".join(f"\\x{byte:02x}" for byte in data)
        return text if len(data) == 1 else f"(?:{text})"

    def _translate_class(self) -> str:
        start, flags = self.at, self.levels[-1].flags
        self.at += 1
        out = ["["]
        if self.text[self.at : self.at + 1] == "^":
            self.at += 1
            out.append("^")
        first = True
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "]" and not first:
                self.at += 1
                return "".join([*out, "]"])
            first = first and "x" in flags and character.isspace()
            if character == "[" and (named := re.compile(r"\[:(\^?)(\w+):\]").match(self.text, self.at)):
                if named[1] or named[2] not in _POSIX:
                    raise Untranslatable(f"the class {named[0]}")
                self.at = named.end()
                out.append(_POSIX[named[2]])
            elif character == "\\":
                out.append(self._translate_escape(in_class=True))
            elif self.dialect == RUST and (character == "[" or self.text[self.at : self.at + 2] in ("&&", "--", "~~")):
                raise Untranslatable("a class within a class")
            elif "x" in flags and (character.isspace() or character == "#"):
                self.at += 1 if character != "#" else self._comment_length()
            elif not character.isascii():
                raise Untranslatable("a letter beyond ASCII in a class")
            else:
                out.append(
                    f"\\{character}" if character in "[]&~|" or (character == "-" and out[-1] == "-") else character
                )
                self.at += 1
        raise Untranslatable(f"the class {self.text[start : start + 20]!r} is not closed")

    def _comment_length(self) -> int:
        end = self.text.find("\n", self.at)
        return (end if end >= 0 else len(self.text)) - self.at


def _open_group(on: str, off: str) -> str:
    """Return the opening of a group with flags, or nothing when `regex` knows none of them."""
    on = "".join(flag for flag in "ims" if flag in on)
    off = "".join(flag for flag in "ims" if flag in off)
    return f"(?{on}{'-' + off if off else ''}:" if on or off else ""
