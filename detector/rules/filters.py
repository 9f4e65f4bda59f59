r"""Translate the filter expressions of betterleaks to conditions (see engine/conditions.py).

A filter is an expression for the matches that are rejected:
``entropy(finding["secret"]) <= 3.0 || matchesAny(finding["secret"], [`^test`])``.
What rules use is translated: comparisons of the entropy, the functions
`matchesAny` and `containsAny`, string operators, `&&`, `||`, `!`, `??`. Anything
else (variables, slices, live checks) raises `Untranslatable`, which names it.
"""

from __future__ import annotations

import re
from typing import Any

from detector.engine.conditions import Condition
from detector.rules.re2 import Untranslatable, translate

_TOKEN = re.compile(
    r"""\s*(?://[^\n]*|/\*.*?\*/)?\s*(?:
      (?P<text>`[^`]*`|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][\w.]*)
    | (?P<operator>\|\||&&|\?\?|\?\.|==|!=|<=|>=|[<>!()\[\],+:?;={}-])
    )""",
    re.VERBOSE | re.DOTALL,
)
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_TESTS = {"startsWith": "starts", "endsWith": "ends", "contains": "contains-case"}
_WHERE = {"secret": "secret", "match": "match", "line": "line", "context": "line"}


class _TextOf(str):
    """Names a text of the match: secret, match, line or path."""


class _NumberOf(tuple[Any, ...]):
    """Names a number of the match: its entropy or its length."""


def translate_filter(text: str, rule_id: str = "") -> Condition:
    """Translate one filter. Raises `Untranslatable`."""
    reader = _FilterParser(text, rule_id)
    found = reader.parse_either()
    if reader.peek():
        raise Untranslatable(f"{reader.peek()!r} in a filter")
    return _require_condition(found)


class _FilterParser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, rule_id: str) -> None:
        self.rule_id = rule_id
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found or found.lastgroup is None:
                raise Untranslatable(f"{text[at : at + 20].strip()!r} in a filter")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        """Return the text of the next token, "" at the end."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def expect(self, operator: str) -> None:
        """Pass over *sign*, which must come next."""
        if self.peek() != operator:
            raise Untranslatable(f"{self.peek() or 'the end'!r} where {operator!r} is expected in a filter")
        self.at += 1

    def parse_either(self) -> Any:
        """Parse alternatives."""
        parts = [self.parse_both()]
        while self.peek() in ("||", "or"):
            self.at += 1
            parts.append(self.parse_both())
        return parts[0] if len(parts) == 1 else ("or", *map(_require_condition, parts))

    def parse_both(self) -> Any:
        """Parse tests that must all be met."""
        parts = [self.parse_comparison()]
        while self.peek() in ("&&", "and"):
            self.at += 1
            parts.append(self.parse_comparison())
        return parts[0] if len(parts) == 1 else ("and", *map(_require_condition, parts))

    def parse_comparison(self) -> Any:
        """Parse one test."""
        if self.peek() in ("!", "not"):
            self.at += 1
            return ("not", _require_condition(self.parse_comparison()))
        left = self.parse_value()
        operator = self.peek()
        if operator in _MIRRORED:
            self.at += 1
            return _compare(left, operator, self.parse_value())
        if operator in (*_TESTS, "matches", "in"):
            self.at += 1
            return _test(left, operator, self.parse_value())
        return left

    def parse_value(self) -> Any:
        """Parse a string, number, list, field or call; ``x ?? "default"`` is x."""
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "the end")
        self.at += 1
        if kind == "text":
            found: Any = text[1:-1] if text[0] == "`" else _unescape(text[1:-1])
        elif kind == "number":
            found = float(text)
        elif text == "(":
            found = self.parse_either()
            self.expect(")")
        elif text == "[":
            found = self.parse_list("]")
        elif kind == "word":
            found = self.parse_name(text)
        else:
            raise Untranslatable(f"{text!r} in a filter")
        if self.peek() == "??":
            self.at += 1
            self.parse_value()
        return found

    def parse_list(self, end: str) -> list[Any]:
        """Parse values up to *end*."""
        found = []
        while self.peek() != end:
            found.append(self.parse_either())
            if self.peek() == ",":
                self.at += 1
            elif self.peek() != end:
                raise Untranslatable(f"{self.peek() or 'the end'!r} in a list of a filter")
        self.at += 1
        return found

    def parse_name(self, word: str) -> Any:
        """Parse a name: a field such as ``finding["secret"]``, or the call of a function."""
        if word in ("true", "false"):
            return ("or",) if word == "false" else ("and",)
        if word in ("finding", "attributes") and self.peek() in ("[", "?."):
            self.at += self.peek() == "?."
            self.expect("[")
            (key,) = self.parse_list("]") or [""]
            return self.read_field(word, key)
        if word in ("finding", "attributes"):
            return word
        if self.peek() != "(":
            raise Untranslatable(f"{word!r} in a filter")
        self.at += 1
        return self.parse_call(word.rpartition(".")[2], self.parse_list(")"))

    def read_field(self, of: str, key: Any) -> Any:
        """Return the text that ``of[key]`` stands for."""
        if of == "finding" and key == "rule_id":
            return self.rule_id
        if of == "finding" and key in _WHERE:
            return _TextOf(_WHERE[key])
        if of == "attributes" and key == "path":
            return _TextOf("path")
        raise Untranslatable(f"{of}[{key!r}] in a filter")

    def parse_call(self, name: str, given: list[Any]) -> Any:
        """Return the condition or value of a call."""
        if name == "get" and len(given) >= 2 and given[0] in ("finding", "attributes"):
            return self.read_field(given[0], given[1])
        place = given[0] if given else None
        if not isinstance(place, _TextOf):
            raise Untranslatable(f"{name}() in a filter")
        if name == "entropy" and place == "secret":
            return _NumberOf(("entropy",))
        if name in ("len", "size") and place == "secret":
            return _NumberOf(("size",))
        texts = given[1] if len(given) == 2 and isinstance(given[1], list) else None
        if texts is not None and name == "matchesAny":
            return ("matches", str(place), *_translate_all(texts))
        if (
            texts is not None and name == "containsAny"
        ):  # betterleaks ignores the case of the text, not that of the words
            return ("contains", str(place), *(text.encode() for text in texts))
        raise Untranslatable(f"{name}() in a filter")


def _translate_all(texts: list[str]) -> list[str]:
    import regex

    kept = []
    for text in texts:
        found = translate(text)
        try:
            regex.compile(found.encode())
        except regex.error as error:
            raise Untranslatable(f"the expression {text[:40]!r}: {error}") from None
        kept.append(found)
    return kept


def _compare(left: Any, operator: str, right: Any) -> Condition:
    if isinstance(right, _NumberOf):
        left, operator, right = right, _MIRRORED[operator], left
    if isinstance(left, _NumberOf) and isinstance(right, float):
        test = (left[0], "==" if operator == "!=" else operator, right)
        return ("not", test) if operator == "!=" else test
    if isinstance(right, _TextOf):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, str) and operator in ("==", "!="):
        same: Condition = ("is", str(left), right.encode())
        if not isinstance(left, _TextOf):
            same = ("and",) if left == right else ("or",)
        return ("not", same) if operator == "!=" else same
    raise Untranslatable(f"a comparison by {operator!r} in a filter")


def _test(left: Any, operator: str, right: Any) -> Condition:
    if not isinstance(left, _TextOf):
        raise Untranslatable(f"{operator!r} in a filter")
    if operator == "in" and isinstance(right, list):
        return ("is", str(left), *(text.encode() for text in right))
    if operator == "matches" and isinstance(right, str):
        return ("matches", str(left), *_translate_all([right]))
    if operator in _TESTS and isinstance(right, str):
        return (_TESTS[operator], str(left), right.encode())
    raise Untranslatable(f"{operator!r} in a filter")


def _require_condition(found: Any) -> Condition:
    if isinstance(found, tuple) and not isinstance(found, _NumberOf) and found:
        return found
    raise Untranslatable("a filter that is not a condition")


def _unescape(text: str) -> str:
    known = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda found: known.get(found[1], found[1]), text)
