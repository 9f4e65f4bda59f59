"""Tokens with a readable structure: JSON, a macaroon, an id, a time.

A structure that parses shows that the string is a token, and gives its owner, its
scope and its expiry.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from detector.engine.checks.checksums import decode_base32
from detector.engine.checks.result import (
    INVALID,
    UNDECIDED,
    VALID,
    Check,
    CheckResult,
    decode_base64,
    encode_base64url,
    format_time,
)

_LONGEST = 16384
"""Bytes of JSON above which it is not parsed; no token is that long."""


def _parse_json(data: bytes | None) -> dict[str, Any] | None:
    """Parse a JSON object; return None for anything else, also for hostile nesting."""
    import json

    if not data or len(data) > _LONGEST or not data.lstrip().startswith(b"{"):
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _printable_fact(value: object, limit: int = 120) -> str:
    """Return *value* as text if it is short and printable, else ""."""
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value[:5])
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return text if len(text) <= limit and text.isprintable() else ""


def _list_facts(*pairs: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, value in pairs if (text := _printable_fact(value)))


def _format_time(value: object) -> str:
    return format_time(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


# -- AWS -------------------------------------------------------------------------

_AWS_KINDS = {b"AKIA": "long-term", b"ASIA": "temporary", b"ABIA": "service bearer", b"ACCA": "context-specific"}


def _check_aws_key_id(secret: bytes) -> CheckResult:
    """Read the account from the id; old ids (top bit 0) have none. There is no checksum.

    A number of more than twelve digits is no account, but AWS does not document the encoding, so it refutes nothing.
    """
    data = decode_base32(secret[4:])
    if data is None or len(data) != 10:
        return INVALID
    facts = [("key", _AWS_KINDS.get(secret[:4], ""))]
    if data[0] & 0x80:
        account = (int.from_bytes(data[:6], "big") & 0x7FFFFFFFFF80) >> 7
        if account < 10**12:
            facts.append(("account", f"{account:012}"))
    return CheckResult(None, tuple(fact for fact in facts if fact[1]))


def _check_aws_session(secret: bytes) -> CheckResult:
    data = decode_base64(secret[: len(secret.rstrip(b"=")) // 4 * 4]) or b""
    return VALID if b"origin" in data[:12] or b"er/aws" in data[:12] else UNDECIDED


def _check_bedrock(secret: bytes) -> CheckResult:
    """Read user and account from a long-lived key, the expiry from a short-lived one, which is a signed URL."""
    if secret.startswith(b"ABSK"):
        data = decode_base64(secret[4:]) or b""
        found = re.match(rb"[\x20-\x7e]{1,128}-at-(\d{12}):", data)
        return CheckResult(True, (("account", found[1].decode()),)) if found else UNDECIDED
    bare = secret.removeprefix(b"bedrock-api-key-")
    data = decode_base64(bare[: len(bare) // 4 * 4]) or b""
    if not data.startswith(b"bedrock.amazonaws.com"):
        return INVALID
    day = re.search(rb"X-Amz-Date=(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", data)
    if not day:
        return VALID
    year, month, date, hour, minute, second = (part.decode() for part in day.groups())
    facts = [("issued", f"{year}-{month}-{date}T{hour}:{minute}:{second}Z")]
    lasts = re.search(rb"X-Amz-Expires=(\d{1,6})\b", data)
    if lasts:
        facts.append(("lasts", f"{int(lasts[1])} seconds"))
    return CheckResult(True, tuple(facts))


# -- JSON Web Tokens -----------------------------------------------------------------

_SIGNATURES = {
    "HS256": {32}, "HS384": {48}, "HS512": {64}, "ES256": {64}, "ES384": {96}, "ES512": {132}, "ES256K": {64},
    "EDDSA": {64, 114}, "RS": {128, 192, 256, 384, 512, 1024}, "PS": {128, 192, 256, 384, 512, 1024},
}  # fmt: skip
_GUESSES = (
    b"secret", b"password", b"changeme", b"key", b"test", b"jwt", b"private", b"supersecret", b"mysecret", b"secretkey",
    b"secret_key", b"your-secret-key", b"your-256-bit-secret", b"your_jwt_secret", b"qwerty", b"123456", b"shhhhh",
    b"super-secret-jwt-token-with-at-least-32-characters-long", b"",
)  # fmt: skip


def split_jwt(secret: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes] | None:
    """Return header, payload and signature of a signed JWT, None if it is not one."""
    parts = secret.split(b".")
    if len(parts) != 3:
        return None
    header, payload = (_parse_json(decode_base64(part, url=True)) for part in parts[:2])
    signature = decode_base64(parts[2], url=True) if parts[2] else b""
    if header is None or payload is None or signature is None:
        return None
    return header, payload, signature


def _check_jwt(secret: bytes) -> CheckResult:
    parts = split_jwt(secret)
    if parts is None:
        return INVALID
    header, payload, signature = parts
    algorithm = str(header.get("alg", "")).upper()
    lengths = _SIGNATURES.get(algorithm) or _SIGNATURES.get(algorithm[:2])
    if not algorithm or algorithm == "NONE" or not signature:
        return INVALID
    if lengths and len(signature) not in lengths:
        return INVALID
    if str(payload.get("sub")) == "1234567890" and str(payload.get("name", "")) in ("John Doe", ""):
        return INVALID
    if payload.get("role") == "anon" and str(payload.get("iss", "")).startswith("supabase"):
        return INVALID  # every visitor of the site gets it
    return CheckResult(
        True,
        (
            *_list_facts(
                ("algorithm", header.get("alg")),
                ("issuer", payload.get("iss")),
                ("audience", payload.get("aud")),
                ("role", payload.get("role")),
                ("project", payload.get("ref")),
                ("issued", _format_time(payload.get("iat"))),
                ("expires", _format_time(payload.get("exp"))),
            ),
            *(
                [("signing key", "guessable: anybody can sign such tokens")]
                if _has_guessable_key(secret, algorithm)
                else []
            ),
        ),
    )


def _has_guessable_key(secret: bytes, algorithm: str) -> bool:
    import hmac

    if algorithm not in ("HS256", "HS384", "HS512"):
        return False
    signed, _, signature = secret.rpartition(b".")
    name = "sha" + algorithm[2:]
    return any(encode_base64url(hmac.digest(guess, signed, name)) == signature.rstrip(b"=") for guess in _GUESSES)


def _check_supabase_jwt(secret: bytes) -> CheckResult:
    """Accept the service role only: of the keys of a project, `anon` is public."""
    result = _check_jwt(secret)
    parts = split_jwt(secret)
    if not result.valid or parts is None:
        return INVALID
    payload = parts[1]
    served = str(payload.get("iss", "")).startswith("supabase") and payload.get("role") == "service_role"
    return result if served else INVALID


def _check_kubernetes_jwt(secret: bytes) -> CheckResult:
    result = _check_jwt(secret)
    parts = split_jwt(secret)
    if not result.valid or parts is None:
        return INVALID
    payload = parts[1]
    subject = str(payload.get("sub", ""))
    if not subject.startswith("system:serviceaccount:"):
        return INVALID
    return CheckResult(
        True, (*result.facts, *_list_facts(("service account", subject.removeprefix("system:serviceaccount:"))))
    )


def _check_github_stateless(secret: bytes) -> CheckResult:
    """Read `ghs_`, the id of the app, `_` and a JWT, whose signature only GitHub can verify."""
    app, _, token = secret.removeprefix(b"ghs_").partition(b"_")
    result = _check_jwt(token)
    if not app.isdigit() or not result.valid:
        return INVALID
    return CheckResult(
        True, (("app", app.decode()), *(fact for fact in result.facts if fact[0] in ("issued", "expires")))
    )


# -- PyPI -------------------------------------------------------------------------------


def _check_pypi(secret: bytes) -> CheckResult:
    """Read the macaroon: its host, its projects, its expiry."""
    data = decode_base64(secret.removeprefix(b"pypi-"), url=True)
    if not data or data[0] != 2:
        return INVALID
    at, sections, location, caveats = 1, 0, "", []
    while at < len(data):
        kind = data[at]
        if kind == 0:
            at, sections = at + 1, sections + 1
            continue
        size, at = _read_varint(data, at + 1)
        field = data[at : at + size]
        if len(field) != size:
            return INVALID
        at += size
        if kind == 1:
            location = field.decode("utf-8", "replace")
        elif kind == 2 and sections:
            caveats.append(field)
        elif kind == 6:
            if size != 32 or at != len(data) or not location:
                return INVALID
            return CheckResult(True, _list_facts(("host", location), *_read_pypi_scope(caveats)))
    return INVALID


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 28:
        number |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            break
        shift += 7
    return number, at


def _read_pypi_scope(caveats: list[bytes]) -> list[tuple[str, object]]:
    import json

    found: list[tuple[str, object]] = []
    for text in caveats:
        try:
            caveat = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(caveat, list) and len(caveat) > 1 and isinstance(caveat[0], int):
            name = {0: "expires", 1: "projects", 2: "project ids", 3: "user"}.get(caveat[0])
            found.append((name or "limited", _format_time(caveat[1]) if name == "expires" else caveat[1]))
        elif isinstance(caveat, dict):
            allowed = caveat.get("permissions")
            projects = allowed.get("projects") if isinstance(allowed, dict) else allowed
            found.append(("projects" if isinstance(allowed, dict) else "scope", projects))
    return found or [("scope", "everything its owner may do")]


# -- tokens whose body is JSON ---------------------------------------------------------


def _json_body_check(
    body: Callable[[bytes], bytes | None], keys: set[str], facts: dict[str, str], optional: bool = False
) -> Check:
    """Return the check of tokens whose decoded body is a JSON object with *keys*; *facts* maps keys to shown names."""

    def verify(secret: bytes) -> CheckResult:
        found = _parse_json(body(secret))
        if found is None or not keys <= set(found):
            return UNDECIDED if optional else INVALID
        return CheckResult(True, _list_facts(*((shown, found.get(key)) for key, shown in facts.items())))

    return Check(verify, "its body is the JSON of its provider", "its body is not the JSON of its provider", None, True)


def _decode_after(prefix: bytes, end: bytes = b"") -> Callable[[bytes], bytes | None]:
    def body(secret: bytes) -> bytes | None:
        text = secret.removeprefix(prefix)
        if end:
            text = text.partition(end)[0]
        return decode_base64(text, url=True)

    return body


# -- others ------------------------------------------------------------------------------


def _check_discord(secret: bytes) -> CheckResult:
    """Read the id of the bot from the first part, the time of issue since 2011 from the second."""
    first, _, rest = secret.partition(b".")
    user, issued = decode_base64(first, url=True), decode_base64(rest.partition(b".")[0], url=True)
    if not user or not user.isdigit() or not 17 <= len(user) <= 20 or not issued:
        return INVALID
    facts = [("bot", user.decode())]
    if len(issued) == 4:
        seconds = int.from_bytes(issued, "big")
        # Seconds count from 2011; the tokens of some years count from 1970 instead.
        facts.append(("issued", format_time(seconds + 1293840000 if seconds < 1293840000 else seconds)))
    return CheckResult(True, tuple(facts))


_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _check_jfrog_key(secret: bytes) -> CheckResult:
    number = 0
    for letter in secret:
        value = _BASE58.find(letter)
        if value < 0:
            return INVALID
        number = number * 58 + value
    return VALID if (number.bit_length() + 7) // 8 == 54 else UNDECIDED


def _check_jfrog_reference(secret: bytes) -> CheckResult:
    parts = (decode_base64(secret, url=True) or b"").split(b":")
    if len(parts) != 4 or parts[:2] != [b"reftkn", b"01"] or not parts[2].isdigit() or len(parts[2]) > 12:
        return INVALID
    ends = int(parts[2])
    return CheckResult(True, (("expires", format_time(ends) if ends else "never"),))


def _check_id_and_random(secret: bytes) -> CheckResult:
    """Read a token of Atlassian Data Center: base64 of a decimal id, a colon and twenty random bytes."""
    data = decode_base64(secret.removeprefix(b"BBDC-")) or b""
    number, colon, rest = data.partition(b":")
    if not colon or not number.isdigit() or not 4 <= len(number) <= 20 or len(rest) < 18:
        return INVALID
    return CheckResult(True, (("token id", number.decode()),))


def _check_basic_auth(secret: bytes) -> CheckResult:
    """Read base64 of ``user:password``."""
    data = decode_base64(secret) or b""
    user, colon, password = data.partition(b":")
    if not colon or not password or not data.isascii() or not data.decode("ascii").isprintable():
        return INVALID
    if password.startswith((b"$", b"{", b"<", b"%")):
        return INVALID
    return CheckResult(None, _list_facts(("user", user.decode("ascii"))))


def _check_twitter_bearer(secret: bytes) -> CheckResult:
    """Read base64, partly percent-encoded: sixteen zero bytes, the id of the app, random bytes."""
    text = secret.replace(b"%2B", b"+").replace(b"%2F", b"/")
    data = decode_base64(text[:32]) or b""
    number = int.from_bytes(data[16:24], "little")
    if len(data) != 24 or any(data[:16]) or not 0 < number < 1 << 48 or len(set(text[32:])) < 20:
        return INVALID  # tables in base64 start with zeros too, and continue with zeros
    return CheckResult(True, (("app id", str(number)),))


_SAMPLE_PASSWORD = re.compile(
    rb"""[a-z_.-]*(?:pass(?:word|wd|wort|phrase|code)?|pwd|secret|token|api_?key|auth_?key)[a-z_.-]*\d?
    | user(?:name)? | test(?:ing)? | root | guest | admin | postgres | mysql | redis | mongo(?:db)? | rabbit(?:mq)?
    | change.?me | example | foo(?:bar)? | ba[rz] | x+ | \*+ | \.+ | your.* | none | null | undefined | hidden
    | redacted | pw\d? | invalid | key | world | 123 | 1234 | abc | \.\.\..*""",
    re.IGNORECASE | re.VERBOSE,
)
_TEMPLATE = re.compile(rb"[$%#]?[{(<\[]|[$&*#]|%[sdrv(]|[^&]*&(?:quot|amp|lt|gt|#\d+)|.*[\[\]]")


def _check_password(secret: bytes) -> CheckResult:
    """Reject a sample word of manuals or a placeholder as the password of a URL or connection string."""
    return INVALID if _SAMPLE_PASSWORD.fullmatch(secret) or _TEMPLATE.match(secret) else UNDECIDED


def _check_ntlm(secret: bytes) -> CheckResult:
    return VALID if (decode_base64(secret[: len(secret) // 4 * 4]) or b"").startswith(b"NTLMSSP\0") else INVALID


_READS, _NO = "it decodes to the format of its provider", "it does not decode to the format of its provider"

STRUCTURES: dict[str, Check] = {
    "aws-key-id": Check(_check_aws_key_id, "it decodes to an account", "not base 32"),
    "aws-session-token": Check(_check_aws_session, "its first bytes are those of an STS token", _NO, None, True),
    "aws-bedrock": Check(_check_bedrock, _READS, _NO, None, True),
    "jwt": Check(
        _check_jwt,
        "JWT parses: header and payload are JSON, and the signature has the length of its algorithm",
        "not a signed JWT: header, payload or signature are invalid, or it is a sample or public by design",
        None,
        True,
    ),
    "supabase-service-role": Check(
        _check_supabase_jwt,
        "a JWT of Supabase with the service role",
        "not a JWT of Supabase with the service role",
        None,
        True,
    ),
    "kubernetes-service-account": Check(
        _check_kubernetes_jwt,
        "a JWT of a Kubernetes service account",
        "not a JWT of a Kubernetes service account",
        None,
        True,
    ),
    "github-stateless": Check(
        _check_github_stateless,
        "it contains a JWT of a GitHub app",
        "the id of the app is not followed by a JWT",
        None,
        True,
    ),
    "pypi-macaroon": Check(
        _check_pypi,
        "macaroon parses and has a 32-byte signature",
        "macaroon does not parse: truncated or changed",
        None,
        True,
    ),
    "sentry-org": _json_body_check(
        _decode_after(b"sntrys_", b"_"), {"iat", "region_url"}, {"org": "organisation", "url": "server"}
    ),
    "grafana-cloud": _json_body_check(_decode_after(b"glc_"), {"o", "n", "k"}, {"o": "organisation", "n": "name"}),
    "grafana-legacy": _json_body_check(_decode_after(b""), {"k", "n", "id"}, {"id": "organisation", "n": "name"}),
    "onepassword": _json_body_check(
        _decode_after(b"ops_"),
        {"signInAddress", "secretKey"},
        {"signInAddress": "server", "email": "account"},
        optional=True,
    ),
    "mapbox": _json_body_check(
        lambda secret: decode_base64(secret.split(b".")[1], url=True) if secret.count(b".") == 2 else None,
        {"u", "a"},
        {"u": "user"},
    ),
    "discord-bot": Check(
        _check_discord, "it names the bot and the time of issue", "its first part is not a Discord id"
    ),
    "jfrog-key": Check(_check_jfrog_key, "it decodes to 54 bytes", "it has characters outside base 58"),
    "jfrog-reference": Check(_check_jfrog_reference, "it names its expiry", _NO, None, True),
    "id-and-random": Check(_check_id_and_random, "it decodes to an id and random bytes", _NO),
    "basic-auth": Check(
        _check_basic_auth, "it decodes to a user and a password", "it does not decode to user:password"
    ),
    "twitter-bearer": Check(_check_twitter_bearer, "it names the app", "it does not name an app", None, True),
    "password": Check(
        _check_password, "it is not a sample word of manuals", "a sample word of manuals, or a placeholder"
    ),
    "dropbox-long-lived": Check(
        lambda secret: VALID if secret[11:21] == b"AAAAAAAAAA" else INVALID,
        "its fixed middle part is in the right place",
        "its fixed middle part is missing",
        None,
        True,
    ),
    "ntlm": Check(
        _check_ntlm, "it is a message of the NTLM protocol", "it is not a message of the NTLM protocol", None, True
    ),
}
