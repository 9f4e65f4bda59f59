"""Name and value in fields of their own: `{"name": "DB_PASSWORD", "value": "…"}` and its relatives.

The name stands in the field of a record that says what it is about (`name`, `key`,
`ParameterKey`, the tag in front), the value in another one (`value`, `default`, `<string>`), in
front of it or behind it, some lines away. Or the name opens a block that holds the field.
"""

from __future__ import annotations

from detector.engine.declarations.literals import Literal, read_bare, read_quoted
from detector.engine.lazy_regex import compile_lazily

REACH = 360
"""Bytes between a name and its value."""

_LABEL = compile_lazily(
    rb"(?:^|[\s{,\[<(\"'\\.])(?:\w{0,20}(?:name|key|variable|property|setting|option|parameter|header|label)|id"
    rb"|var|field|env|type)"
    rb"\\*[\"']?[ \t]{0,40}(?:=>|[:=])[ \t]{0,40}\\*[\"']?[^\"'\n,<>]{0,60}\Z"
)
_VALUE_KEY = compile_lazily(
    rb"(?<![\w.\-])\\*[\"']?(?:\w{0,20}?(?:value|default|plain_?text)|defaultvalue|content|result|secret_?string"
    rb"|data)\\*[\"']?"
    rb"[ \t]{0,40}(?:=>|[:=])[ \t]{0,40}(?=[^\s,}{\[\]])"
)
_VALUE_WORDS = (b"value", b"default", b"text", b"content", b"result", b"string", b"data")
"""One of them stands in whatever `_VALUE_KEY` matches."""
_TAGS = compile_lazily(
    rb"[ \t]*</[\w:.\-]{1,40}>\s{0,120}<[\w:.\-]{0,30}(?:value|string|data|text|content"
    rb"|param)[\w:.\-]{0,10}(?:[ \t][^<>\n]{0,80})?>\s{0,80}"
)
_ATTRIBUTE = compile_lazily(
    rb"\s{1,80}(?:[\w:.\-]{1,40}\s{0,4}=\s{0,4}(?:\"[^\"<>]{0,80}\"|'[^'<>]{0,80}')\s{1,80}){0,4}"
    rb"[\w:.\-]{0,30}(?:value|default|content|password)\s{0,4}=\s{0,4}(?=[\"'])"
)
_ATTRIBUTE_BEFORE = compile_lazily(
    rb"[\w:.\-]{0,30}value\s{0,4}=\s{0,4}([\"'])([^\"'<>\n]{3,400})\1\s{1,80}(?:[\w:.\-]{1,40}\s{0,4}=\s{0,4}\""
    rb"[^\"<>]{0,80}\"\s{1,80}){0,3}"
    rb"(?:name|key|id)\s{0,4}=\s{0,4}[\"'][\w.\-]{0,64}\Z"
)
_OPENS = compile_lazily(
    rb"[ \t]{0,40}(?:[:=]|=>)?[ \t]{0,40}\{|[ \t]{0,8}:[ \t]{0,8}(?:#[^\n]{0,60})?\r?\n(?=[ \t]{1,40}[\w\"'])"
)
_RESULT = compile_lazily(rb"\"(?:result|bcrypt_hash)\"[ \t]?:[ \t]?(?=\")")


def read_value_field(text: bytes, low: bytes, at: int, end: int, closed: int) -> Literal | None:
    """Return the value of the record whose name stands from *at* to *end*; None where it is no such record.

    *closed* is the offset behind what closes the name.
    """
    if b"<" in low and (found := _TAGS.match(low, closed) or _ATTRIBUTE.match(low, closed)):
        return _read(text, low, found.end(), element=low[found.end() - 1 : found.end()] != b"=" and b">" in found[0])
    line = low[max(low.rfind(b"\n", 0, at) + 1, at - 200) : at]
    if b"=" in line and b"<" in line and (found := _ATTRIBUTE_BEFORE.search(low, max(0, at - 600), at)):
        return Literal(found.start(2), found.end(2), found[1])
    if b"random_password" in low[at:end] and (found := _RESULT.search(low, closed, closed + 2 * REACH)):
        return _read(text, low, found.end())
    has_value_key = any(word in low for word in _VALUE_WORDS)
    if has_value_key and (b":" in line or b"=" in line) and _LABEL.search(line):
        return _read_beside(text, low, at, closed)
    if has_value_key and (opened := _OPENS.match(low, closed)):
        return _read_inside(text, low, at, opened.end())
    return None


def _read(text: bytes, low: bytes, place: int, *, element: bool = False) -> Literal | None:
    if not element and (literal := read_quoted(text, low, place)):
        return literal
    if element:
        stop = text.find(b"<", place, place + 4096)
        value = text[place : stop if stop >= 0 else place].strip()
        start = text.find(value, place) if value else place
        return Literal(start, start + len(value)) if value and b"\n" not in value else None
    return next(iter(read_bare(text, place, "configuration")), None)


def _read_beside(text: bytes, low: bytes, at: int, closed: int) -> Literal | None:
    stop = min((low.find(sign, closed) % (len(low) + 1) for sign in (b"}", b"</", b"\n\n")), default=len(low))
    stop = min(stop, closed + REACH)
    if found := _VALUE_KEY.search(low, closed, stop):
        between = low[closed : found.start()]
        if between.count(b"\n") <= 6 and not _NEXT_RECORD.search(between):
            return _read(text, low, found.end())
        return None
    start = max(low.rfind(b"{", 0, at) + 1, at - REACH, 0)
    in_front = list(_VALUE_KEY.finditer(low, start, at)) if low.rfind(b"{", 0, at) >= max(0, at - REACH) else []
    found = in_front[-1] if in_front else None
    if found and low.find(b"}", found.end(), at) < 0:
        return _read(text, low, found.end())
    return None


_NEXT_RECORD = compile_lazily(rb"\n[ \t]*-[ \t]|\n[ \t]*\[|\},")


def _read_inside(text: bytes, low: bytes, at: int, place: int) -> Literal | None:
    stop = low.find(b"}", place)
    stop = min(stop if stop >= 0 else len(low), place + REACH)
    found = _VALUE_KEY.search(low, place, stop)
    if found is None:
        return None
    if low[place - 1 : place] == b"\n":  # a mapping of YAML: its fields stand deeper than its name
        line = text[text.rfind(b"\n", 0, at) + 1 : at]
        indent = len(line) - len(line.lstrip(b" \t"))
        for row in text[place : found.start()].split(b"\n")[:-1]:
            if row.strip() and len(row) - len(row.lstrip(b" \t")) <= indent:
                return None
        last = text[text.rfind(b"\n", 0, found.start()) + 1 : found.start()]
        if len(last) - len(last.lstrip(b" \t")) <= indent and last[:1] != b"\n" and len(last) <= indent:
            return None
    return _read(text, low, found.end())
