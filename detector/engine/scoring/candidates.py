"""Read names and values around an anchor hit: the candidates.

The text is read without knowing its language: `password = "…"`,
`'password' => '…'`, `<password>…</password>`, `--password …` and `?password=…`
differ only in the operator. A value inside a string inside a string
(`"{\\"token\\": \\"…\\"}"`) is found like any other, since quotes are compared
including their backslashes.

Most candidates are no credentials; `rejection` and the score decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from detector.engine.lazy_regex import compile_lazily

MAX_VALUE = 4096
"""Bytes of the longest value."""


class Candidate(NamedTuple):
    """A value and how it was found; `start` and `end` are offsets into the text.

    `way` says by which syntax (`assign`, `argument`, `element`, `pair`, `header`,
    `url`, `flag`, `sql`, …), `quote` is the opening quote with its backslashes,
    `at` the offset of the name, `call` a function call around the value.
    """

    way: str
    name: bytes
    at: int
    start: int
    end: int
    operator: bytes
    quote: bytes
    call: bytes = b""


_WORDS = (
    rb"pass(?:w(?:or[dt]e?|d)?|phrase|code)?|p(?:wd|sw)|(?<![a-z])pw(?![a-z])|secret|token|cred|auth|api|key|jwt|otp|"
    rb"sign|sig|salt|nonce|hash|private|cookie|session|senha|contrase(?:n|\xc3\xb1)a|kennwort|parola|\xe5\xaf\x86[\xe7\xe7][\xa0\xa2][\x81\xbc]|"
    rb"\xe5\x8f\xa3\xe4\xbb\xa4|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|mot de passe"
)
_NAMED = compile_lazily(
    rb"(?:" + _WORDS + rb")"
    rb"([\w$\-]*(?:\.[\w$\-]+)*)"  # 1 the rest of the name
    rb"((?:\\*[\"'`\])*]{1,3}|&quot;|&#34;|%22){0,2}(?:\.(?:text|value)(?=[ \t]*=))?)"  # 2 what closes it
    rb"[ \t]{0,40}"
    rb"(?:"
    rb"(?::[ \t]?[\w<>?.*]{2,40}[ \t]?(?==))?"  # a type
    rb"(=>|->|<-|[=!]==?|[:?+]?=|::?|;s:\d{1,4}:|\xef\xbc\x9a|%3d)[ \t]{0,40}(\\?\r?\n\s{0,80})?"  # 3, 4
    rb"|,\s{0,40}\\*[\"'](?:default)?value\\*[\"'][ \t]?:[ \t]*"  # "name": "password", "value":
    rb"|[ \t]+value[ \t]?=[ \t]?"  # name="password" value="…"
    rb"|\s*[\-,]?\s*value:[ \t]*"  # name: PASSWORD, value: … on the next line
    rb"|(,|\(|\)?(?:\.[a-z_]{2,12}){1,2}\()[ \t]{0,40}(?:\\?\r?\n\s{0,80})?"  # 5
    rb"|(>)[ \t]{0,8}"  # 6
    rb"|([ \t])"  # 7
    rb")"
)
_PREFIX = compile_lazily(
    rb"(?:new[ \t]+)?((?:&?[a-z_][\w.:]{0,40}[ \t]?\([ \t]?){0,3})"
    rb"(?:[bruf@$]{0,2}|\[\]byte\()?(?=\\*[\"'`]|&#34;|&quot;)"
)
_QUOTE = compile_lazily(rb"&#34;|&quot;|\\*(?:\"\"\"|'''|``|[\"'`])")
_PLAIN = compile_lazily(rb"[^\s\"'`<>,;&\\|]+")
_UNBROKEN = compile_lazily(rb"[^\s\"'`][^\s`]{0,200}")
_LEFT = compile_lazily(rb"[\w$@.\-]{0,64}\Z")
_DEFAULTED = compile_lazily(
    rb"[^\"'`\r\n]{0,60}(?:\[[^\]\r\n]{1,60}\]|\([\"'][\w.\-]{1,60}[\"'])?[^\"'\r\n]{0,12}?"
    rb"(?:\|\||\?\?|\bor\b|\?:|,|\{)[ \t]*(?=[\"'])"
)
_LOOK_UP = compile_lazily(rb"env|config|get|prop")
_SECOND = compile_lazily(rb"\\*[\"'`]?[ \t]*,[ \t]*[bruf]?(?=\\*[\"'`])")
_ITEM = compile_lazily(rb"(?:\\[nrt]|\s)*,?(?:\\[nrt]|\s)*[bru]?(\\*[\"'`])")
_SCHEME = compile_lazily(
    rb"(?<![\w\-])(basic|bearer|apikey|api-?key|digest|ntlm|negotiate|token|oauth|jwt|key)(?: +|%20)"
    rb"(?=[\w+/=\-.~%:]{5})([\w+/=\-.~%:]+)"
)
_URL = compile_lazily(
    rb"\b[a-z][a-z0-9+.%\-]{1,20}://([^\s/:@\"'<>`\\]{0,64}):([^\s/@\"'<>`\\]{1,120})@(?=[^\s\"'<>@/]{1,})"
)
_DSN = compile_lazily(rb"(?<![\w/:])([\w.\-]{1,40}):([^\s:@/\"'`()]{1,80})@(?:(?:tcp|unix)?\(|[\w.\-]{2,60}:\d)")
_USER_FLAG = compile_lazily(
    rb"(?:^|[\s\"',\[])(?:-u|--user|--proxy-user)(?:[ =]|[\"'], ?|(?=[\w]))[\"']?([\w.\-@\\$]{1,60}):([^\s\"'`]{1,80})"
)
_FLAG = compile_lazily(
    rb"(?:^|[\s\"',\[])(--?[\w\-]{0,32}(?:pass(?:w(?:or)?d|phrase)?|pwd|token|secret|(?:api|access|secret)-?key)[\w\-]{0,32})"
    rb"(?:[ =]+|[\"'],[ ]?)[\"']?([^\s\"'`]{2,200})"
)
_MYSQL = compile_lazily(
    rb"\b(?:mysql\w*|mariadb\w*|sshpass|mongo\w*)\b[^\r\n|;]{0,120}?[ \t](-p) ?[\"']?([^\s\"'`;|\-][^\s\"'`;|]{1,80})"
)
_PASS_SOURCE = compile_lazily(rb"\b(pass):([^\s\"'`:@/$]{3,80})")
_SQL = compile_lazily(
    rb"\b(identified[ \t]+(?:with[ \t]+[\w\"'`]+[ \t]+)?(?:by|as)(?:[ \t]+password)?|password)"
    rb"[ \t]*(?:\(|[ \t])[ \t]*(\\*(?:''|[\"'`]))"
)
_SQL_BARE = compile_lazily(rb"\b(identified[ \t]+by)[ \t]+([^\s\"'`;&<]{2,80})")
_NETRC = compile_lazily(rb"\b(?:login|user)[ \t]+(\S{1,60})\s+password[ \t]+(\S{2,120})")
_CRYPT = compile_lazily(
    rb"()(\$(?:5|6|y|apr1|argon2\w{1,2}|scrypt)\$[\w./$=,+\-]{16,200}|\{s?sha(?:256|512)?\}[a-z0-9+/=]{20,120}"
    rb"|pbkdf2[:_][\w:$.]{4,40}\$[\w./+\-]{4,64}\$[a-z0-9+/=]{16,200})"
)
_SECURE = compile_lazily(rb"(convertto-securestring)[ \t]+(?:-\w{2,12}[ \t]+)?[\"']?([^\s\"'$|()]{2,120})")


def find_candidates(text: bytes, low: bytes, kind: str) -> Iterator[Candidate]:
    """Yield what may be a credential in *text*; *low* is *text* in lower case.

    In a file of *kind* configuration an unquoted value extends to the next space, as in .env, INI
    and YAML files; where the kind is unknown, both readings are yielded.
    """
    yield from _find_named(text, low, kind)
    if b" " in low or b"%20" in low:
        yield from _from_matches("header", text, _SCHEME.finditer(low))
    if b"@" in low:
        if b"://" in low:
            yield from _from_matches("url", text, _URL.finditer(low))
        yield from _from_matches("dsn", text, _DSN.finditer(low))
    if b"-u" in low or b"--proxy-user" in low:
        yield from _from_matches("user-flag", text, _USER_FLAG.finditer(low))
    if b"-" in low:
        yield from _from_matches("flag", text, _FLAG.finditer(low))
        if b" -p" in low:
            yield from _from_matches("flag", text, _MYSQL.finditer(low))
        if b"securestring" in low:
            yield from _from_matches("flag", text, _SECURE.finditer(low))
    if b"pass:" in low:
        yield from _from_matches("flag", text, _PASS_SOURCE.finditer(low))
    if b"password" in low or b"identified" in low:
        for match in _SQL.finditer(low):
            start, end = _find_end(text, match.end(), match[2])
            yield Candidate("sql", match[1], match.start(), start, end, b" ", match[2])
        yield from _from_matches("sql", text, _SQL_BARE.finditer(low))
        if b"login" in low or b"user" in low:
            yield from _from_matches("netrc", text, _NETRC.finditer(low))
    if b"$" in low or b"{s" in low:
        yield from _from_matches("crypt", text, _CRYPT.finditer(low))


def _from_matches(way: str, text: bytes, matches: Iterator[re.Match[bytes]]) -> Iterator[Candidate]:
    for match in matches:
        at, stop = match.span(1)
        start, end = match.span(2)
        yield Candidate(way, text[at:stop], at, start, end, b"", b"")


class _Field(NamedTuple):
    """A name, its offset, and by which syntax and operator it gets a value."""

    way: str
    name: bytes
    at: int
    operator: bytes


def _find_named(text: bytes, low: bytes, kind: str) -> Iterator[Candidate]:
    at = 0
    while match := _NAMED.search(low, at):
        begin = match.start()
        left = _LEFT.search(low, max(0, begin - 64), begin)
        name_at = left.start() if left else begin
        at = max(match.end(2), begin + 3)
        place = match.end()
        way, operator = _classify(match)
        field = _Field(way, text[name_at : match.end(1)], name_at, operator)
        if prefix := _PREFIX.match(low, place):
            yield from _read_quoted(text, low, field, prefix)
        elif low[place : place + 1] in (b"(", b"[", b"{"):
            is_tuple = low[place : place + 1] == b"("
            for count, (start, end, quote) in enumerate(_read_list(text, place + 1)):
                if count or not is_tuple:
                    listed = "second" if is_tuple else way
                    yield Candidate(listed, field.name, name_at, start, end, operator, quote, b"[")
        elif way not in ("argument", "below", "words"):
            yield from _read_unquoted(text, low, field, place, kind)


def _classify(match: re.Match[bytes]) -> tuple[str, bytes]:
    """Return the way and the operator of a match of `_NAMED`."""
    operator = match[3] or match[5] or match[6] or match[7]
    if operator is None:
        return "pair", b"value"
    if operator == b">":
        return "element", operator
    if operator in b" \t":
        return "words", operator
    if operator == b"," or operator.endswith(b"("):
        return "argument", operator
    return "below" if match[4] else "assign", operator


def _read_quoted(text: bytes, low: bytes, field: _Field, prefix: re.Match[bytes]) -> Iterator[Candidate]:
    """Yield the string after *prefix*, and the second argument of a call."""
    way, name, at, operator = field
    call = prefix[1]
    opened = _QUOTE.match(low, prefix.end())
    assert opened is not None
    quote = opened[0]
    start, end = _find_end(text, opened.end(), quote)
    if way == "words" and len(quote) > 1 and quote != b"``":
        return
    yield Candidate(way, name, at, start, end, operator, quote, call)
    if way == "argument" or call or name.lower().endswith((b"auth", b"credentials")):
        second = _SECOND.match(text, end)
        if second and (opened := _QUOTE.match(text, second.end())):
            start, end = _find_end(text, opened.end(), opened[0])
            later = "default" if _LOOK_UP.search(call) else "second"
            yield Candidate(later, name, at, start, end, operator, opened[0], call)


def _read_unquoted(text: bytes, low: bytes, field: _Field, place: int, kind: str) -> Iterator[Candidate]:
    """Yield the value without quotes at *place*, and the default after it (`… || "value"`)."""
    way, name, at, operator = field
    plain = _PLAIN.match(text, place)
    if plain is None:
        return
    start, end = plain.span()
    if defaulted := _DEFAULTED.match(low, place):
        opened = _QUOTE.match(text, defaulted.end())
        assert opened is not None
        first, last = _find_end(text, opened.end(), opened[0])
        yield Candidate("default", name, at, first, last, operator, opened[0])
    if kind in ("configuration", "unknown") and (whole := _UNBROKEN.match(text, place)):
        unbroken = place + len(whole[0].rstrip(b"\"',;"))
        if kind == "unknown" and start < end != unbroken:
            yield Candidate(way, name, at, start, end, operator, b"")
        end = unbroken
    if text[at - 2 : at] == b"${" and operator == b":":
        start += low[start : start + 1] in b"-="
        end = start + len(text[start:end].split(b"}")[0])
        way = "fallback"
    if end > start:
        yield Candidate(way, name, at, start, end, operator, b"")


def _read_list(text: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the strings of a list or tuple that begins at *at*, at most sixteen."""
    for _ in range(16):
        opened = _ITEM.match(text, at)
        if opened is None:
            return
        start, end = _find_end(text, opened.end(), opened[1])
        yield start, end, opened[1]
        at = end + len(opened[1])


def _find_end(text: bytes, start: int, quote: bytes) -> tuple[int, int]:
    """Return the span from *start* to the closing *quote*."""
    if quote[:1] == b"\\" or len(quote) > 1:
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
    elif quote[:1] != b"`" and len(quote) < 3:
        stop = text.find(b"\n", start, end)
        end = stop if stop >= 0 else end
    return start, end
