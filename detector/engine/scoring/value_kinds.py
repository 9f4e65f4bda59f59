"""What a value is, asked before how random it looks.

A digest, a ciphertext, the id of a record and a publishable key are as random as a
password, and none of them opens anything. Each kind has a name, which `--explain`
prints, and one function or expression that recognises it by the value, the name or
the line. A kind is certain: what is only likely belongs to the features.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from detector.engine.declarations import Candidate
from detector.engine.lazy_regex import compile_lazily
from detector.engine.scoring.field_names import FieldName
from detector.engine.scoring.naturalness import bits_per_character
from detector.engine.scoring.text_kinds import TEXT_KINDS

NATURAL = 4.0
"""Bits per character below which text reads like words."""


class Value(NamedTuple):
    """A candidate as the kinds look at it.

    `low` is the value, `line` its line, `text` all around it, in lower case; `label` is the
    name with the separators of snake_case, in lower case.
    """

    candidate: Candidate
    name: FieldName
    value: bytes
    low: bytes
    line: bytes
    text: bytes
    label: bytes

    @property
    def before(self) -> bytes:
        """Return what stands on the line in front of the name, in lower case."""
        return self.text[self.text.rfind(b"\n", 0, self.candidate.at) + 1 : self.candidate.at]


_CAPITAL = re.compile(rb"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(rb"[_$@.\-]+")


@lru_cache(maxsize=4096)
def _separate(name: bytes) -> bytes:
    return _SEPARATORS.sub(b"_", _CAPITAL.sub(b"_", name).lower()).strip(b"_")


_UUID = compile_lazily(rb"\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?\Z")
_HEX = compile_lazily(
    rb"(?:0x)?(?:[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{20,40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})\Z"
)
_RECORD_WORDS = (
    b"primary foreign partition sort hash range index cache object map row group unique translation i18n "
    b"message locale topic routing registry event data column item field attr attribute prop property hot short "
    b"shortcut context query lookup shift arrow any label count parent child name document doc issue dedupe "
    b"dedup entity tracking idempotency record order customer product project task job node component element "
    b"list tree path file image asset blob media page route menu tab step store bucket shard lock queue stream "
    b"batch chunk block section slot season request trace correlation span metric tag category type version "
    b"release build commit ref resource relation edge vertex graph natural composite surrogate secondary "
    b"business external source target dest destination join merge conflict filter facet sticky affinity "
    b"grouping config setting feature experiment variant plugin extension module package policy rule template "
    b"widget layer style theme font icon entry message_group aggregate saga snapshot thread conversation "
    b"comment post article invoice payment cart sku booking ticket row_version sequence reference storage_item "
    b"dynamodb dictionary enum option choice column_family tenant_data contact person "
).split()
_RECORD_KEY = compile_lazily(rb"(?:\A|_)(?:" + b"|".join(_RECORD_WORDS) + rb")s?_?keys?\Z")
_IDENT = compile_lazily(rb"(?:\A|_)(?:ids?|uuids?|guids?|identifiers?|oids?|arns?)\Z")
_REVISION = compile_lazily(rb"_(?:version|revision|rev|generation|instance|ref|name|alias|label)\Z")
_ROLE_NEARBY = compile_lazily(rb"role[_\-]?id|approle")
_DIGEST_NAME = compile_lazily(
    rb"(?:\A|_)(?:sha_?\d{0,3}|md5|check_?sum|sum|finger_?print|thumb_?print|digest|hash|commit|rev|revision"
    rb"|crc\d{0,2}|etag|integrity|"
    rb"git_?sha|object_?id|tree|oid|contract|address|addr)s?\Z"
)
_HASHED_NAME = compile_lazily(rb"(?:\A|_)(?:hashed|digested|sha\d{1,3}|md5)_(?!hmac)")
_FINGERPRINT = compile_lazily(
    rb"(?:[0-9a-f]{2}:){15,31}[0-9a-f]{2}\Z|sha256:[0-9a-z+/=]{32,}\Z|(?:sha(?:1|256|384|512)|md5)[:\-=]\S{20,}\Z"
)
_PUBLIC_KEY_ID = compile_lazily(
    rb"(?:\A|_)(?:gpg|pgp|apt|rpm|deb|signing|signer|keyserver|keyring|maintainer"
    rb"|release)_?(?:\w+_)?keys?(?:_id)?s?\Z"
)
_KEY_ID = compile_lazily(rb"(?:0x)?(?:[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{40})\Z")
_ADDRESS = compile_lazily(rb"0x[0-9a-f]{40}\Z")
_CIPHERTEXT = compile_lazily(
    rb"enc[\[(]|\{cipher\}|\{aes\}|\{[a-z0-9+/=]{24,}\}\Z|kms:[a-z0-9+/=]{40,}|encrypted:[a-z0-9+/=]{20,}"
    rb"|aqica[hg]|vault:v\d{1,4}:|"
    rb"\$ansible_vault|gaaaaab|u2fsdgvkx1|ej\[1:|cfdj8[\w\-]{40,}|!encrypted/|obf:|crypt:|\{xor\}|\$aes[\d-]"
)
_JWE = compile_lazily(rb"eyj[\w\-]+\.[\w\-]*\.[\w\-]+\.[\w\-]+\.[\w\-]+\Z")
_SEALED = compile_lazily(rb"kind:[ \t]*sealedsecret|encrypteddata:")
_ENCRYPTED_NAME = compile_lazily(
    rb"(?:\A|_)(?:encrypted|enc|sealed|wrapped|cipher|ciphered|encryped|crypted)_|_(?:encrypted|enc|cipher_?text)\Z"
)
_ROUTER_HASH = compile_lazily(rb"\$(?:8|9|14)\$[\w./]{10,}")
_NTLM = b"tlrmtvntuaa"
_SIGNATURE_LINE = compile_lazily(
    rb"aws4-hmac-sha256|x-amz-signature|signedheaders|x-goog-signature|[?&]sig=|x-hub-signature"
)
_SIGNATURE_VALUE = compile_lazily(rb"(?:sha\d{1,3}=)?[0-9a-f]{40,128}\Z|[a-z0-9+/%]{27,88}=?=?\Z")
_COOKIE_PAIR = compile_lazily(rb"([\w\-.]{1,60})=([^;\s]{0,400})")
_SESSION_NAME = compile_lazily(rb"sess|sid\Z|auth|token|jwt|login|remember|identity")
_PUBLIC_VALUE = compile_lazily(
    rb"pk_(?:live|test)_|pk\.eyj|phc_[a-z0-9]{30,}|sb_publishable_|rzp_(?:live|test)_|pub[a-z0-9]{30,34}\Z"
    rb"|pub-c-[0-9a-f\-]{36}\Z|sub-c-[0-9a-f\-]{36}\Z|"
    rb"6l[0-9a-z_\-]{38}\Z|aizasy[\w\-]{33}\Z(?!)|ca-app-pub-|ua-\d{4,10}-\d|g-[a-z0-9]{10}\Z|gtm-[a-z0-9]{4,8}\Z"
)
_PUBLIC_NAME = compile_lazily(
    rb"(?:\A|_)(?:publishable|site|sitekey|public|pub|client_?side|write|search(?:_?only)?|anon(?:ymous)?"
    rb"|vapid_public|browser|"
    rb"recaptcha_?site|captcha_?site|measurement|tracking)_?(?:api_?)?keys?\Z|sitekey\Z|(?:amplitude|mixpanel"
    rb"|segment|heap|hotjar|fullstory|posthog|"
    rb"pusher|intercom)_(?:\w+_)?(?:api_?|app_?|project_?|write_?)?(?:key|token|id)\Z|(?:public|publishable|anon"
    rb"|client)_?token\Z"
)
_PUBLISHED_NAME = compile_lazily(
    rb"\A(?:next_public|vite|react_app|expo_public|gatsby|nuxt_public|public|vue_app|ng_app|storybook)_"
)
_PRIVATE_WORD = compile_lazily(rb"secret|private|passw|pwd|admin|service_?role|master")
_ANONYMOUS_JWT = (b"InJvbGUiOiJhbm9uI", b"yb2xlIjoiYW5vbi", b"cm9sZSI6ImFub24i")
_DOWNLOAD = compile_lazily(rb"firebasestorage\.googleapis\.com|[?&]alt=media")
_VALIDATION = compile_lazily(
    rb"(?:required|nullable|sometimes|confirmed|present|filled|bail|string|current_password|prohibited|same"
    rb"|different|accepted|hashed|encrypted)"
    rb"(?:[:|,][\w.:|,\-]{0,200})?\Z|[a-z_]{2,24}(?::[\w,.]{1,40})?(?:\|[a-z_]{2,24}(?::[\w,.\-]{1,40})?)+\Z"
    rb"|\[?[a-z]\w{1,30}!\]?!?\Z|"
    rb"(?:string|integer|text|references|digest|uuid|boolean|datetime)(?::\w{1,20}){1,3}\Z"
)
_TYPE = compile_lazily(
    rb"(?:[A-Z][a-z]{1,15}\d{0,5}){1,6}(?<=[a-z\d])(?:Key|Token|Secret|Password|Passphrase|Credentials?|Auth|Signature|"
    rb"Certificate|Store|Provider|Type|Config|Bytes|String)s?[,)\]:;]{0,3}\Z"
)
_VARIABLE = compile_lazily(rb"[A-Z][A-Z0-9]{1,30}(?:_[A-Z0-9]{1,30}){1,8}\Z|[A-Z]{2,10}(?:PASSWORD|PASSWD|SECRET)\Z")
_VARIABLE_WORD = compile_lazily(rb"PASS|_PW\Z|SECRET|TOKEN|KEY|CRED|PWD|AUTH|USER|HOST|ENV")
_PATH_ROOT = compile_lazily(
    rb"(?:/(?:etc|opt|usr|var|home|srv|root|run|mnt|tmp|app|apps|data|bin|lib|dev|proc|sys|secrets?|vault|config"
    rb"|certs?|builds?|workspace|volumes?)/|"
    rb"[a-z]:[\\/]|~/|\.{1,2}/|\$home/|file:)[\w.\-@/\\ ]{2,}"
)
_PATH_WORDS = compile_lazily(rb"/?(?:[a-z][a-z.\-_]{1,24}[/\\]){2,}[a-z][\w.\-]{0,40}\Z")
_CHOICE = compile_lazily(rb"\?[ \t]*[\"']?\Z")
_DENYING = compile_lazily(
    rb"(?:by|com|sur|tres|over|under|encom|im)pass"
    rb"|(?:\A|_)key(?:words?|boards?|frames?|notes?|strokes?|press|down|up|maps?|pads?|points?|spaces?|bindings?)\Z"
    rb"|(?:mon|tur|don|hoc|joc|whis)keys?\Z|tokeni[sz]\w*\Z|(?:\A|_)secretar\w+\Z"
)
_OWN_WORD = compile_lazily(
    rb"(?:my|your|some|the)[_\- ]?(?:secret|private|api|access)?[_\- ]?(?:password|passwd|passphrase|secret"
    rb"|token|apikey|key)\Z"
)


_ONCE_NAME = compile_lazily(rb"(?:\A|_)c?nonce\Z|\Asec_web_?socket_(?:key|accept)\Z|\Arspauth\Z")
_LICENCE_NAME = compile_lazily(rb"(?:\A|_)licen[sc]es?\Z")
_LICENCE = compile_lazily(rb"[a-z][a-z.+]{1,12}(?:[-_ ](?:\d\S{0,8}|[a-z]{2,12}|v\d\S{0,6})){0,5}\Z")
_GROUP_VERSION = compile_lazily(rb"(?:(?:[a-z][\w\-]*\.)*[a-z][\w\-]*/)?v\d{1,2}(?:(?:alpha|beta)\d{0,2})?[\"',]?\Z")
_PACKAGE = compile_lazily(
    rb"(?:[\w.\-]+:)?[\w.\-]*[a-z][\w.\-]*:v?\d{1,4}(?:\.\d{1,6}){1,3}"
    rb"(?:[.\-](?:release|final|ga|jre\d?|android|alpha|beta|rc|m)?[\w\-]{0,12})?\Z"
)
_ACTION = compile_lazily(rb"[A-Z][a-z]+(?:[A-Z][a-z]+)+\*?\Z")
_DURATION = compile_lazily(
    rb"\d{1,6}(?:ms|s|m|h|d|w|y)(?:\d{1,4}(?:ms|s|m|h))*[,;]?\Z|\d{1,12}\Z|\d[\d_]*l?(?:\*\d[\d_]*l?)+\Z"
)
_TIME_SPAN = compile_lazily(rb"(?:\d{1,6}h)?\d{1,4}m\d{1,4}(?:\.\d{1,9})?s\Z")
_USER_ARGUMENT = compile_lazily(
    rb"(?:user|user_?name|login|realm|host|url|email|client_?id|name|key_?id)[ \t]?=[ \t]?\Z"
)
_TEST_RESULT = compile_lazily(rb"(?:---[ \t]|\bok[ \t]|\A[ \t]*)\Z")
_JSON_PATH = compile_lazily(rb"\$?\.{1,2}(?:[\w*]|\[)\S*\Z|\$\.\S+\Z|[\w.]*\[(?:\d{1,4}|\*|\?\(.*\))\][\w.\[\]*]*\Z")
_ITEM_READER = compile_lazily(rb"(?:select|find|parse|next|expect|read|peek|match|new|text|get)_?(?:j?tokens?|keys?)\Z")
_CAMEL = compile_lazily(
    rb"[a-z]+(?:[A-Z][a-z]+)*(?:Token|Password|Secret|Key|Input|Value|Field|Config|Options|Credentials?|Changeset)\Z"
)
_ASKING = compile_lazily(
    rb"(?:\A|_)(?:get|from|find|fetch|load|read|look_?up|resolve|has|generated?|named?)_\w*\Z"
    rb"|(?:\A|_)(?:credentials?|secrets)\Z"
)
_ASKING_CALL = compile_lazily(
    rb"(?:get|from|find|fetch|load|look_?up|resolve)_?\w*(?:secret|passw|credential|token|key)\w*\([ \t]?\Z"
)
_NAME_OF_VALUE = compile_lazily(rb"[a-z][a-z_\-./]*\Z")
_WORD = compile_lazily(rb"[A-Za-z_]+\Z")


def _is_used_once(value: Value) -> bool:
    return value.name.kind == "nonce" or bool(_ONCE_NAME.search(value.label))


def _is_licence(value: Value) -> bool:
    return bool(_LICENCE_NAME.search(value.label) and _LICENCE.match(value.low))


def _is_version(value: Value) -> bool:
    return bool(value.label.endswith(b"api_version") and _GROUP_VERSION.match(value.low))


def _is_package(value: Value) -> bool:
    return b":" in value.low and bool(_PACKAGE.match(value.low))


def _is_action(value: Value) -> bool:
    candidate = value.candidate
    glued = candidate.start - candidate.at == len(candidate.name) + 1
    return bool(candidate.operator == b":" and glued and not candidate.quote and _ACTION.match(value.value))


def _is_duration(value: Value) -> bool:
    counted = value.name.tail == "number" or value.label.endswith((b"lifespan", b"ttl", b"interval"))
    return bool((counted and _DURATION.match(value.low)) or _TIME_SPAN.match(value.low))


def _is_user(value: Value) -> bool:
    return bool(_USER_ARGUMENT.search(value.candidate.call))


def _is_test_result(value: Value) -> bool:
    candidate = value.candidate
    if candidate.name != b"PASS" or candidate.operator != b":":
        return False
    return bool(_TEST_RESULT.search(value.line[: value.line.find(b"pass")]) and value.low[:1].isalpha())


def _is_identifier_of_code(value: Value) -> bool:
    candidate = value.candidate
    if candidate.quote or candidate.operator not in (b":", b"="):
        return False
    at = value.text.rfind(b"\n", 0, candidate.at) + 1
    before, after = value.text[at : candidate.at], value.text[candidate.end : candidate.end + 2].lstrip(b" ")[:1]
    if after == b")" and before.count(b"(") > before.count(b")"):
        return bool(_WORD.match(value.value))
    return after in (b"}", b",", b")") and bool(_CAMEL.match(value.value))


def _is_looked_up(value: Value) -> bool:
    called = value.candidate.operator == b"(" and _ASKING.search(value.label)
    asked = called or _ASKING_CALL.search(value.candidate.call)
    named = asked and _NAME_OF_VALUE.match(value.low)
    return bool(named and (len(value.low) < 10 or bits_per_character(value.low) < NATURAL))


def _repeats_its_name(value: Value) -> bool:
    name = value.candidate.name.lower()
    return len(name) >= 12 and name.isalpha() and value.low.endswith(name)


def _is_path_of_json(value: Value) -> bool:
    return bool(_ITEM_READER.search(value.label) and _JSON_PATH.match(value.low))


def _is_record_key(value: Value) -> bool:
    return bool((_UUID.match(value.low) or _HEX.match(value.low)) and _RECORD_KEY.search(value.label))


def _is_identifier(value: Value) -> bool:
    if (_UUID.match(value.low) or _HEX.match(value.low)) and _REVISION.search(value.label):
        return True
    if not _IDENT.search(value.label):
        return False
    if b"secret_id" in value.label and _ROLE_NEARBY.search(value.text):
        return False  # the second half of an AppRole login
    return bool(_UUID.match(value.low) or value.low.translate(None, b"-_=").isalnum())


def _is_digest(value: Value) -> bool:
    if (b":" in value.low or b"sha" in value.low or b"md5" in value.low) and _FINGERPRINT.match(value.low):
        return True
    if value.low.startswith(b"0x") and _ADDRESS.match(value.low) and not _PRIVATE_WORD.search(value.label):
        return True
    return bool(_HEX.match(value.low) and (_DIGEST_NAME.search(value.label) or _HASHED_NAME.search(value.label)))


def _is_public_key_id(value: Value) -> bool:
    return bool(_KEY_ID.match(value.low) and _PUBLIC_KEY_ID.search(value.label))


def _is_ciphertext(value: Value) -> bool:
    low = value.low
    if _CIPHERTEXT.match(low) or (low.startswith(b"eyj") and _JWE.match(low)) or _ENCRYPTED_NAME.search(value.label):
        return True
    if value.value.startswith((b"AgA", b"AgB", b"AgC")) and len(low) > 100 and _SEALED.search(value.text):
        return True
    return low.startswith(b"$") and bool(_ROUTER_HASH.match(low))


def _is_ntlm_message(value: Value) -> bool:
    return value.low.startswith(_NTLM)


def _is_signature(value: Value) -> bool:
    signed = value.name.kind == "signature" or value.label.endswith(b"signature")
    return bool(signed and _SIGNATURE_LINE.search(value.line) and _SIGNATURE_VALUE.match(value.low))


def _is_cookie(value: Value) -> bool:
    if value.label not in (b"cookie", b"set_cookie"):
        return False
    pair = _COOKIE_PAIR.match(value.value)
    return bool(pair and (not _SESSION_NAME.search(pair[1].lower()) or len(pair[2]) < 16))


def _is_csrf_token(value: Value) -> bool:
    return value.name.kind == "csrf token"


def _is_public(value: Value) -> bool:
    label = value.label
    if _PRIVATE_WORD.search(label):
        return False
    if _PUBLIC_VALUE.match(value.low) or any(mark in value.value for mark in _ANONYMOUS_JWT):
        return True
    return bool(_PUBLIC_NAME.search(label) or (_PUBLISHED_NAME.match(label) and b"key" in label))


def _is_download_token(value: Value) -> bool:
    return bool(value.candidate.name.lower().endswith(b"token") and _DOWNLOAD.search(value.line))


def _is_validation_rule(value: Value) -> bool:
    return bool(_VALIDATION.match(value.low))


def _is_type(value: Value) -> bool:
    return not value.candidate.quote and value.value[:1].isupper() and bool(_TYPE.match(value.value))


def _is_variable_name(value: Value) -> bool:
    return value.value[:1].isupper() and bool(_VARIABLE.match(value.value) and _VARIABLE_WORD.search(value.value))


def _is_path(value: Value) -> bool:
    if value.label in (b"pwd", b"oldpwd") and value.low[:1] in (b"/", b"$", b":", b"~"):
        return True
    if _PATH_ROOT.match(value.low):
        return True
    if b"/" not in value.low and b"\\" not in value.low:
        return False
    return bool(_PATH_WORDS.match(value.low) and bits_per_character(value.low) < NATURAL)


def _is_other_choice(value: Value) -> bool:
    candidate = value.candidate
    return candidate.operator == b":" and bool(_CHOICE.search(value.line[: value.line.find(candidate.name.lower())]))


def _is_other_word(value: Value) -> bool:
    return bool(_DENYING.search(value.label))


def _is_foreign_word(value: Value) -> bool:
    if value.value.isascii() or len(value.value) > 160:
        return False
    try:
        text = value.value.decode()
    except UnicodeDecodeError:
        return False
    import unicodedata

    letters = sum(unicodedata.category(sign)[0] in "LM" for sign in text)
    return letters + sum(sign in " .:!?*'-…" for sign in text) == len(text)


def _is_stand_in(value: Value) -> bool:
    return bool(_OWN_WORD.match(value.low))


KINDS: tuple[tuple[str, Callable[[Value], bool]], ...] = (
    ("a ciphertext", _is_ciphertext),
    ("the key of a record", _is_record_key),
    ("an identifier", _is_identifier),
    ("a digest or address", _is_digest),
    ("the id of a public key", _is_public_key_id),
    ("an NTLM message", _is_ntlm_message),
    ("a signature", _is_signature),
    ("a cookie", _is_cookie),
    ("a CSRF token", _is_csrf_token),
    ("used once", _is_used_once),
    ("the name of a licence", _is_licence),
    ("a version of an interface", _is_version),
    ("a package", _is_package),
    ("an action", _is_action),
    ("a duration", _is_duration),
    ("the name of a user", _is_user),
    ("the result of a test", _is_test_result),
    ("a path in JSON", _is_path_of_json),
    ("an identifier of code", _is_identifier_of_code),
    ("the name of a value", _is_looked_up),
    ("a repetition of its name", _repeats_its_name),
    ("public by design", _is_public),
    ("a token of a public download", _is_download_token),
    ("a validation rule or type", _is_validation_rule),
    ("the name of a type", _is_type),
    ("the name of a variable", _is_variable_name),
    ("a path", _is_path),
    ("the other value of a choice", _is_other_choice),
    ("of a name that only resembles a credential's", _is_other_word),
    ("a word of a language", _is_foreign_word),
    ("a placeholder", _is_stand_in),
    *TEXT_KINDS,
)
"""Every kind that is no credential, and what recognises it; the first that fits names the value."""


def name_kind(candidate: Candidate, name: FieldName, value: bytes, low: bytes, text: bytes) -> str:
    """Return what kind of harmless value *value* is, "" where it may be a credential.

    *low* is *value*, *text* everything around it, both in lower case.
    """
    start = text.rfind(b"\n", 0, candidate.at) + 1
    stop = text.find(b"\n", candidate.end)
    line = text[start : stop if stop >= 0 else len(text)]
    seen = Value(candidate, name, value, low, line, text, _separate(candidate.name))
    for kind, recognises in KINDS:
        if recognises(seen):
            return kind
    return ""
