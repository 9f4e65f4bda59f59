"""Where a literal begins and ends, in whatever language it is written.

A quoted literal ends at its closing quote or at the end of the line; quotes are
compared with their backslashes, so that a string inside a string is read like any
other. An unquoted one ends at white space, at a separator, or at a bracket that was
opened in front of it on its line: `{password: abc}` holds `abc`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from detector.engine.declarations.candidate import MAX_VALUE
from detector.engine.lazy_regex import compile_lazily

MAX_ITEMS = 16
"""Strings of a list that are read."""


class Literal(NamedTuple):
    """The span of a value without its quotes, the opening quote, and the calls around it."""

    start: int
    end: int
    quote: bytes = b""
    call: bytes = b""


_CALLS = compile_lazily(
    rb"(?:new[ \t]+)?((?:&?[a-z_][\w.:]{0,40}(?:<[\w, ]{0,40}>)?!?[ \t]?\([ \t]?(?:[a-z_]{1,20}[ \t]?=[ \t]?)?){0,3})"
    rb"(?:[bruflmn@$]{1,3}(?:#{1,3})?|u8|\[\]byte\(|~s)?(?=\\*[\"'`]|&#34;|&quot;|&#39;|&apos;)"
)
_QUOTE = compile_lazily(rb"&#34;|&quot;|&#39;|&apos;|\\*(?:\"\"\"|'''|``|[\"'`])")
_DELIMITED = compile_lazily(rb"(?:qq?|%q?)[ \t]?([{(\[<|/!~])")
_HEREDOC = compile_lazily(rb"<<<?[-~]?[ \t]?([\"']?)([a-z_]\w{0,30})\1[ \t]*\r?\n[ \t]*")
_CLOSING = {b"{": b"}", b"(": b")", b"[": b"]", b"<": b">"}
_PLAIN = compile_lazily(rb"(?:[^\s\"'`<>,;&\\|]|(?<=\d)\|(?=[\w.]))+")
_UNBROKEN = compile_lazily(rb"[^\s\"'`][^\s`]{0,200}")
_WIDE_SIGNS = compile_lazily(  # full-width punctuation and typographic quotes end a value
    rb"\xef\xbc[\x81\x88\x89\x8c\x9a\x9b\x9f]|\xe3\x80[\x81\x82\x88-\x91]|\xe2\x80[\x98\x99\x9c\x9d]"
)
_BRACKETS = compile_lazily(rb"[()\[\]{}]")
_ITEM = compile_lazily(rb"(?:\\[nrt]|\s)*,?(?:\\[nrt]|\s)*[bru]?(\\*[\"'`])")
_OPENERS = {41: 40, 93: 91, 125: 123}


def read_quoted(text: bytes, low: bytes, at: int) -> Literal | None:
    """Read the quoted literal at *at*, behind calls and prefixes of strings; *low* is *text* in lower case."""
    found = _CALLS.match(low, at)
    if found is None:
        return _read_delimited(text, low, at)
    opened = _QUOTE.match(low, found.end())
    if opened is None:
        return None
    start, end = find_end(text, opened.end(), opened[0])
    return _unwrap(text, Literal(start, end, opened[0], found[1]))


def _read_delimited(text: bytes, low: bytes, at: int) -> Literal | None:
    # q{…} of Perl, %q(…) of Ruby, <<<EOT of PHP and Ruby
    if low[at : at + 1] not in (b"q", b"%", b"<"):
        return None
    if found := _DELIMITED.match(low, at):
        closing = _CLOSING.get(found[1], found[1])
        end = text.find(closing, found.end(), found.end() + MAX_VALUE)
        if end >= 0 and b"\n" not in text[found.end() : end]:
            return Literal(found.end(), end, b"'")
    if found := _HEREDOC.match(low, at):
        stop = text.find(b"\n", found.end())
        return Literal(found.end(), len(text[: stop if stop >= 0 else len(text)].rstrip()), b"'")
    return None


def _unwrap(text: bytes, literal: Literal) -> Literal:
    # '"value"': a string in a string; """ and a line break in front of the value
    start, end = literal.start, literal.end
    if len(literal.quote) == 3:
        first = text[start:end].lstrip()
        start = end - len(first)
        stop = text.find(b"\n", start, end)
        end = stop if stop >= 0 else end
        return literal._replace(start=start, end=start + len(text[start:end].rstrip()))
    inner = text[start : start + 1]
    if inner == b"(" and text[end - 1 : end] == b")" and text[start - 2 : start] in (b'R"', b'r"'):
        return literal._replace(start=start + 1, end=end - 1)  # R"(value)" of C++
    if inner in (b'"', b"'") and end - start > 4 and text[end - 1 : end] == inner:
        return literal._replace(start=start + 1, end=end - 1)
    return literal


def find_end(text: bytes, start: int, quote: bytes) -> tuple[int, int]:
    """Return the span from *start* to what closes *quote*, or to the end of the line."""
    if quote[:1] in b"\\&" or len(quote) > 1:
        end = text.find(quote, start, start + MAX_VALUE)
    else:
        end = start
        while True:
            end = text.find(quote, end, start + MAX_VALUE)
            if end < 0 or text[end - 1 : end] != b"\\" or text[end - 2 : end] == b"\\\\":
                break
            end += 1
    if end < 0:
        stop = text.find(b"\n", start)
        end = stop if stop >= 0 else len(text)
    elif len(quote) < 3:
        stop = text.find(b"\n", start, end)
        end = stop if stop >= 0 else end
    return start, end


def read_bare(text: bytes, at: int, kind: str) -> Iterator[Literal]:
    """Yield what an unquoted value at *at* may be; in configuration it reaches to the next blank."""
    if opened := _WIDE_SIGNS.match(text, at):
        at = opened.end()
    plain = _PLAIN.match(text, at)
    if plain is None:
        return
    end = cut_at_wide_sign(text, at, cut_at_bracket(text, at, plain.end()))
    if kind in ("configuration", "unknown") and (unbroken := _UNBROKEN.match(text, at)):
        whole = at + len(text[at : cut_at_bracket(text, at, unbroken.end())].rstrip(b"\"',;"))
        whole = cut_at_wide_sign(text, at, whole)
        if kind == "unknown" and at < end != whole:
            yield Literal(at, end)
        end = whole
    if end > at:
        yield Literal(at, end)


def cut_at_wide_sign(text: bytes, start: int, end: int) -> int:
    """Return where the value in *start* to *end* stops: at punctuation that no password holds."""
    if text[start:end].isascii():
        return end
    found = _WIDE_SIGNS.search(text, start, end)
    return found.start() if found else end


def cut_at_bracket(text: bytes, start: int, end: int) -> int:
    """Return where the value in *start* to *end* stops: at a bracket that closes one opened before it on its line."""
    opened: list[int] = []
    for found in _BRACKETS.finditer(text, start, end):
        sign = text[found.start()]
        if sign not in _OPENERS:
            opened.append(sign)
        elif opened and opened[-1] == _OPENERS[sign]:
            opened.pop()
        elif not opened:
            line = text[text.rfind(b"\n", 0, start) + 1 : start]
            if line.count(_OPENERS[sign]) > line.count(sign):
                return found.start()
    return end


def read_list(text: bytes, at: int) -> Iterator[Literal]:
    """Yield the strings of a list or tuple that begins at *at*."""
    for _ in range(MAX_ITEMS):
        opened = _ITEM.match(text, at)
        if opened is None:
            return
        start, end = find_end(text, opened.end(), opened[1])
        yield Literal(start, end, opened[1], b"[")
        at = end + len(opened[1])
