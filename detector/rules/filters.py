r"""Read the filter expressions of betterleaks as conditions of engine/conditions.py.

A filter is an expression that says when a find is dropped:
``entropy(finding["secret"]) <= 3.0 || matchesAny(finding["secret"], [`^test`])``.
The constructs that rules use are translated: comparisons of entropy, the
`matchesAny` and `containsAny` functions, string operators, `&&`, `||`, `!`,
`??`. Anything else (variables, slices, live checks) is refused by name.
"""

from __future__ import annotations

import re
from typing import Any

from detector.rules.re2 import Untranslatable, translate

Condition = tuple[Any, ...]

_TOKEN = re.compile(
    r"""\s*(?://[^\n]*|/\*.*?\*/)?\s*(?:
      (?P<text>`[^`]*`|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][\w.]*)
    | (?P<sign>\|\||&&|\?\?|\?\.|==|!=|<=|>=|[<>!()\[\],+:?;={}-])
    )""",
    re.VERBOSE | re.DOTALL,
)
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_TESTS = {"startsWith": "starts", "endsWith": "ends", "contains": "contains-case"}
_WHERE = {"secret": "secret", "match": "match", "line": "line", "context": "line"}


class _TextOf(str):
    """A text of the find: secret, match, line or path."""


class _NumberOf(tuple[Any, ...]):
    """A number of the find: its entropy or its length."""


def translate_filter(text: str, rule_id: str = "") -> Condition:
    """Translate one filter. Raises `Untranslatable`."""
    reader = _FilterParser(text, rule_id)
    found = reader.either()
    if reader.sign():
        raise Untranslatable(f"{reader.sign()!r} in a filter")
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

    def sign(self) -> str:
        """Return the next token's text, nothing at the end."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, sign: str) -> None:
        """Pass over *sign*, which must come next."""
        if self.sign() != sign:
            raise Untranslatable(f"{self.sign() or 'the end'!r} where {sign!r} should stand in a filter")
        self.at += 1

    def either(self) -> Any:
        """Read alternatives."""
        parts = [self.both()]
        while self.sign() in ("||", "or"):
            self.at += 1
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else ("or", *map(_require_condition, parts))

    def both(self) -> Any:
        """Read what must hold together."""
        parts = [self.compared()]
        while self.sign() in ("&&", "and"):
            self.at += 1
            parts.append(self.compared())
        return parts[0] if len(parts) == 1 else ("and", *map(_require_condition, parts))

    def compared(self) -> Any:
        """Read one test."""
        if self.sign() in ("!", "not"):
            self.at += 1
            return ("not", _require_condition(self.compared()))
        left = self.value()
        sign = self.sign()
        if sign in _MIRRORED:
            self.at += 1
            return _compare(left, sign, self.value())
        if sign in (*_TESTS, "matches", "in"):
            self.at += 1
            return _test(left, sign, self.value())
        return left

    def value(self) -> Any:
        """Read a text, number, list, place or call; ``x ?? "default"`` is x."""
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "the end")
        self.at += 1
        if kind == "text":
            found: Any = text[1:-1] if text[0] == "`" else _unescape(text[1:-1])
        elif kind == "number":
            found = float(text)
        elif text == "(":
            found = self.either()
            self.take(")")
        elif text == "[":
            found = self.listed("]")
        elif kind == "word":
            found = self.named(text)
        else:
            raise Untranslatable(f"{text!r} in a filter")
        if self.sign() == "??":
            self.at += 1
            self.value()
        return found

    def listed(self, end: str) -> list[Any]:
        """Read values up to *end*."""
        found = []
        while self.sign() != end:
            found.append(self.either())
            if self.sign() == ",":
                self.at += 1
            elif self.sign() != end:
                raise Untranslatable(f"{self.sign() or 'the end'!r} in a list of a filter")
        self.at += 1
        return found

    def named(self, word: str) -> Any:
        """Read a name: a place such as ``finding["secret"]``, or a function's call."""
        if word in ("true", "false"):
            return ("or",) if word == "false" else ("and",)
        if word in ("finding", "attributes") and self.sign() in ("[", "?."):
            self.at += self.sign() == "?."
            self.take("[")
            (key,) = self.listed("]") or [""]
            return self.place(word, key)
        if word in ("finding", "attributes"):
            return word
        if self.sign() != "(":
            raise Untranslatable(f"{word!r} in a filter")
        self.at += 1
        return self.called(word.rpartition(".")[2], self.listed(")"))

    def place(self, of: str, key: Any) -> Any:
        """Return the text that *key* names."""
        if of == "finding" and key == "rule_id":
            return self.rule_id
        if of == "finding" and key in _WHERE:
            return _TextOf(_WHERE[key])
        if of == "attributes" and key == "path":
            return _TextOf("path")
        raise Untranslatable(f"{of}[{key!r}] in a filter")

    def called(self, name: str, given: list[Any]) -> Any:
        """Return what a function's call means."""
        if name == "get" and len(given) >= 2 and given[0] in ("finding", "attributes"):
            return self.place(given[0], given[1])
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
        if texts is not None and name == "containsAny":  # the text is lowered there, the words are not
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


def _compare(left: Any, sign: str, right: Any) -> Condition:
    if isinstance(right, _NumberOf):
        left, sign, right = right, _MIRRORED[sign], left
    if isinstance(left, _NumberOf) and isinstance(right, float):
        test = (left[0], "==" if sign == "!=" else sign, right)
        return ("not", test) if sign == "!=" else test
    if isinstance(right, _TextOf):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, str) and sign in ("==", "!="):
        same: Condition = ("is", str(left), right.encode())
        if not isinstance(left, _TextOf):
            same = ("and",) if left == right else ("or",)
        return ("not", same) if sign == "!=" else same
    raise Untranslatable(f"a comparison by {sign!r} in a filter")


def _test(left: Any, sign: str, right: Any) -> Condition:
    if not isinstance(left, _TextOf):
        raise Untranslatable(f"{sign!r} in a filter")
    if sign == "in" and isinstance(right, list):
        return ("is", str(left), *(text.encode() for text in right))
    if sign == "matches" and isinstance(right, str):
        return ("matches", str(left), *_translate_all([right]))
    if sign in _TESTS and isinstance(right, str):
        return (_TESTS[sign], str(left), right.encode())
    raise Untranslatable(f"{sign!r} in a filter")


def _require_condition(found: Any) -> Condition:
    if isinstance(found, tuple) and not isinstance(found, _NumberOf) and found:
        return found
    raise Untranslatable("a filter that is no condition")


def _unescape(text: str) -> str:
    known = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda found: known.get(found[1], found[1]), text)
