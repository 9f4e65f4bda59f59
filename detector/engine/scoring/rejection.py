"""Reject candidates that are certainly no credentials, before any is scored.

References, masks, types, identifiers in code: only what is certain belongs
here. Each reason is a text that `--show-ignored` prints.
"""

from __future__ import annotations

import re

from detector.engine.declarations import Candidate
from detector.engine.lazy_regex import compile_lazily
from detector.engine.scoring.field_names import FieldName
from detector.engine.scoring.naturalness import bits_per_character
from detector.engine.scoring.placeholders import is_passphrase

_REFERENCE = compile_lazily(
    rb"(?:\$\{?[\w.\-\[\]'\"]+\}?|\$\{[^}]*\}|\$\([^)]*\)?|\\?\$\\?\{.*|\$\w+[:/.@\-].*"  # $NAME, ${NAME}, $(command)
    rb"|#\{[^}]*\}?|\{\{.*\}\}?|\{[\w.]*\}|%\{[^}]*\}?|\(\(.*\)\)|<%.*"  # templates
    rb"|<[^>]*>?|%[\w.]+%?|%\([\w.]+\)s?|@[\w.]+@|\[\w[\w \-.]*\]|__[A-Z_]+__"  # <name>, %NAME%, [name], __NAME__
    rb"|&\w+|@\w+|\*\w+|:[a-z_]\w*|!\w.*"  # pointers, attributes, YAML aliases, symbols, tags
    rb"|(?:env|vault|arn):.*|ref\+.*|secretref.*|keychain.*)\Z",
    re.DOTALL,
)
_MASK = compile_lazily(
    rb"[^\[\]]{0,200}\[(?:\.{2,4}|\xe2\x80\xa6)\][^\[\]]{0,200}\Z"
    rb"|[*xX.\xe2\x80\xa2#_?\-=~ ]+\Z|(.)\1{3,}\Z|.{0,8}\*{3,}.{0,8}\Z|.{0,48}(?:\.\.\.|\xe2\x80\xa6)\Z"
    rb"|(?:x{3,}[-_.])*x{3,}[-_.]?\Z|.{0,12}(?:\\u2026|\xe2\x80\xa6).{0,6}(?: \(\d+\))?\Z"
)
_HOLE = compile_lazily(
    rb"\{\{[^{}]*\}\}|\{(?:[a-z_][\w.]*|\d|\[[^\[\]]+\])(?:![rsa])?(?::[^{}]{0,12})?\}|%\(\w+\)[sdr]|[$#]\{[\w.:\-]+\}"
    rb"|\{\{[^{}]*\Z|(?<!\w)<[A-Za-z][\w \-]+>|\A(?:@@|##|%%|\$\$|\xc2\xa7)\w+(?:@@|##|%%|\$\$|\xc2\xa7)\Z"
)
_SAMPLE = compile_lazily(rb"EXAMPLE|(?:^|[^a-z])[Ee]xample(?![a-z])")
_PLACEHOLDER = compile_lazily(
    rb"your[-_. ]|(?:insert|enter|put|add|paste|set|use)[-_ ](?:your|the|a|my|here)\b"
    rb"|(?:placeholder|redacted|masked|omitted|removed|\w{1,20}[-_ ]?(?:goes|here))\Z|\w{0,20}placeholder\w{0,20}\Z"
)
_RUN = compile_lazily(rb"(.)\1{7,}")
_CONSTANT = compile_lazily(
    rb"(?:true|false|null|nil|none|undefined|nan|yes|no|on|off|string|str|int|integer|bool|boolean|object|number|any|"
    rb"varchar(?:\(\d+\))?|text|bytes?|char|void|array|list|dict|map|float|double|self|this|optional|required|hidden|"
    rb"private|public|default|unknown|n/a|tbd|todo|date|enum|function|async|await|new|return|"
    rb"utf-?8|utf-?16|ascii|latin-?1|iso-8859-1)[,;.):\]}]*\Z"
)
_UUID_LIKE = compile_lazily(rb"[0-9a-z]{7,12}(?:-[0-9a-z]{3,5}){3}-[0-9a-z]{8,16}\Z")
_IDENTIFIED = compile_lazily(
    rb"(?:^|[a-z0-9_\-.])(?:[_\-.]|(?<=[a-z0-9])(?=I)|(?<=key))(?:id|ID|Id|iD)(?:entifier|s)?\Z"
)
_ONCE = compile_lazily(rb"(?:lock|request|client|idempotency|change)[_\-]?token\Z")
_DIGEST = compile_lazily(rb"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|(?:sha256:)?[a-z0-9+/]{43}=?)\Z")
_ONE_VERSION = rb"(?:[\^~=]|[<>]=?)?\s?v?(?:\d{1,9}|[x*])(?:\.[\dx*]{1,9}){0,2}(?:[\-+][\w.\-]{1,20})?"
_VERSION = compile_lazily(
    rb"(?:[\^~]|[<>]=?)\s?v?\d+(?:\.[\dx*]+){0,2}\S{0,20}\Z|\d{1,7}(?:\.\d{1,7}){3,}\Z"
    rb"|v?\d{1,4}\.\d{1,4}\.\d{1,6}(?:-(?:alpha|beta|rc|pre|dev|next|canary|snapshot)[\w.\-]{0,20})?(?:\(.{1,200})?\Z"
    rb"|(?=[\^~<>=]|[^|]{1,40}\|\|)"
    + _ONE_VERSION
    + rb"(?:\s{0,2}(?:\|\||,|\s-\s|\s)\s{0,2}"
    + _ONE_VERSION
    + rb"){1,9}\Z"
)
_COLOUR = compile_lazily(rb"#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})\Z")
_EXPRESSION = compile_lazily(
    rb"\(\?(?:[:=!>]|P?<|[ims]+[:)])|\\{1,2}[wdsWDSbB](?:[+*?{\]\\)]|$)|\[\^|\[(?:a-z|A-Z|0-9)|\](?:[+*]|\{\d)"
)
_PUBLIC_DER = (  # how a SubjectPublicKeyInfo begins in Base64: RSA, elliptic curves, Ed25519
    b"MIGfMA0GCSqGSIb3DQEBAQUAA4GN", b"MIIBIjANBgkqhkiG9w0BAQEFAAOC", b"MIICIjANBgkqhkiG9w0BAQEFAAOC",
    b"MFkwEwYHKoZIzj0CAQYI", b"MHYwEAYHKoZIzj0CAQYF", b"MIGbMBAGByqGSM49AgEGBS", b"MCowBQYDK2VwAyEA",
)  # fmt: skip
_FETCH_MODES = (b"include", b"omit", b"same-origin", b"anonymous", b"use-credentials")
_ASKED = compile_lazily(rb"(?:\b|_|\.)(?:get(?!_?bytes)\w*|pop|fetch|input|prompt)\([ \t]?\Z")
_PROMPT = compile_lazily(rb"[\x20-\x7e]{0,40}:\s{1,4}\Z")
_SCHEME = compile_lazily(rb"(?:basic|bearer|digest|ntlm|negotiate|kerberos|hawk|api-?key|oauth2?|spnego)[,;]?\Z")
_KEYWORD = compile_lazily(rb"[A-Z]{3,16}\Z")
_ENVIRONMENT = compile_lazily(
    rb"(?:process\.env|os\.environ|os\.getenv|system\.getenv|env\[|getenv|env\.|config\.|settings\.|secrets\.|params\.|"
    rb"self\.|this\.|args\.|request\.|options\.|opts\.|data\.|var\.|local\.|module\.|props\.|state\.|context\.|github\.)"
)
_LOOK_UP = (b"process.env", b"os.environ", b"getenv(", b"env(")
_IDENTIFIER = compile_lazily(
    rb"&?\*?!?[A-Za-z_$][\w$\-]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$!?]*)*(?:\[[^\[\]]*\]?)*[!?]?\Z"
)
_NUMBER = compile_lazily(rb"(?:0x[0-9a-f]{1,8}|[0-9]{1,10})[ul]{0,2}\Z")
_RANDOM = compile_lazily(rb"(?=[^\d]*\d)[\w+/=\-]{16,}\Z")
_CALL = compile_lazily(rb"[\w.:$>\-]*\(|\w+\[|.*\)\Z|[@!]?\w+\{")
_CALLED = compile_lazily(rb"[A-Za-z_][\w.:]*\((?:[\"'&*]|[\w.]*[),]?\Z)|[a-z_]\w*\[:?[\w\"']+\]\.\w")
_OLD_WORD = compile_lazily(rb"(?:[\x20-\x7e]*[A-Za-z][\xc0-\xff](?=[A-Za-z]))+[\x20-\x7e]+\Z")
_SENTENCE = compile_lazily(rb"(?:[^\s\d]{1,20}[ ,.!?:;]+){3,}")
_NATURAL = compile_lazily(rb"[A-Za-z'\-.,:;!?()\x80-\xff]+(?:\s+[^\s]+)*\Z")

NATURAL = 4.0
"""Bits per character below which text reads like words."""


def rejection_reason(
    candidate: Candidate, name: FieldName, value: bytes, low: bytes, file: str, inside: bool, before: bytes
) -> str:
    """Return why *value* is not a credential, "" if it may be one; *low* is *value* in lower case.

    *inside* says that the name is inside a string literal, where an unquoted
    word is a value; *before* holds the two characters before the name.
    """
    size = len(value)
    if size < 3:
        return "shorter than 3 characters"
    if size > 2048:
        return "longer than 2048 characters"
    if name.kind == "public key" and name.tail in ("", "ident", "again"):
        return "a public key"
    if name.kind == "page token":
        return "a token of pages or of text"
    if reason := _reject_by_name(candidate, name, value, low, before):
        return reason
    if name.head == "wrong" and candidate.name.lstrip(b"-")[:2].lower() == b"no":
        return "the name denies it"
    if candidate.way != "default" and b"env" in candidate.call:
        return "the name of a variable"
    if reason := _reject_by_form(candidate, value, low):
        return reason
    if file == "translation" and (b" " in value or _NATURAL.match(value) or not value.isascii()):
        return "natural text in a translation"
    quote = candidate.quote
    if (quote == b"`" and file == "shell") or (value[:1] == b"?" and candidate.way == "fallback"):
        return "a command"
    if (not quote or quote[:1] == b"`") and _ENVIRONMENT.match(low):
        return "a lookup"
    if not quote:
        return _reject_unquoted(candidate, value, low, file, inside, before)
    if b"(" in low and low.startswith(_LOOK_UP):
        return "a lookup"
    if size >= 16 and b" " in value:
        if _SENTENCE.match(value) and not is_passphrase(candidate.name, value):
            return "a sentence"
        if size > 120:
            return "a text"
    return ""


def _reject_by_form(candidate: Candidate, value: bytes, low: bytes) -> str:
    """Return why *value* is not a credential wherever it occurs, "" if it may be one."""
    if _CONSTANT.match(low):
        return "a constant or type word"
    if _REFERENCE.match(value):
        return "a reference or template"
    if _MASK.match(value):
        return "a mask"
    if _HOLE.search(value):
        return "a template with holes"
    if _SAMPLE.search(value):
        return "a documented example"
    if _VERSION.match(low):
        return "a version or object identifier"
    if _COLOUR.match(low):
        return "a colour"
    if candidate.quote and _PROMPT.match(value):
        return "a prompt"
    if value.startswith(_PUBLIC_DER):
        return "a public key"
    if _EXPRESSION.search(value):
        return "a regular expression"
    if _PLACEHOLDER.match(low):
        return "a placeholder"
    if (run := _RUN.search(value)) and 2 * len(run[0]) >= len(value):
        return "mostly one character"
    if not value.isascii() and not _is_readable(value):
        return "not printable"
    return ""


def _reject_by_name(candidate: Candidate, name: FieldName, value: bytes, low: bytes, before: bytes) -> str:
    """Return why a field with this name and value holds no credential, "" if it may hold one."""
    if name.kind in ("credit", "author"):
        return "the name only resembles a credential's"
    if before == b"::" and candidate.operator == b":":
        return "the name of a type"
    if _UUID_LIKE.match(low):
        if not low.translate(None, b"0-") or (name.kind != "secret" and _IDENTIFIED.search(candidate.name)):
            return "an identifier"
        if _ONCE.search(candidate.name.lower()):
            return "a request token"
    if name.kind == "key id" and _DIGEST.match(low):
        return "an identifier"
    if name.kind == "credential" and low in _FETCH_MODES:
        return "a fetch mode"
    if name.kind == "token" and _KEYWORD.match(value):
        return "a keyword"
    if name.kind in ("authorization", "auth") and _SCHEME.match(low):
        return "the name of a scheme"
    if candidate.operator == b":" and not candidate.quote and value[:2] == b"//":
        return "a URL"
    if candidate.way == "element" and value[:1] == b"@":
        return "a reference or template"
    if candidate.way == "header" and (
        value.startswith(b"AWS4-") or (low.isalpha() and bits_per_character(low) < NATURAL)
    ):
        return "a word after the name of a scheme"
    if candidate.way != "default" and _ASKED.search(candidate.call):
        return "the name of a value to look up"
    return ""


def _reject_unquoted(candidate: Candidate, value: bytes, low: bytes, file: str, inside: bool, before: bytes) -> str:
    """Return why *value* without quotes is code and no literal, "" if it may be one."""
    operator, before = candidate.operator, before[-1:]
    spaced = candidate.start - candidate.at - len(candidate.name) > 1
    if before == b":" and operator == b":" and not spaced:
        return "part of a name with colons"
    closed = candidate.quoted_name
    if closed and operator in (b":", b"=>") and _IDENTIFIER.match(value.rstrip(b")}]")):
        return "an identifier"
    if inside or candidate.way not in ("assign", "pair", "element"):
        return ""
    if file == "code" and _NUMBER.match(low):
        return "a number"
    joined = before in (b"?", b"&", b",", b";", b":") and operator in (b"=", b":")
    if not joined and file != "configuration" and _CALLED.match(value):
        return "a call"
    if not joined and file in ("code", "data", "other") and (not _RANDOM.match(value) or _is_mostly_words(value)):
        if _CALL.match(value):
            return "a call"
        if file == "code" and _IDENTIFIER.match(value.rstrip(b"):;{")):
            return "an identifier"
    return ""


def _is_mostly_words(value: bytes) -> bool:
    # `recaptchaV2Token`: an identifier of words, with a number in it
    return sum(value.count(digit) for digit in b"0123456789") <= 3 and bits_per_character(value) < NATURAL


def _is_readable(value: bytes) -> bool:
    try:
        return value.decode().isprintable()
    except UnicodeDecodeError:  # a word in an older encoding
        return bool(_OLD_WORD.match(value))
