"""Reasons to let a candidate go before any evidence is weighed.

Only what is certain belongs here: references, masks, types, identifiers in
code. Each reason is a text that `--show-ignored` prints.
"""

from __future__ import annotations

import re

from detector.engine.judge.generate import Candidate
from detector.engine.judge.names import Name

_REFERENCE = re.compile(
    rb"(?:\$\{?[\w.\-\[\]'\"]+\}?|\$\{[^}]*\}|\$\([^)]*\)?|\\?\$\\?\{.*|\$\w+[:/.@\-].*"  # $NAME, ${NAME}, $(command)
    rb"|#\{[^}]*\}?|\{\{.*\}\}?|\{[\w.]*\}|%\{[^}]*\}?|\(\(.*\)\)|<%.*"  # templates
    rb"|<[^>]*>?|%[\w.]+%?|%\([\w.]+\)s?|@[\w.]+@|\[\w[\w \-.]*\]|__[A-Z_]+__"  # <name>, %NAME%, [name], __NAME__
    rb"|&\w+|@\w+|\*\w+|:[a-z_]\w*|!\w.*"  # pointers, attributes, YAML aliases, symbols, tags
    rb"|(?:env|vault|arn):.*|ref\+.*|secretref.*|keychain.*)\Z",
    re.DOTALL,
)
_MASK = re.compile(
    rb"[*xX.\xe2\x80\xa2#_?\-=~ ]+\Z|(.)\1{3,}\Z|.{0,8}\*{3,}.{0,8}\Z|.{0,12}(?:\.\.\.|\xe2\x80\xa6)\Z"
    rb"|(?:x{3,}[-_.])*x{3,}[-_.]?\Z"
)
_PLACEHOLDER = re.compile(
    rb"your[-_. ]|(?:insert|enter|put|add|paste|set|use)[-_ ](?:your|the|a|my|here)\b"
    rb"|(?:placeholder|redacted|masked|omitted|removed|\w{1,20}[-_ ]?(?:goes|here))\Z|\w{0,20}placeholder\w{0,20}\Z"
)
_RUN = re.compile(rb"(.)\1{7,}")
_CONSTANT = re.compile(
    rb"(?:true|false|null|nil|none|undefined|nan|yes|no|on|off|string|str|int|integer|bool|boolean|object|number|any|"
    rb"varchar(?:\(\d+\))?|text|bytes?|char|void|array|list|dict|map|float|double|self|this|optional|required|hidden|"
    rb"private|public|default|unknown|n/a|tbd|todo|date|enum|function|async|await|new|return)[,;.)]?\Z"
)
_ENVIRONMENT = re.compile(
    rb"(?:process\.env|os\.environ|os\.getenv|system\.getenv|env\[|getenv|env\.|config\.|settings\.|secrets\.|params\.|"
    rb"self\.|this\.|args\.|request\.|options\.|opts\.|data\.|var\.|local\.|module\.|props\.|state\.|context\.|github\.)"
)
_LOOK_UP = (b"process.env", b"os.environ", b"getenv(", b"env(")
_IDENTIFIER = re.compile(rb"&?\*?!?[A-Za-z_$][\w$\-]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$!?]*)*(?:\[[^\[\]]*\]?)*[!?]?\Z")
_NUMBER = re.compile(rb"(?:0x[0-9a-f]{1,8}|[0-9]{1,10})[ul]{0,2}\Z")
_RANDOM = re.compile(rb"(?=[^\d]*\d)[\w+/=\-]{16,}\Z")
_CALL = re.compile(rb"[\w.:$>\-]*\(|\w+\[|.*\)\Z|[@!]?\w+\{")
_SENTENCE = re.compile(rb"(?:[^\s\d]{1,20}[ ,.!?:;]+){3,}")
_NATURAL = re.compile(rb"[A-Za-z'\-.,:;!?()\x80-\xff]+(?:\s+[^\s]+)*\Z")


def why_not(candidate: Candidate, name: Name, value: bytes, low: bytes, file: str, inside: bool, before: bytes) -> str:
    """Return why *value* is no credential, or an empty text; *low* is it in lower case.

    *inside* says that the name stands within a string literal, where an
    unquoted word is a value; *before* is the sign in front of the name.
    """
    size = len(value)
    if size < 3:
        return "shorter than three signs"
    if size > 2048:
        return "longer than 2048 signs"
    if name.kind == "public key" and name.tail in ("", "ident", "again"):
        return "a public key"
    if name.kind == "page token":
        return "a token that numbers pages or words"
    if name.head == "wrong" and candidate.name[:2].lower() == b"no":
        return "the name denies it"
    if candidate.way != "default" and b"env" in candidate.call:
        return "the name of a variable"
    if _CONSTANT.match(low):
        return "a constant or type word"
    if _REFERENCE.match(value):
        return "a reference or template"
    if _MASK.match(value):
        return "a mask"
    if _PLACEHOLDER.match(low):
        return "a placeholder"
    if (run := _RUN.search(value)) and 2 * len(run[0]) >= size:
        return "mostly one sign"
    if not value.isascii() and not value.decode("utf-8", "replace").isprintable():
        return "unprintable"
    if file == "translation" and (b" " in value or _NATURAL.match(value)):
        return "natural text in a translation"
    quote = candidate.quote
    if (quote == b"`" and file == "shell") or (value[:1] == b"?" and candidate.way == "fallback"):
        return "a command"
    if (not quote or quote[:1] == b"`") and _ENVIRONMENT.match(low):
        return "a look-up"
    if not quote:
        return _why_no_literal(candidate, value, low, file, inside, before)
    if b"(" in low and low.startswith(_LOOK_UP):
        return "a look-up"
    if size >= 16 and b" " in value:
        if _SENTENCE.match(value):
            return "a sentence"
        if size > 120:
            return "a text"
    return ""


def _why_no_literal(candidate: Candidate, value: bytes, low: bytes, file: str, inside: bool, before: bytes) -> str:
    operator = candidate.operator
    if before == b":" and operator == b":":
        return "part of a name with colons"
    if before in (b'"', b"'") and operator in (b":", b"=>") and _IDENTIFIER.match(value.rstrip(b")}]")):
        return "an identifier"
    if inside or candidate.way not in ("assign", "pair", "element"):
        return ""
    if file == "code" and _NUMBER.match(low):
        return "a number"
    joined = before in (b"?", b"&", b",", b";", b":") and operator in (b"=", b":")
    if not joined and file in ("code", "data", "other") and not _RANDOM.match(value):
        if _CALL.match(value):
            return "a call"
        if file == "code" and _IDENTIFIER.match(value):
            return "an identifier"
    return ""
