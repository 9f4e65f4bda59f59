"""A name that speaks of a credential, what connects it to a value, and the value.

Assignments, typed declarations, arguments, elements of XML, keys of mappings with the value
on the next line and variables of shells differ only in the connection between name and value.
It is read without knowing the language.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.engine.declarations.candidate import Candidate
from detector.engine.declarations.literals import Literal, cut_at_wide_sign, find_end, read_bare, read_list, read_quoted
from detector.engine.declarations.separate_fields import read_value_field
from detector.engine.lazy_regex import compile_lazily

_WORDS = (
    rb"pass(?:w(?:or[dt]e?|d)?|phrase|code)?|p(?:wd|sw)|pw(?<![a-z]pw)(?![a-z])|mnemonic|secret|token|cred|auth|api|key"
    rb"|jwt|otp|"
    rb"sign|sig|salt|nonce|hash|private|cookie|session|senha|contrase(?:n|\xc3\xb1)a|kennwort|parola"
    rb"|\xe5\xaf\x86[\xe7\xe7][\xa0\xa2][\x81\xbc]|"
    rb"\xe5\x8f\xa3\xe4\xbb\xa4|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|mot de passe|licen[sc]e"
    rb"|login(?<=sonar\.login)"
)  # each begins with a letter or a fixed byte: `re` skips what begins with none of them
_NAME = compile_lazily(
    rb"(?:" + _WORDS + rb")([\w$\-]*(?:\.[\w$\-]+)*)"  # 1 the rest of the name
    rb"((?:\\*[\"'`\])*]{1,3}|&quot;|&#34;|%22){0,2}(?:\.(?:text|value)(?=[ \t]*=))?)"  # 2 what closes it
)
_LEFT = compile_lazily(rb"[\w$@.\-]{0,64}\Z")
_TYPE = rb"(?:[^=\n\"'`(){};,\[\]]|'[a-z_]{1,20}\b|[\[(][^\])\n\"]{0,60}[\])]){1,80}"
_ARRAY = compile_lazily(rb"(?:[ \t]?\[[\w+ ]{0,20}\]){1,2}")
_TYPED = compile_lazily(
    rb"[ \t]{0,40}::?[ \t]{0,8}" + _TYPE + rb"(?<![=!:<>?+|])=(?![=>~])[ \t]{0,40}"  # name: Type =
    rb"|[ \t]{0,8}\{[^{}\n\"']{0,40}\}[ \t]{0,8}=(?![=>~])[ \t]{0,40}"  # Name { get; set; } =
    rb"|[ \t]{1,40}(?:as[ \t]{1,4})?[\w.*&?]{2,30}(?:[\[(<][\w, .]{0,20}[\])>])?[?!]?[ \t]{0,40}=(?![=>~])"
    rb"[ \t]{0,40}"  # name Type =
)
_OPERATOR = compile_lazily(
    rb"[ \t]{0,200}"
    rb"(?:(=>|->|<-|\|\|=|\?\?=|[=!]==?|:{1,3}=|[:?+.|]?=|::?|;s:\d{1,4}:|\xef\xbc\x9a"
    rb"|%3d)[ \t]{0,200}(\\?\r?\n\s{0,80})?"
    rb"|(,|\(|\{|\)?(?:\.[a-z_]{2,12}){1,2}\()[ \t]{0,40}(?:\\?\r?\n\s{0,80})?"
    rb"|(>)[ \t]{0,40}(?:\r?\n\s{0,80})?"
    rb"|([ \t]))"
)
_FALLBACK = compile_lazily(rb"[ \t]{0,8}(?:\|\||\?\?|\bor\b|\?:|:-)[ \t]{0,8}(?=[\"'`])")
_EXPANSION = compile_lazily(rb"(?::[\-=]?|[\-=])(?=[^\s}+?:])")
_SECOND = compile_lazily(rb"\\*[\"'`]?[ \t]*,[ \t]*[bruf]?(?=\\*[\"'`])")
_DEFAULTED = compile_lazily(
    rb"[^\"'`\r\n]{0,60}(?:\[[^\]\r\n]{1,60}\]|\([\"'][\w.\-]{1,60}[\"'])?[^\"'\r\n]{0,12}?"
    rb"(?:\|\||\?\?|\bor\b|\?:|,|\{)[ \t]*(?=[\"'])"
)
_LOOK_UP = compile_lazily(rb"env|config|get|prop")
_DECLARED_BARE = compile_lazily(
    rb"(?:\b(?:env|arg|setenv|setx|set(?:[ \t]+-[a-z]{1,3}){0,2}|set[ \t]+-\w{1,3}|export[ \t]+-\w|fastcgi_param"
    rb"|#[ \t]*define|"
    rb"config[ \t]+set|configure[ \t]+set|login|user\s+\S{1,60})[ \t]+|^[ \t]{0,16})[\w$.\-]{0,64}\Z"
)
_SAID = compile_lazily(
    rb"[ \t]{1,4}(?:(?:for|of|to|on)[ \t][^\n=:;|]{1,40}?[ \t])?(?:is|are|was)[ \t:]{1,4}(?:now[ \t]"
    rb"|set[ \t]to[ \t])?"
    rb"([\"'`*]{0,3})(?:\xe2\x80[\x98\x9c])?(?=[^\s\"'`*])"
)
_SAID_VALUE = compile_lazily(rb"(?=[^\s\"'`*<>()]{0,40}[0-9])[^\s\"'`*<>()]{6,200}")
_YAML_MARKS = compile_lazily(rb"(?:[&!][\w!.\-]{1,40}[ \t]{1,8}){1,2}(?=[^\s#|>])")
_YAML_BELOW = compile_lazily(
    rb"(?:[ \t]{0,8}(?:[&!][\w!.\-]{1,40}[ \t]{0,8}){0,2}(?:[|>][\-+0-9]{0,2})?[ \t]{0,8}(?:#[^\n]{0,80})?\r?\n)"
    rb"(?:[ \t]*\r?\n){0,2}([ \t]*)(-[ \t]{1,8})?(?=\S)"
)
_ROW = compile_lazily(rb"(?:(?:^|\n|,|\bvalues)[ \t]*\(\Z)")
_WORD_LINE = compile_lazily(rb"[a-z]{2,14}(?: [a-z]{2,14}){3,23}(?=[ \t]*(?:#|\r?\n|\Z))")
_KEY_LINE = compile_lazily(rb"[\"']?[\w.\-/$]+[\"']?[ \t]?(?::(?:\s|$)|=)")


def find_named(text: bytes, low: bytes, kind: str) -> Iterator[Candidate]:
    """Yield the values that a name in *text* speaks of; *low* is *text* in lower case, *kind* that of the file."""
    at = 0
    while match := _NAME.search(low, at):
        begin = match.start()
        left = _LEFT.search(low, max(0, begin - 64), begin)
        reader = _Reader(text, low, kind, left.start() if left else begin, match.end(1), match.end())
        at = max(match.end(), begin + 3)
        yield from reader.read()


class _Reader:
    """Reads what follows one name; `closed` is the offset behind the quotes and brackets that close it."""

    def __init__(self, text: bytes, low: bytes, kind: str, at: int, end: int, closed: int) -> None:
        self.text, self.low, self.kind = text, low, kind
        self.at, self.end, self.closed = at, end, closed
        self.name = text[at:end]
        opener = text[at - 1 : at] if at else b""
        self.quoted_name = opener in (b'"', b"'") and opener in text[end:closed]

    def _is_within_list(self) -> bool:
        """Return whether the name is a string behind a comma in square brackets: a word of a list names nothing.

        In a row of SQL a name may stand beside its value, a numbered string such as `key-0005` is a value itself.
        """
        if not self.quoted_name or self.name.startswith(b"-"):
            return False
        before = self.low[max(0, self.at - 200) : self.at - 1].rstrip()
        if not before.endswith(b","):
            return False
        opened = before.rfind(b"(")
        return before.rfind(b"[") > opened or bool(self.name[-1:].isdigit() and _ROW.search(before, 0, opened + 1))

    def read(self) -> Iterator[Candidate]:
        """Yield the candidates of this name, by the first connection that leads to a value."""
        if field := read_value_field(self.text, self.low, self.at, self.end, self.closed):
            yield self._candidate("pair", field, b":")
            return
        place = self.closed
        following = self.low[place : place + 1]
        if following in b"[ \t" and (array := _ARRAY.match(self.low, place)):
            place = array.end()
        if (
            self.low[place : place + 1] in b": \t{"
            and self.low.find(b"=", place) >= 0
            and (typed := _TYPED.match(self.low, place))
            and (literal := read_quoted(self.text, self.low, typed.end()))
        ):
            yield self._candidate("assign", literal, b"=")
            return
        if self.text[self.at - 2 : self.at] == b"${" and self.closed == self.end:
            if expanded := self._read_expansion():
                yield expanded
            return
        if (
            self.low[place : place + 1] in b" \t|?:o"
            and (fallback := _FALLBACK.match(self.low, place))
            and (literal := read_quoted(self.text, self.low, fallback.end()))
        ):
            yield self._candidate("default", literal, b"||")
            return
        if (
            following in b" \t"
            and (said := _SAID.match(self.low, self.closed))
            and (value := _SAID_VALUE.match(self.text, said.end()))
        ):
            end = cut_at_wide_sign(self.text, said.end(), value.end())
            end = self.closed + len(self.text[self.closed : end].rstrip(b".,;:!?"))
            yield self._candidate("words", Literal(said.end(), end, said[1][:1]), b" ")
        connection = _OPERATOR.match(self.low, place)
        if connection is None:
            return
        assigned, below, called, element, blank = connection.groups()
        place = connection.end()
        if assigned:
            yield from self._read_assigned("below" if below else "assign", assigned, place, connection.end(1))
        elif called and not (called.startswith(b",") and self._is_within_list()):
            yield from self._read_quoted("argument", called.replace(b"{", b"("), place)
        elif element:
            yield from self._read_assigned("element", element, place, place)
        elif blank:
            yield from self._read_after_blank(place)

    def _candidate(self, way: str, literal: Literal, operator: bytes) -> Candidate:
        return Candidate(
            way, self.name, self.at, literal.start, literal.end, operator, literal.quote, literal.call, self.quoted_name
        )

    def _read_expansion(self) -> Candidate | None:
        # ${NAME:-value} and ${NAME:=value} of shells
        found = _EXPANSION.match(self.low, self.end)
        if found is None:
            return None
        stop = self.text.find(b"}", found.end(), found.end() + 200)
        if stop < 0:
            return None
        start = found.end()
        if self.text[start : start + 1] in (b'"', b"'") and self.text[stop - 1 : stop] == self.text[start : start + 1]:
            start, stop = start + 1, stop - 1
        return self._candidate("fallback", Literal(start, stop), b":")

    def _read_quoted(self, way: str, operator: bytes, place: int) -> Iterator[Candidate]:
        literal = read_quoted(self.text, self.low, place)
        if literal is None:
            return
        if way == "words" and len(literal.quote) > 1 and literal.quote != b"``":
            return
        yield self._candidate(way, literal, operator)
        call = literal.call
        if way == "argument" or call or self.name.lower().endswith((b"auth", b"credentials")):
            second = _SECOND.match(self.text, literal.end)
            if second and (more := read_quoted(self.text, self.low, second.end())):
                later = "default" if _LOOK_UP.search(call) else "second"
                yield self._candidate(later, more._replace(call=call), operator)

    def _read_assigned(self, way: str, operator: bytes, place: int, behind: int) -> Iterator[Candidate]:
        text, low = self.text, self.low
        if operator in (b":", b"=") and (found := self._read_below(behind)):
            yield self._candidate("assign", found, operator)
            return
        if operator == b":" and (marks := _YAML_MARKS.match(low, place)):
            place = marks.end()
        quoted = list(self._read_quoted(way, operator, place))
        if quoted:
            yield from quoted
            return
        if low[place : place + 1] in (b"(", b"[", b"{"):
            is_tuple = low[place : place + 1] == b"("
            for count, literal in enumerate(read_list(text, place + 1)):
                if count or not is_tuple:
                    yield self._candidate("second" if is_tuple else way, literal, operator)
            return
        if way == "below":
            return
        if defaulted := _DEFAULTED.match(low, place):
            start, end = find_end(text, defaulted.end() + 1, text[defaulted.end() : defaulted.end() + 1])
            quote = text[defaulted.end() : defaulted.end() + 1]
            yield self._candidate("default", Literal(start, end, quote), operator)
        if self.name.lower().endswith((b"phrase", b"mnemonic")) and (words := _WORD_LINE.match(low, place)):
            yield self._candidate(way, Literal(place, words.end()), operator)
            return
        for literal in read_bare(text, place, self.kind):
            yield self._candidate(way, literal, operator)

    def _read_below(self, behind: int) -> Literal | None:
        """Read a value on the line below: a block scalar, a plain one, or the first item of a list."""
        text = self.text
        found = _YAML_BELOW.match(self.low, behind)
        if found is None:
            return None
        line = text[text.rfind(b"\n", 0, self.at) + 1 : self.at]
        indent = len(line) - len(line.lstrip(b" \t"))
        deeper = len(found[1]) > indent or (found[2] and len(found[1]) == indent)
        if not deeper:
            return None
        place = found.end()
        if literal := read_quoted(text, self.low, place):
            return literal
        stop = text.find(b"\n", place)
        row = text[place : stop if stop >= 0 else len(text)].rstrip()
        if b" " in row or _KEY_LINE.match(row) or row[:1] in b"{[<(":
            return None
        return next(iter(read_bare(text, place, "configuration")), None)

    def _read_after_blank(self, place: int) -> Iterator[Candidate]:
        text, low = self.text, self.low
        while low[place : place + 1] in (b" ", b"\t"):
            place += 1
        quoted = list(self._read_quoted("words", b" ", place))
        if quoted:
            yield from quoted
            return
        line = low[low.rfind(b"\n", 0, self.at) + 1 : self.at]
        if self.closed == self.end and self.kind != "documentation" and _DECLARED_BARE.search(line + self.name.lower()):
            for literal in read_bare(text, place, "configuration"):
                yield self._candidate("assign", literal, b"=")
