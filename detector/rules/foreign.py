"""What the readers of other tools' rule files share.

A foreign rule has an expression, perhaps keywords, and no anchor. The anchors
are read from the expression; where it has no literal of use, the keywords
stand in, with a window as wide as such tools look for them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import regex

from detector.engine.conditions import AROUND
from detector.model import Anchor, Rule
from detector.rules.literals import MIN_LITERAL, derive_anchors, max_width
from detector.rules.re2 import Untranslatable

MAX_WIDTH = 8192
"""A match that may be wider is looked for this far around its anchor."""

SPECIFICITY = 90
"""A little below our own rules, which know more of what they find."""

Condition = tuple[Any, ...]


class ForeignRules(NamedTuple):
    """The rules of a file, and one line about each thing that could not be carried over.

    `extends` are the files that it brought in.
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
    """Give *rule* anchors, a window, and the gate of its *keywords*.

    Raises `Untranslatable` when nothing can be looked for.
    """
    if compile_translated(rule.pattern).match(b""):
        raise Untranslatable("its expression matches the empty text")
    try:
        width, found = max_width(rule.pattern, MAX_WIDTH), derive_anchors(rule.pattern)
    except Exception as error:  # what `regex` reads and `re` does not
        raise Untranslatable(f"its expression cannot be read for literals ({error})") from None
    words = tuple(word.lower().encode() for word in keywords)
    gate = ("none of its keywords stands near", ("absent", *words))
    if found:
        implied = all(any(word in anchor.text.lower() for word in words) for anchor in found)
        reject_when = rule.reject_when if implied or not words else (gate, *rule.reject_when)
        return rule._replace(anchors=found, window=(width, width), reject_when=reject_when)
    if not words:
        raise Untranslatable("its expression has no literal to look for, and it names no keywords")
    if min(map(len, words)) < MIN_LITERAL:
        raise Untranslatable(f"its expression has no literal to look for, and a keyword is shorter than {MIN_LITERAL}")
    return rule._replace(anchors=tuple(Anchor(word, ignore_case=True) for word in words), window=(AROUND, AROUND))
