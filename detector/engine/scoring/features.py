"""The evidence: properties of a candidate, as named features.

A feature is a short text such as `named password` or `made of 32 hex digits`. The
weights are fitted to these texts, and `--explain` prints them. They describe the
name, the value, the syntax and the surroundings; most are binned, so that their
weights add up and a person can check the sum. Pairs of features
(`named token, made of 40 hex digits`) express what one alone cannot.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from detector.engine.declarations import Candidate
from detector.engine.lazy_regex import compile_lazily
from detector.engine.scoring.field_names import FieldName
from detector.engine.scoring.file_kinds import FileType
from detector.engine.scoring.naturalness import bits_per_character, entropy_deficit
from detector.engine.scoring.placeholders import find_word_groups, is_passphrase, is_stand_in

_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_DIGITS = b"0123456789"
_HEX = compile_lazily(rb"(?:0x)?(?:[0-9a-f]+|[0-9A-F]+)\Z")
_UUID = compile_lazily(rb"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")
_PREFIX = compile_lazily(
    rb"(?:[A-Za-z][A-Za-z0-9]{1,11}[_\-]){1,3}(?=(?:[0-9a-f]{24,128}|[0-9A-F]{24,128}"
    rb"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-"
    rb"[0-9a-f]{12})\Z)"
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}\Z")
_URLSAFE = compile_lazily(rb"[\w\-]+={0,2}\Z")
_DOTTED = compile_lazily(rb"[\w\-]+(?:\.[\w\-]+)+\Z")
_WORD_DIGITS = compile_lazily(rb"[A-Za-z]+[0-9]{1,4}\Z")
_WORD_MARKS = compile_lazily(rb"[A-Za-z@$]+[@#!$%&*._\-]?[0-9]{1,6}[@#!$%&*.?]{0,3}\Z")
_PARTS = compile_lazily(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_RUN = compile_lazily(rb"(.)\1{3}")
_PATH = compile_lazily(rb"(?:\.{0,2}/|[A-Za-z]:\\|~/)[\w.\-@]+(?:[/\\][\w.\-@{}:]*)*\Z|[\w.\-]+(?:/[\w.\-]+){2,}\Z")
_FILE = compile_lazily(
    rb"\.(?:[jt]sx?|py|rb|go|java|json|ya?ml|xml|html?|css|txt|md|pem|crt|key|pub|sh|php|cs|png|svg|jpe?g|properties|"
    rb"conf|cfg|p12|jks|log|csv|c|h|cc|proto)\Z"
)
_URL = compile_lazily(rb"[a-z][a-z0-9+.\-]*://|www\.|mailto:|urn:|arn:")
_MAIL = compile_lazily(rb"[\w.+\-]+@[\w\-]+\.[\w.\-]+\Z")
_DATE = compile_lazily(rb"(?:19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d|\d{1,2}:\d{2}:\d{2}")
_VERSION = compile_lazily(rb"[v^~=<>]{0,2}\d+(?:\.\d+){1,3}(?:[-+][\w.]+)?\Z")
_REFERENCE = compile_lazily(rb"\$\{|#\{|\{\{|\$\(|<%|%\{|\$[A-Za-z_]\w+|%[A-Z_]{3,}%|@[\w.]+@")
_FORMAT = compile_lazily(rb"%[-\d.]*[sdvqxr]|\{\d*\}|\{[a-z_]\w*\}|\\u00|:[a-z_]+\b")
_JSON = compile_lazily(rb"\\*[{\[]\s*\\*[\"']|\\*[{\[]\s*\w+:")
_MARKUP = compile_lazily(rb"</?[a-z]|/>|&[a-z]{2,5};")
_CODE = compile_lazily(rb"[();{}\[\]|<>=]|::|->")
_CONVERSION = compile_lazily(rb"decode|base64|b64|bytes|secret|string")
_LOOK_UP = compile_lazily(rb"env|config|get|prop")
_LINE_WORDS = compile_lazily(
    rb"(?P<assertion>\b(?:assert\w*|expect\w*|should\w*|eq|equals?|is_expected|matches)\b)"
    rb"|(?P<output>\b(?:print\w*|echo|log\w*|throw|raise|warn\w*|error|fatal|exception|console|puts|message|describe|"
    rb"context|it|test|t|_|i18n|translate|gettext)\b *[(\"'. ])"
    rb"|(?P<markup><(?:input|label|a|div|span|td|th|option|button|script|link|meta|img|p|li|code)\b)"
    rb"|(?P<declaration>\b(?:const|let|var|val|final|static|public|private|protected|readonly|def|define|export"
    rb"|set|env|"
    rb"arg)\b)"
    rb"|(?P<statement>create user|alter user|alter role|create role|identified by|grant all|set password)"
    rb"|(?P<example>e\.g\.|example|sample|for instance|default|such as|demo)"
)
_LINE_FEATURES = {
    "assertion": "in an assertion", "output": "in an output or title", "markup": "in markup",
    "declaration": "in a declaration", "statement": "in an SQL statement on users",
    "example": "an example on the line",
}  # fmt: skip

_SIZES = (3, 4, 5, 6, 7, 8, 9, 12, 16, 20, 24, 32, 33, 40, 41, 64, 65, 128)
_SIZE_NAMES = (
    "under 3", "3", "4", "5", "6", "7", "8", "9 to 11", "12 to 15", "16 to 19", "20 to 23", "24 to 31", "32",
    "33 to 39", "40", "41 to 63", "64", "65 to 127", "128 or more",
)  # fmt: skip
_COSTS = (3.0, 4.0, 5.5, 7.5)
_COST_NAMES = ("natural", "rather natural", "hardly natural", "unnatural", "quite unnatural")
_GAPS = (0.15, 0.4, 0.8)
_GAP_NAMES = ("as random", "nearly random", "half random", "regular")
_PART_SIZES = (1.8, 2.8, 5.0)
_PART_NAMES = ("1 letter", "2 letters", "3 to 4 letters", "5 or more letters")
_WIDTHS = (60, 130, 400)
_WIDTH_NAMES = ("short", "of usual length", "long", "very long")
_ALPHABETS = {
    "hex digits": 16, "digits": 10, "lower-case letters": 26, "upper-case letters": 26,
    "lower-case letters and digits": 36, "upper-case letters and digits": 36,
}  # fmt: skip
_FOLLOWERS = frozenset(b",);}+.<:&]|?")
RANDOM = "random"
TEXTURES = (RANDOM, "a word", "neither word nor random")
"""What `_describe_texture` returns."""
_OPAQUE = ("hex digits", "digits", "UUID")

SEVERAL_WORDS = "value is a passphrase of several words"
"""A feature that outweighs what speaks against texts: under such a name, words in a row are the credential."""

STAND_IN = "value is a word for any credential"
"""A feature that limits the confidence to *low*: half of such values are tests, and nobody would revoke the others."""


_CERTAIN_NAMES = frozenset({
    "password", "pwd", "passphrase", "secret", "client secret", "secret key", "access token", "refresh token",
    "api key",
})  # fmt: skip
_LIKELY_NAMES = frozenset({"pass", "token", "private key", "crypto key", "jwt", "authorization", "credential"})
_SETTER = compile_lazily(rb"(?i)(?:\A|[.>:_])(?:set|with|use|add|put|register|configure)_?[a-z_]*\Z")
_CONNECTS = compile_lazily(
    rb"(?:user(?:_?name)?|login|e?mail|account|host(?:name)?|server|endpoint|(?:data_?)?base_?ur[il]|database|db_?name"
    rb"|client_?id|port)[\"']?[ \t]{0,4}(?:=>|[:=(,>])"
)
_NEAR = 240


Add = Callable[[str], None]


class CandidateContext(NamedTuple):
    """Where a candidate was found.

    `low` is the text around it in lower case; `inside` says that its name is
    inside a string literal.
    """

    low: bytes
    file: FileType
    inside: bool


def list_features(candidate: Candidate, name: FieldName, value: bytes, context: CandidateContext) -> list[str]:
    """Return the features of *candidate*."""
    way, quote, file = candidate.way, candidate.quote, context.file
    quoted = describe_quotes(quote)
    kind = f"named {name.kind}" if name.kind else f"found by {way}"
    features = [kind, quoted]
    if name.kind:
        features.append(f"found by {way}")
    certainty = name_certainty(kind)
    features += [f"{certainty}, in {file.kind}", f"{certainty}, found by {way}"]
    if is_passphrase(candidate.name, value):
        features.append(SEVERAL_WORDS)
    features += [f"{kind}, {quoted}", *list_file_features(way, quoted, file)]
    _add_name_features(features.append, kind, candidate, name)
    _add_value_features(features, kind, candidate, value, context)
    _add_context_features(features.append, candidate, quoted, context)
    return features


def name_certainty(kind: str) -> str:
    """Return how certainly a field *kind*, `named …`, holds a credential.

    >>> name_certainty("named api key"), name_certainty("named salt")
    ('certain name', 'doubtful name')
    """
    name = kind.removeprefix("named ")
    if name in _CERTAIN_NAMES:
        return "certain name"
    return "likely name" if name in _LIKELY_NAMES else "doubtful name"


def describe_quotes(quote: bytes) -> str:
    """Return how a value is quoted by *quote*, which may be empty."""
    return "unquoted" if not quote else "escaped quotes" if quote[:1] == b"\\" else "quoted"


def list_file_features(way: str, quoted: str, file: FileType) -> list[str]:
    """Return the features that depend on the type of file."""
    features = [f"in {file.kind}", f"{way}, {quoted} in {file.kind}"]
    return [*features, f"in .{file.extension}"] if file.kind == "code" else features


def _add_name_features(add: Add, kind: str, candidate: Candidate, name: FieldName) -> None:
    tail = "" if name.tail == "plural" and candidate.call == b"[" else name.tail
    if tail:
        add(f"name goes on: {tail}")
        add(f"{kind}, name goes on: {tail}")
    elif name.kind:
        add("name ends with the word")
    if name.head:
        add(f"name begins: {name.head}")
    text = candidate.name
    operator = candidate.operator.strip()
    add(f"operator {operator.decode('latin-1')}" if len(operator) < 4 else "operator is a call")
    call = candidate.call
    if call and call != b"[":
        add("inside a call")
        if _CONVERSION.search(call):
            add("inside a conversion")
        if _LOOK_UP.search(call):
            add("inside a lookup")
    if candidate.operator == b"(" and not call:
        add("argument of a setter" if _SETTER.search(text) or b"." in text else "argument of a function")
    elif b"." in text:
        add("name is an attribute")


def _add_value_features(
    features: list[str], kind: str, candidate: Candidate, value: bytes, context: CandidateContext
) -> None:
    add = features.append
    if prefix := _PREFIX.match(value):  # the random part of `acme_live_0f3c…` says what the value is
        add("value has a prefix")
        value = value[prefix.end() :]
    size = len(value)
    shape = describe_shape(value)
    length = _SIZE_NAMES[bisect_right(_SIZES, size)]
    reads = "as usual for its characters"
    if shape not in _OPAQUE:
        reads = _COST_NAMES[bisect_right(_COSTS, bits_per_character(value))]
    mixed = f"{length} hex digits" if shape == "hex digits" else shape
    features += [
        f"length {length}", f"made of {mixed}", f"reads {reads}", f"{kind}, made of {mixed}",
        f"{kind}, reads {reads}", f"{shape}, length {length}", f"{shape}, reads {reads}",
    ]  # fmt: skip
    texture = _describe_texture(value, shape, reads)
    add(f"{name_certainty(kind)}, {texture}")
    add(f"{name_certainty(kind)}, {shape}")
    add(f"{texture}, short" if size < 8 else f"{texture}, of usual length" if size < 20 else f"{texture}, long")
    add(f"{kind}, {texture}")
    low = context.low[candidate.start : candidate.end]
    parts = _PARTS.findall(value.decode("latin-1"))
    if shape not in _OPAQUE:
        for group in find_word_groups(low.decode("latin-1"), [part.lower() for part in parts]):
            add(f"has {group} word")
    total = sum(map(len, parts)) or 1
    add("one part" if len(parts) < 2 else "parts of " + _PART_NAMES[bisect_right(_PART_SIZES, total / len(parts))])
    if size >= 8:
        gap = _GAP_NAMES[bisect_right(_GAPS, entropy_deficit(value[:256], _ALPHABETS.get(shape, 62)))]
        add(f"entropy: {gap}")
        add(f"{shape}, entropy: {gap}")
        if size >= 12:
            add(f"{kind}, entropy: {gap}")
    if _RUN.search(value):
        add("one character four times in a row")
    _add_word_features(add, candidate, value, low)
    if not value.isalnum():
        _add_format_features(add, value, low)
        _add_text_features(add, candidate, value, shape)


def _add_word_features(add: Add, candidate: Candidate, value: bytes, low: bytes) -> None:
    """Add how the value, *low* in lower case, relates to its name and to words for credentials."""
    name = candidate.name.lower().strip(b"$@_-.")
    if len(name) > 3:
        if low == name:
            add("value is the name")
        elif name in low:
            add("value contains the name")
        elif low in name and len(low) > 3:
            add("name contains the value")
    if is_stand_in(value):
        add(STAND_IN)
    if low in (b"password", b"passwd", b"secret", b"token", b"pass", b"key"):
        add("value is the word itself")


def _add_format_features(add: Add, value: bytes, low: bytes) -> None:
    """Add the known formats that *value* has."""
    if value[:3] == b"eyJ":
        add("value is a JSON web token")
    if _JSON.match(value):
        add("value is JSON")
    if (b"<" in value or b"&" in value) and _MARKUP.search(low):
        add("value has markup")
    if b":" in value or b"www." in value:
        if _URL.match(low):
            add("value is a URL")
    elif b"/" in value and _PATH.match(value):
        add("value is a path")
    if b"." in value:
        if _FILE.search(low):
            add("value is a file name")
        if b"..." in value:
            add("value is cut short")
        if _VERSION.match(value):
            add("value is a version")
        if b"@" in value and _MAIL.match(value):
            add("value is a mail address")


def _add_text_features(add: Add, candidate: Candidate, value: bytes, shape: str) -> None:
    """Add what suggests that *value* is text or code rather than a credential."""
    size = len(value)
    if (size < 30 or shape == "phrase") and _DATE.search(value):
        add("value is a date")
    if _REFERENCE.search(value):
        add("value has a reference")
    elif _FORMAT.search(value):
        add("value has a format specifier")
    if candidate.quote and _CODE.search(value):
        add("value contains code")
    if shape == "phrase":
        words = value.count(b" ") + 1
        add(f"phrase of {words} words" if words < 4 else "phrase of 4 or more words")
    if value[:1] in b" \t" or value[-1:] in b" \t":
        add("value has spaces at its edge")
    if value[-1:] in b":?.!," and size > 4:
        add(f"value ends in {value[-1:].decode()}")
    if value[:1] in b"-.#/:,&*~":
        add("value begins with punctuation")


def _describe_texture(value: bytes, shape: str, reads: str) -> str:
    # the coarsest feature: it occurs in the labelled files where the finer ones do not; one of TEXTURES
    if shape in ("hex digits", "UUID"):
        return "random" if len(value) >= 16 else "neither word nor random"
    if reads in _COST_NAMES[:2] and value.isalpha():
        return "a word"
    if len(value) >= 12 and reads in _COST_NAMES[2:] and len(value) > len(value.translate(None, _DIGITS)):
        return "random"
    return "neither word nor random"


def _add_context_features(add: Add, candidate: Candidate, quoted: str, context: CandidateContext) -> None:
    low = context.low
    begin = low.rfind(b"\n", 0, candidate.at) + 1
    stop = low.find(b"\n", candidate.end)
    stop = stop if stop >= 0 else len(low)
    before, after = low[begin : candidate.at], low[candidate.end + len(candidate.quote) : stop]
    head = before.lstrip()[:2]
    if head[:1] in (b"#", b"*", b";") or head in (b"//", b"/*", b"--", b"<!"):
        add("in a comment")
    if context.inside:
        add("inside a string")
        add(f"inside a string, {quoted}")
    opener = low[candidate.at - 1 : candidate.at] if candidate.at else b""
    if opener in (b"?", b"&"):
        add("in a query")
    elif opener == b":" and candidate.quote:
        add("name is a symbol")
    following = after.lstrip(b" \t\"'" if candidate.quote else b" \t")[:1]
    if not following:
        add("followed by the line end")
    elif following[0] in _FOLLOWERS:
        add(f"followed by {following.decode()}")
        if following == b":" and candidate.quote and b"?" not in before:
            add("value is a key itself")
    else:
        add("followed by text")
    near = low[max(0, candidate.at - _NEAR) : candidate.at] + low[candidate.end : candidate.end + _NEAR]
    if _CONNECTS.search(near):
        add("a user or host is named nearby")
    for group in dict.fromkeys(match.lastgroup for match in _LINE_WORDS.finditer(before[-300:])):
        add(_LINE_FEATURES[str(group)])
    value = low[candidate.start : candidate.end]
    if len(value) > 2 and (value in before or value in after):
        add("value occurs twice on the line")
    add("line " + _WIDTH_NAMES[bisect_right(_WIDTHS, stop - begin)])


def describe_shape(value: bytes) -> str:
    """Return the shape of *value*: of which characters it consists, and in which order.

    >>> describe_shape(b"letmein"), describe_shape(b"Winter24"), describe_shape(b"0123456789abcdef")
    ('lower-case letters', 'capitalised word with digits', 'hex digits')
    """
    size = len(value)
    lower = size - len(value.translate(None, _LOWER))
    upper = size - len(value.translate(None, _UPPER))
    digits = size - len(value.translate(None, _DIGITS))
    if lower + upper + digits == size:
        return _describe_alphanumeric(value, lower, upper, digits)
    if not value.isascii():
        return "other than ASCII"
    if b" " in value or b"\t" in value:
        return "phrase"
    if size == 36 and _UUID.match(value):
        return "UUID"
    if not digits and not value.translate(None, _LOWER + b"_-"):
        return "separated lower-case words"
    if not digits and not value.translate(None, _UPPER + b"_-"):
        return "separated upper-case words"
    every = digits and upper and lower
    if _BASE64.match(value):
        return "padded Base64" if value[-1:] == b"=" else "Base64 characters" if every else "words and slashes"
    if _URLSAFE.match(value):
        return "URL-safe Base64 characters" if every else "separated words and digits"
    if _DOTTED.match(value):
        return "dotted words and digits" if digits else "dotted words"
    if _WORD_MARKS.match(value):
        return "word with digits and punctuation"
    if (size - lower - upper - digits) * 3 > size:
        return "mostly punctuation"
    if not digits:
        return "letters and punctuation"
    return "letters, digits and punctuation" if lower or upper else "digits and punctuation"


def _describe_alphanumeric(value: bytes, lower: int, upper: int, digits: int) -> str:
    size = len(value)
    capitalised = upper == 1 and value[0] < 97
    if digits == size:
        return "digits"
    if not digits:
        if lower == size:
            return "lower-case letters"
        if upper == size:
            return "upper-case letters"
        if capitalised:
            return "one capitalised word"
        return "mixed-case letters" if size >= 16 and upper * 3 > lower else "camel case"
    if size >= 8 and _HEX.match(value):
        return "hex digits"
    if _WORD_DIGITS.match(value):
        return ("lower-case" if not upper else "capitalised" if capitalised else "mixed-case") + " word with digits"
    if not upper:
        return "lower-case letters and digits"
    return "letters and digits" if lower else "upper-case letters and digits"
