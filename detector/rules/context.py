r"""Build the pattern of a rule from context words and a value.

Many credentials have no prefix: `context = ["airtable"]` and `value = '[0-9a-z]{17}'`
find the value where it is assigned to a name that contains the word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import regex

CONTEXT_GAP = r"""[\w.\-]{0,32}["'`\]]{0,2}[ \t]{0,4}(?:=>|:=|=|:|,|\|\||<=|\()?[ \t]{0,4}["'`(]{0,2}"""
"""What may be between the context word and the value: the rest of a name, a closing
quote, an operator, an opening quote. Bounded."""

_CHARACTER = "[\\w+/.:~@$!%^&*=-]"
CONTEXT_TAIL = rf"""[\w.\-]{{0,32}}["'`\] \t=>:,|<(]{{1,14}}{_CHARACTER}"""
"""The same in a coarser form, as the tail of an anchor: the bare word occurs a hundred times as often."""

KEY_WORDS = ("key", "token", "secret", "auth", "pass", "pwd", "cred", "bearer", "api")
"""Words in the name of a credential, for `keyed` rules."""

LONG = 24
"""Bytes of a value that is searched for by `KEY_WORDS` first, and by its context word only where that matched."""

NAMED_VALUE = (
    rf"(?:{'|'.join(KEY_WORDS)})[\w.\-]*(?:[\"'`\]]{{1,2}}[ \t]{{0,4}}|[ \t]{{1,4}}"
    rf"|[\"'`\]]{{0,2}}[ \t]{{0,4}}(?:=>|:=|=|:|,|\|\||<=|\()[ \t]{{0,4}})[\"'`(]{{0,2}}{_CHARACTER}{{{LONG}}}"
)
"""What every match of a `keyed` rule with such a value contains: the loose expression of its anchors."""

_NOT_A_KEY = "id|url|uri|host|name|hash|sha|sum|commit|version|path|file|email|user|dir|date|size|len"


def build_pattern(words: Sequence[str], value: str, keyed: bool | Sequence[str]) -> str:
    """Return the pattern of *value*, an expression, where it is assigned to a name that contains one of *words*.

    If *keyed*, the name must also contain one of `KEY_WORDS` (or of the words given) and must not be
    that of an id, URL or hash.
    """
    alternatives = "|".join(regex.escape(word) for word in words)
    body = value if regex.compile(value.encode()).groups else f"({value})"
    name = _require_key_word(KEY_WORDS if keyed is True else keyed) if keyed else ""
    return rf"(?i:{alternatives}){name}{CONTEXT_GAP}(?<![\w+/.-]){body}(?![\w+/-])"


def build_anchors(words: Sequence[str], value: str, keyed: bool | Sequence[str]) -> tuple[list[str], str]:
    """Return anchors, as rule files write them, and the loose expression that they share ("" for none)."""
    loose = contains_named_value(words, value, keyed)
    tail = f"{CONTEXT_TAIL}{{{LONG if loose else min(12, _shortest_match(value))}}}"
    return [f"(?i){_escape_anchor(word)}{tail}" for word in words], NAMED_VALUE if loose else ""


def _require_key_word(words: Sequence[str]) -> str:
    """Return an expression that requires one of *words* in the name before, around or after the context word."""
    alternatives = "|".join(regex.escape(word) for word in words)
    behind = rf"(?=[\w.\-]{{0,32}}?(?i:{alternatives}))"
    before = rf"(?<=(?i:{alternatives})[\w.\-]{{0,40}})"
    return rf"(?:{behind}|{before})(?![\w.\-]{{0,32}}(?<=(?i:{_NOT_A_KEY}))(?![\w.\-]))"


def contains_named_value(words: Sequence[str], value: str, keyed: bool | Sequence[str]) -> bool:
    """Return whether every match of such a rule contains a `NAMED_VALUE`."""
    known = keyed is True or (keyed and all(any(key in word.lower() for key in KEY_WORDS) for word in keyed))
    if not known or _shortest_match(value) < LONG:
        return False
    if not all(re.fullmatch(r"[\w.\-]+", word, re.ASCII) for word in words):
        return False
    return _is_plain(re._parser.parse(value))  # type: ignore[attr-defined]


def _is_plain(tokens: Any) -> bool:
    """Return whether parsed *tokens* match characters of a `NAMED_VALUE` only."""
    for code, about in tokens:
        kind = str(code)
        if kind == "LITERAL":
            fits = _are_allowed(about, about)
        elif kind == "IN":
            fits = all(_is_plain_item(str(of), item) for of, item in about)
        elif kind == "MAX_REPEAT":
            fits = _is_plain(about[2])
        elif kind == "SUBPATTERN":
            fits = _is_plain(about[3])
        elif kind == "BRANCH":
            fits = all(map(_is_plain, about[1]))
        else:
            fits = kind == "ASSERT"
        if not fits:
            return False
    return True


def _is_plain_item(kind: str, item: Any) -> bool:
    if kind == "CATEGORY":
        return str(item) in ("CATEGORY_WORD", "CATEGORY_DIGIT")
    return _are_allowed(item, item) if kind == "LITERAL" else kind == "RANGE" and _are_allowed(*item)


def _are_allowed(first: int, last: int) -> bool:
    return last < 128 and all(re.fullmatch(_CHARACTER, chr(code)) for code in range(first, last + 1))


def _shortest_match(value: str) -> int:
    """Return the least number of bytes that *value* matches, 1 if `re` cannot parse it."""
    from re import _parser  # type: ignore[attr-defined]

    try:
        return max(1, int(_parser.parse(value).getwidth()[0]))
    except re.error:  # an expression that only `regex` can parse
        return 1


def _escape_anchor(word: str) -> str:
    return word.replace("\\", "\\\\").replace("[", "\\[").replace("(", "\\(")
