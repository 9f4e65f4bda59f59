"""Shared by the readers of rule files of other tools.

A rule of another tool has an expression, sometimes keywords, and no anchor. The
anchors are derived from the expression; if it has no usable literal, the keywords
are the anchors, with a window as wide as these tools search around them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import regex

from detector.engine.conditions import AROUND
from detector.model import Anchor, Rule
from detector.rules.literals import MIN_LITERAL, derive_anchors, max_width
from detector.rules.re2 import Untranslatable

MAX_WIDTH = 8192
"""Bytes around its anchor that are searched for a match whose width has no limit."""

SPECIFICITY = 90
"""Slightly lower than that of our rules, which know more about what they find."""


class ForeignRules(NamedTuple):
    """The rules of a file, and a note of one line about each thing that could not be carried over.

    `extends` lists the files that it extends.
    """

    rules: tuple[Rule, ...]
    notes: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()


def compile_translated(pattern: str) -> Any:
    """Compile a translated expression. Raises `Untranslatable`."""
    try:
        return regex.compile(pattern.encode())
    except (regex.error, OverflowError, RecursionError) as error:
        raise Untranslatable(f"the expression: {error}") from None


def add_anchors(rule: Rule, keywords: tuple[str, ...] = ()) -> Rule:
    """Return *rule* with anchors, a window, and the condition of its *keywords*.

    Raises `Untranslatable` if there is nothing that pass 1 can search for.
    """
    if compile_translated(rule.pattern).match(b""):
        raise Untranslatable("its expression matches the empty string")
    try:
        width, found = max_width(rule.pattern, MAX_WIDTH), derive_anchors(rule.pattern)
    except Exception as error:  # `regex` accepts more than `re` can parse
        raise Untranslatable(f"its expression cannot be read for literals ({error})") from None
    words = tuple(word.lower().encode() for word in keywords)
    keyword_condition = ("none of its keywords is nearby", ("absent", *words))
    if found:
        implied = all(any(word in anchor.text.lower() for word in words) for anchor in found)
        reject_when = rule.reject_when if implied or not words else (keyword_condition, *rule.reject_when)
        return rule._replace(anchors=found, window=(width, width), reject_when=reject_when)
    if not words:
        raise Untranslatable("its expression has no literal to search for, and it has no keywords")
    if min(map(len, words)) < MIN_LITERAL:
        raise Untranslatable(
            f"its expression has no literal to search for, and a keyword is shorter than {MIN_LITERAL}"
        )
    return rule._replace(anchors=tuple(Anchor(word, ignore_case=True) for word in words), window=(AROUND, AROUND))
