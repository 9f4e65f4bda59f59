"""What stands where a value would stand, but is code, markup, prose or the name of something.

The sibling of `value_kinds`: there a value is random and opens nothing, here it is not even meant as a value. A
reader finds it because a name, an operator and a literal are side by side, and it is recognised by what surrounds it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from detector.engine.lazy_regex import compile_lazily
from detector.engine.scoring.naturalness import bits_per_character
from detector.engine.scoring.placeholders import STAND_INS

if TYPE_CHECKING:
    from detector.engine.scoring.value_kinds import Value

NATURAL = 4.0
"""Bits per character below which text reads like words."""

_CONTINUATION = b").,;:+] "
_CALL = compile_lazily(rb"([a-z_][a-z_.:]{2,60}[a-z_?!])\([^()\n]*\)?[),;]{0,3}\Z")
_MODULE = compile_lazily(rb"(?:\b|_)(?:require|import|import_module|require_relative)\([ \t]?\Z")
_ALGORITHM = compile_lazily(
    rb"(?:scram[-_])?(?:hmac[-_]?|pbkdf2[-_:]|rsa[-_]|ecdsa[-_]|dsa[-_])?(?:sha|md)[-_]?\d{1,3}(?:[-_/](?:\d{1,3}|rsa|plus))?\Z"
    rb"|secp\d{3}[kr][12]\Z|prime\d{3}v\d\Z|nistp\d{3}\Z|p-?(?:256|384|521)\Z|(?:ed|x|curve)(?:25519|448)\Z"
    rb"|(?:rsa|dsa|ec|dh)[-_]?\d{3,5}\Z|[hrep]s(?:256|384|512)\Z|argon2(?:id|i|d)?\Z|(?:b|s)crypt\Z|pbkdf2\Z"
    rb"|(?:aes|chacha\d*|camellia|des|3des|aria|sm4)[-_]?\d{0,3}(?:[-_/](?:cbc|gcm|ctr|ecb|ccm|cfb\d?|ofb|siv|poly1305|ede\d?))*"
    rb"(?:[-_/](?:pkcs\d(?:padding)?|nopadding|hmac[-_]sha\d{1,3}))?\Z"
    rb"|(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp\d{3}|rsa-sha2-\d{3}|rsa-oaep(?:-\d{3})?|ecdh-es(?:\+a\d{3}kw)?|a\d{3}(?:gcm)?kw)\Z"
)
_ATTRIBUTE = compile_lazily(
    rb"[\"'\s]\s*(?:id|name|class|for|href|src|style|placeholder|title|type|ref|rel|role|lang|label|autocomplete"
    rb"|(?:ng|aria|data|v|x|wire|hx)-[\w\-.:]{1,30})\s*=\s*[\"']\Z"
)
_VALUE_FOLLOWS = compile_lazily(rb"[\"'`]?\s{0,40},?\s{0,40}[\"']?(?:value|val)[\"']?\s{0,8}(?:=>|[:=])")
_REPORTED = compile_lazily(
    rb"[\"'`]?[ \t]+(?:created|configured|deleted|unchanged|patched|edited|labeled|annotated|replaced|not[ \t]found"
    rb"|already[ \t]exists|does[ \t]not[ \t]exist|is[ \t]forbidden)\b"
)
_PUBLIC = compile_lazily(rb"\b(?:public|publishable|verifying|verification)[ \t]{1,4}(?:[a-z]{1,12}[ \t])?\Z")
_URL = compile_lazily(rb"(?:https?|wss?|ftp|s3|gs|git|ssh)://[^\s@?#\"'<>]*\Z")
_SEGMENT = compile_lazily(rb"[/.:=]")
_HEADER_WORD = compile_lazily(rb"[a-z]{3,}\d?(?:[/.\-][a-z]*\d?[a-z]*){0,5};?\Z")
_TIME = compile_lazily(rb"\d{1,6}\.(?:second|minute|hour|day|week|fortnight|month|year)s?(?:\.\w{1,20})*\Z")
_PART = compile_lazily(
    rb"_(?:last|first)_(?:\d{1,2}|two|three|four|five|six|eight|ten|twelve|chars?|digits?)\Z"
    rb"|_(?:hint|preview|masked|redacted|truncated|abbreviated)\Z"
)
_ABOUT = compile_lazily(
    rb"_(?:user_?names?|e?mails?|hosts?|host_?names?|addr(?:ess)?(?:es)?|ports?|end_?points?|realm|region|issuer|audience"
    rb"|provider|encryption|algorithms?|driver|backend|engine|manager|service|namespace|label|title|placeholder"
    rb"|description|policy|strategy|scheme|method|names?)(?:_(?:in|out))?\Z"
)
_SENTENCE = compile_lazily(rb"(?:[ \t]+[a-z][a-z'\-]*[.,;:]?){3,40}\s*\Z")
_HASH_HEAD = compile_lazily(rb"\$[\w\-]{1,12}(?:\$(?:v=\d{1,3}\$?|\d{1,6}\$?)?)?\Z")
_BASE64 = compile_lazily(rb"[\w+/\-]{12,256}={0,2}\Z")
_HEX = compile_lazily(rb"(?:[0-9a-f]{2}){8,128}\Z")
_UNC = compile_lazily(rb"\\{2,4}[\w.\-$]+\\{1,2}\w")
_NAMED_WAYS = ("assign", "pair", "element", "argument")
_KEY_NAMES = (b"key", b"k", b"name_key")
_SEQUENCES = (b"0123456789", b"abcdefghijklmnopqrstuvwxyz")
_LEAST_SEQUENCE = 8
_STEPS = {0, 1, 2, 16, 17, 254, 255}


def _is_code_of_template(value: Value) -> bool:
    # {{- if eq .Values.credentials "google" }}: a word in the code of a template is compared, not set
    before = value.before
    return value.value.isalpha() and max(before.rfind(b"{{"), before.rfind(b"{%")) > max(
        before.rfind(b"}}"), before.rfind(b"%}")
    )


def _is_behind_a_string(value: Value) -> bool:
    # getpass('Password: ').strip(): the quote behind the name closes the literal in which the name stands
    quote = value.candidate.quote
    if len(quote) != 1 or value.value[:1] not in _CONTINUATION:
        return False
    return bool(value.before.count(quote) & 1)


def _is_call(value: Value) -> bool:
    if value.candidate.quote or b"(" not in value.low:
        return False
    found = _CALL.match(value.low)
    return bool(found and bits_per_character(found[1]) < NATURAL)


def _is_module(value: Value) -> bool:
    return bool(_MODULE.search(value.candidate.call))


def _is_algorithm(value: Value) -> bool:
    return len(value.low) <= 40 and bool(_ALGORITHM.match(value.low))


def _is_other_attribute(value: Value) -> bool:
    candidate = value.candidate
    between = value.text[candidate.at + len(candidate.name) : candidate.start]
    return b"=" in between and bool(_ATTRIBUTE.match(between))


def _is_name_of_pair(value: Value) -> bool:
    candidate = value.candidate
    if candidate.name.lower() not in _KEY_NAMES or sum(value.low.count(b"%d" % digit) for digit in range(10)) > 2:
        return False
    return bool(_VALUE_FOLLOWS.match(value.text, candidate.end, candidate.end + 120))


def _is_reported_object(value: Value) -> bool:
    return bool(_REPORTED.match(value.text, value.candidate.end, value.candidate.end + 40))


def _is_said_to_be_public(value: Value) -> bool:
    candidate = value.candidate
    said = candidate.operator == b":" and candidate.name.lower() in (b"key", b"keys")
    return said and bool(_PUBLIC.search(value.before[-40:]))


def _is_plain_url(value: Value) -> bool:
    if not _URL.match(value.low):
        return False
    return not any(len(part) >= 16 and _is_random(part) for part in _SEGMENT.split(value.value.partition(b"://")[2]))


def _is_random(text: bytes) -> bool:
    return any(byte in text for byte in b"0123456789") and bits_per_character(text) >= NATURAL


def _is_prose_behind_scheme(value: Value) -> bool:
    if value.candidate.way != "header" or not _HEADER_WORD.match(value.low):
        return False
    return bits_per_character(value.low) < 5.5 and b":" not in _decode(value.value)


def _is_point_in_time(value: Value) -> bool:
    return not value.candidate.quote and bool(_TIME.match(value.low))


def _is_part_of_credential(value: Value) -> bool:
    return len(value.value) <= 16 and bool(_PART.search(value.label))


def _is_about_credential(value: Value) -> bool:
    if value.candidate.way not in _NAMED_WAYS or not _ABOUT.search(value.label):
        return False
    return not (len(value.value) >= 20 and _is_random(value.value))


def _is_own_name(value: Value) -> bool:
    if value.candidate.way not in _NAMED_WAYS:
        return False
    name, text = (re.sub(rb"[^a-z0-9]", b"", part.lower()) for part in (value.candidate.name, value.low))
    return len(text) >= 5 and name == text and text not in STAND_INS


def _is_sentence(value: Value) -> bool:
    candidate = value.candidate
    if candidate.quote or not value.value.isalpha() or candidate.operator not in (b":", b"="):
        return False
    stop = value.text.find(b"\n", candidate.end)
    return bool(_SENTENCE.match(value.text[candidate.end : stop if stop >= 0 else len(value.text)]))


def _is_beginning_of_hash(value: Value) -> bool:
    return bool(_HASH_HEAD.match(value.value))


def _is_network_share(value: Value) -> bool:
    return bool(_UNC.match(value.value))


def _is_counted(value: Value) -> bool:
    """Return whether *value* repeats a short unit or counts upwards, as it stands or in Base64 or hexadecimal."""
    low = value.low
    if len(low) < 2 * _LEAST_SEQUENCE or b" " in low:
        return False
    texts = [low] if low.isalnum() else []
    if _BASE64.match(low):
        texts.append(_decode(value.value))
    if _HEX.match(low):
        texts.append(bytes.fromhex(low.decode("ascii")))
    return any(_counts(text) for text in texts)


def _counts(text: bytes) -> bool:
    if len(text) < _LEAST_SEQUENCE:
        return False
    steps = {(after - before) % 256 for before, after in pairwise(text)}
    if len(steps) == 1 and steps <= _STEPS:
        return True
    if any(text in sequence * (len(text) // len(sequence) + 2) for sequence in _SEQUENCES):
        return True
    if not all(byte in b"0123456789abcdefABCDEF" for byte in text):
        return False
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, min(17, len(text) // 2 + 1)))


def _decode(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4))
    except binascii.Error:
        return b""


TEXT_KINDS: tuple[tuple[str, Callable[[Value], bool]], ...] = (
    ("code of a template", _is_code_of_template),
    ("the text behind a string", _is_behind_a_string),
    ("a call", _is_call),
    ("a module", _is_module),
    ("the name of an algorithm", _is_algorithm),
    ("another attribute", _is_other_attribute),
    ("the name of a pair", _is_name_of_pair),
    ("an object in the output of a program", _is_reported_object),
    ("a public key", _is_said_to_be_public),
    ("a URL", _is_plain_url),
    ("a word behind the name of a scheme", _is_prose_behind_scheme),
    ("a point in time", _is_point_in_time),
    ("a part of a credential", _is_part_of_credential),
    ("about a credential", _is_about_credential),
    ("its own name", _is_own_name),
    ("the beginning of a sentence", _is_sentence),
    ("the beginning of a hash", _is_beginning_of_hash),
    ("a folder of a network", _is_network_share),
    ("a counted sequence", _is_counted),
)
"""Every kind of text that is no value, and what recognises it."""
