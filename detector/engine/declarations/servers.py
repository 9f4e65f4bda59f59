"""Credentials that speak for themselves: in URLs, connection strings, headers, `.netrc`, SQL, password hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.engine.declarations.candidate import Candidate
from detector.engine.declarations.literals import find_end
from detector.engine.lazy_regex import compile_lazily

_SCHEME = compile_lazily(
    rb"(?<![\w\-])(basic|bearer|apikey|api-?key|digest|ntlm|negotiate|token|oauth|jwt|key|api-token)(?: +|%20)"
    rb"(?=[\w+/=\-.~%:]{5})([\w+/=\-.~%:]+)"
)
_URL = compile_lazily(
    rb"\b[a-z][a-z0-9+.%\-]{1,20}://([^\s/:@\"'<>`\\]{0,64}):([^\s/@\"'<>`\\]{1,120})@(?=[^\s\"'<>@/]{1,})"
)
_DSN = compile_lazily(rb"(?<![\w/:])([\w.\-]{1,40}):([^\s:@/\"'`()]{1,80})@(?:(?:tcp|unix)?\(|[\w.\-]{2,60}:\d)")
_SQL = compile_lazily(
    rb"\b(identified[ \t]+(?:with[ \t]+[\w\"'`]+[ \t]+)?(?:by|as)(?:[ \t]+password)?|password)"
    rb"[ \t]*(?:\(|[ \t])[ \t]*(\\*(?:''|[\"'`]))"
)
_SQL_BARE = compile_lazily(rb"\b(identified[ \t]+by)[ \t]+([^\s\"'`;&<]{2,80})")
_NETRC = compile_lazily(rb"\b(?:login|user)[ \t]+(\S{1,60})\s+password[ \t]+[\"']?([^\s\"'][^\s\"']{1,119})")
_CRYPT = compile_lazily(
    rb"()(\$(?:5|6|y|apr1|argon2\w{1,2}|scrypt)\$[\w./$=,+\-]{16,200}|\{s?sha(?:256|512)?\}[a-z0-9+/=]{20,120}"
    rb"|pbkdf2[:_][\w:$.]{4,40}\$[\w./+\-]{4,64}\$[a-z0-9+/=]{16,200})"
)


def find_server_credentials(text: bytes, low: bytes) -> Iterator[Candidate]:
    """Yield what URLs, headers and statements in *text* hold; *low* is *text* in lower case."""
    if b" " in low or b"%20" in low:
        yield from _from_matches("header", text, _SCHEME.finditer(low))
    if b"@" in low:
        if b"://" in low:
            yield from _from_matches("url", text, _URL.finditer(low))
        yield from _from_matches("dsn", text, _DSN.finditer(low))
    if b"password" in low or b"identified" in low:
        for match in _SQL.finditer(low):
            start, end = find_end(text, match.end(), match[2])
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
