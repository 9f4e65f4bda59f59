"""Tokens that carry something readable: JSON, a macaroon, an id, a time.

Reading it proves that the string is what it looks like, and tells whose it is,
how far it reaches and when it ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from detector.engine.checks.checksums import unbase32
from detector.engine.checks.proof import RIGHT, SILENT, WRONG, Check, Proof, base64url, moment, unbase64

_LONGEST = 16384
"""JSON longer than this is not parsed: no token carries a novel."""


def _json(data: bytes | None) -> dict[str, Any] | None:
    """Parse a JSON object, or None; hostile nesting and numbers included."""
    import json

    if not data or len(data) > _LONGEST or not data.lstrip().startswith(b"{"):
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _shown(value: object, limit: int = 120) -> str:
    """Return *value* as a fact, if it is short and printable."""
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value[:5])
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return text if len(text) <= limit and text.isprintable() else ""


def _facts(*pairs: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, value in pairs if (text := _shown(value)))


def _time(value: object) -> str:
    return moment(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


# -- AWS -------------------------------------------------------------------------

_AWS_KINDS = {b"AKIA": "long-term", b"ASIA": "temporary", b"ABIA": "service bearer", b"ACCA": "context-specific"}


def _aws_key_id(secret: bytes) -> Proof:
    """The account stands in the id; old ids (top bit 0) hide it. There is no checksum."""
    data = unbase32(secret[4:])
    if data is None or len(data) != 10:
        return WRONG
    facts = [("key", _AWS_KINDS.get(secret[:4], ""))]
    if data[0] & 0x80:
        account = (int.from_bytes(data[:6], "big") & 0x7FFFFFFFFF80) >> 7
        if account >= 10**12:
            return WRONG
        facts.append(("account", f"{account:012}"))
    return Proof(None, tuple(fact for fact in facts if fact[1]))


def _aws_session(secret: bytes) -> Proof:
    data = unbase64(secret[: len(secret.rstrip(b"=")) // 4 * 4]) or b""
    return RIGHT if b"origin" in data[:12] or b"er/aws" in data[:12] else SILENT


def _bedrock(secret: bytes) -> Proof:
    """Long-lived keys name user and account, short-lived ones are a signed address with its expiry."""
    if secret.startswith(b"ABSK"):
        data = unbase64(secret[4:]) or b""
        found = re.match(rb"[\x20-\x7e]{1,128}-at-(\d{12}):", data)
        return Proof(True, (("account", found[1].decode()),)) if found else SILENT
    bare = secret.removeprefix(b"bedrock-api-key-")
    data = unbase64(bare[: len(bare) // 4 * 4]) or b""
    if not data.startswith(b"bedrock.amazonaws.com"):
        return WRONG
    day = re.search(rb"X-Amz-Date=(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", data)
    if not day:
        return RIGHT
    year, month, date, hour, minute, second = (part.decode() for part in day.groups())
    facts = [("issued", f"{year}-{month}-{date}T{hour}:{minute}:{second}Z")]
    lasts = re.search(rb"X-Amz-Expires=(\d{1,6})\b", data)
    if lasts:
        facts.append(("lasts", f"{int(lasts[1])} seconds"))
    return Proof(True, tuple(facts))


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


def jwt_parts(secret: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes] | None:
    """Return header, payload and signature of a signed JWT, or None."""
    parts = secret.split(b".")
    if len(parts) != 3:
        return None
    header, payload = (_json(unbase64(part, url=True)) for part in parts[:2])
    signature = unbase64(parts[2], url=True) if parts[2] else b""
    if header is None or payload is None or signature is None:
        return None
    return header, payload, signature


def _jwt(secret: bytes) -> Proof:
    parts = jwt_parts(secret)
    if parts is None:
        return WRONG
    header, payload, signature = parts
    algorithm = str(header.get("alg", "")).upper()
    lengths = _SIGNATURES.get(algorithm) or _SIGNATURES.get(algorithm[:2])
    if not algorithm or algorithm == "NONE" or not signature:
        return WRONG
    if lengths and len(signature) not in lengths:
        return WRONG
    if str(payload.get("sub")) == "1234567890" and str(payload.get("name", "")) in ("John Doe", ""):
        return WRONG
    return Proof(
        True,
        (
            *_facts(
                ("algorithm", header.get("alg")),
                ("issuer", payload.get("iss")),
                ("audience", payload.get("aud")),
                ("role", payload.get("role")),
                ("project", payload.get("ref")),
                ("issued", _time(payload.get("iat"))),
                ("expires", _time(payload.get("exp"))),
            ),
            *([("signing key", "guessable: anybody can sign such tokens")] if _guessable(secret, algorithm) else []),
        ),
    )


def _guessable(secret: bytes, algorithm: str) -> bool:
    import hmac

    if algorithm not in ("HS256", "HS384", "HS512"):
        return False
    signed, _, signature = secret.rpartition(b".")
    name = "sha" + algorithm[2:]
    return any(base64url(hmac.digest(guess, signed, name)) == signature.rstrip(b"=") for guess in _GUESSES)


def _supabase_jwt(secret: bytes) -> Proof:
    """Of the project keys only that of the service role opens anything; `anon` is public."""
    proof = _jwt(secret)
    parts = jwt_parts(secret)
    if not proof.proven or parts is None:
        return WRONG
    payload = parts[1]
    served = str(payload.get("iss", "")).startswith("supabase") and payload.get("role") == "service_role"
    return proof if served else WRONG


def _kubernetes_jwt(secret: bytes) -> Proof:
    proof = _jwt(secret)
    parts = jwt_parts(secret)
    if not proof.proven or parts is None:
        return WRONG
    payload = parts[1]
    subject = str(payload.get("sub", ""))
    if not subject.startswith("system:serviceaccount:"):
        return WRONG
    return Proof(True, (*proof.facts, *_facts(("service account", subject.removeprefix("system:serviceaccount:")))))


def _github_stateless(secret: bytes) -> Proof:
    """`ghs_`, the id of the app, `_`, a JWT whose signature only GitHub can judge."""
    app, _, token = secret.removeprefix(b"ghs_").partition(b"_")
    proof = _jwt(token)
    if not app.isdigit() or not proof.proven:
        return WRONG
    return Proof(True, (("app", app.decode()), *(fact for fact in proof.facts if fact[0] in ("issued", "expires"))))


# -- PyPI -------------------------------------------------------------------------------


def _pypi(secret: bytes) -> Proof:
    """Read the macaroon: where it is good, for which projects, until when."""
    data = unbase64(secret.removeprefix(b"pypi-"), url=True)
    if not data or data[0] != 2:
        return WRONG
    at, sections, location, caveats = 1, 0, "", []
    while at < len(data):
        kind = data[at]
        if kind == 0:
            at, sections = at + 1, sections + 1
            continue
        size, at = _varint(data, at + 1)
        field = data[at : at + size]
        if len(field) != size:
            return WRONG
        at += size
        if kind == 1:
            location = field.decode("utf-8", "replace")
        elif kind == 2 and sections:
            caveats.append(field)
        elif kind == 6:
            if size != 32 or at != len(data) or not location:
                return WRONG
            return Proof(True, _facts(("host", location), *_pypi_scope(caveats)))
    return WRONG


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 28:
        number |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            break
        shift += 7
    return number, at


def _pypi_scope(caveats: list[bytes]) -> list[tuple[str, object]]:
    import json

    found: list[tuple[str, object]] = []
    for text in caveats:
        try:
            caveat = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(caveat, list) and len(caveat) > 1 and isinstance(caveat[0], int):
            name = {0: "expires", 1: "projects", 2: "project ids", 3: "user"}.get(caveat[0])
            found.append((name or "limited", _time(caveat[1]) if name == "expires" else caveat[1]))
        elif isinstance(caveat, dict):
            allowed = caveat.get("permissions")
            projects = allowed.get("projects") if isinstance(allowed, dict) else allowed
            found.append(("projects" if isinstance(allowed, dict) else "scope", projects))
    return found or [("scope", "everything its owner may do")]


# -- tokens whose body is JSON ---------------------------------------------------------


def _json_body(
    body: Callable[[bytes], bytes | None], keys: set[str], facts: dict[str, str], optional: bool = False
) -> Check:
    """Make the check of tokens whose decoded body is a JSON object with *keys*; *facts* names what may be shown."""

    def verify(secret: bytes) -> Proof:
        found = _json(body(secret))
        if found is None or not keys <= set(found):
            return SILENT if optional else WRONG
        return Proof(True, _facts(*((shown, found.get(key)) for key, shown in facts.items())))

    return Check(
        verify, "its body is the JSON that its issuer writes", "its body is not what its issuer writes", None, True
    )


def _after(prefix: bytes, end: bytes = b"") -> Callable[[bytes], bytes | None]:
    def body(secret: bytes) -> bytes | None:
        text = secret.removeprefix(prefix)
        if end:
            text = text.partition(end)[0]
        return unbase64(text, url=True)

    return body


# -- others ------------------------------------------------------------------------------


def _discord(secret: bytes) -> Proof:
    """The first part is the bot's id, the second the time of issue since 2011."""
    first, _, rest = secret.partition(b".")
    user, issued = unbase64(first, url=True), unbase64(rest.partition(b".")[0], url=True)
    if not user or not user.isdigit() or not 17 <= len(user) <= 20 or not issued:
        return WRONG
    facts = [("bot", user.decode())]
    if len(issued) == 4:
        seconds = int.from_bytes(issued, "big")
        # The count starts in 2011; the tokens of some years count from 1970 instead.
        facts.append(("issued", moment(seconds + 1293840000 if seconds < 1293840000 else seconds)))
    return Proof(True, tuple(facts))


_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _jfrog_key(secret: bytes) -> Proof:
    number = 0
    for letter in secret:
        value = _BASE58.find(letter)
        if value < 0:
            return WRONG
        number = number * 58 + value
    return RIGHT if (number.bit_length() + 7) // 8 == 54 else SILENT


def _jfrog_reference(secret: bytes) -> Proof:
    parts = (unbase64(secret, url=True) or b"").split(b":")
    if len(parts) != 4 or parts[:2] != [b"reftkn", b"01"] or not parts[2].isdigit() or len(parts[2]) > 12:
        return WRONG
    ends = int(parts[2])
    return Proof(True, (("expires", moment(ends) if ends else "never"),))


def _id_and_random(secret: bytes) -> Proof:
    """Atlassian Data Center: a decimal id, a colon, twenty random bytes, in base64."""
    data = unbase64(secret.removeprefix(b"BBDC-")) or b""
    number, colon, rest = data.partition(b":")
    if not colon or not number.isdigit() or not 4 <= len(number) <= 20 or len(rest) < 18:
        return WRONG
    return Proof(True, (("token id", number.decode()),))


def _basic_auth(secret: bytes) -> Proof:
    """Base64 of `user:password`: text with a colon, and not a word about an example."""
    data = unbase64(secret) or b""
    user, colon, password = data.partition(b":")
    if not colon or not password or not data.isascii() or not data.decode("ascii").isprintable():
        return WRONG
    if password.startswith((b"$", b"{", b"<", b"%")):
        return WRONG
    return Proof(None, _facts(("user", user.decode("ascii"))))


def _twitter_bearer(secret: bytes) -> Proof:
    """Base64, some of it percent-encoded: sixteen zero bytes, the app's id, then random ones."""
    text = secret.replace(b"%2B", b"+").replace(b"%2F", b"/")
    data = unbase64(text[:32]) or b""
    number = int.from_bytes(data[16:24], "little")
    if len(data) != 24 or any(data[:16]) or not 0 < number < 1 << 48 or len(set(text[32:])) < 20:
        return WRONG  # tables in base64 start with zeros as well, and go on with them
    return Proof(True, (("app id", str(number)),))


_SAMPLE_PASSWORD = re.compile(
    rb"""[a-z_.-]*(?:pass(?:word|wd|wort|phrase|code)?|pwd|secret|token|api_?key|auth_?key)[a-z_.-]*\d?
    | user(?:name)? | test(?:ing)? | root | guest | admin | postgres | mysql | redis | mongo(?:db)? | rabbit(?:mq)?
    | change.?me | example | foo(?:bar)? | ba[rz] | x+ | \*+ | \.+ | your.* | none | null | undefined | hidden
    | redacted | pw\d? | invalid | key | world | 123 | 1234 | abc | \.\.\..*""",
    re.IGNORECASE | re.VERBOSE,
)
_TEMPLATE = re.compile(rb"[$%#]?[{(<\[]|[$&*#]|%[sdrv(]|[^&]*&(?:quot|amp|lt|gt|#\d+)|.*[\[\]]")


def _password(secret: bytes) -> Proof:
    """In an address or connection string: a word from a manual, or a place for a value, is no password."""
    return WRONG if _SAMPLE_PASSWORD.fullmatch(secret) or _TEMPLATE.match(secret) else SILENT


def _ntlm(secret: bytes) -> Proof:
    return RIGHT if (unbase64(secret[: len(secret) // 4 * 4]) or b"").startswith(b"NTLMSSP\0") else WRONG


_READS, _NO = "it decodes to what its issuer writes", "it does not decode to what its issuer writes"

STRUCTURES: dict[str, Check] = {
    "aws-key-id": Check(_aws_key_id, "it decodes to an account", "it is no base 32, or names no account"),
    "aws-session-token": Check(_aws_session, "its head says that STS made it", _NO, None, True),
    "aws-bedrock": Check(_bedrock, _READS, _NO, None, True),
    "jwt": Check(
        _jwt,
        "header and payload are JSON and the signature has the length of its algorithm",
        "no signed JWT: header, payload or signature do not fit, or it is the sample of the standard",
        None,
        True,
    ),
    "supabase-service-role": Check(
        _supabase_jwt, "a JWT of Supabase with the service role", "no JWT of Supabase with the service role", None, True
    ),
    "kubernetes-service-account": Check(
        _kubernetes_jwt, "a JWT of a Kubernetes service account", "no JWT of a Kubernetes service account", None, True
    ),
    "github-stateless": Check(
        _github_stateless, "it carries a JWT for a GitHub app", "what follows the app's id is no JWT", None, True
    ),
    "pypi-macaroon": Check(
        _pypi, "it is a whole macaroon with a 32-byte signature", "it is no whole macaroon: cut or changed", None, True
    ),
    "sentry-org": _json_body(_after(b"sntrys_", b"_"), {"iat", "region_url"}, {"org": "organisation", "url": "server"}),
    "grafana-cloud": _json_body(_after(b"glc_"), {"o", "n", "k"}, {"o": "organisation", "n": "name"}),
    "grafana-legacy": _json_body(_after(b""), {"k", "n", "id"}, {"id": "organisation", "n": "name"}),
    "onepassword": _json_body(
        _after(b"ops_"), {"signInAddress", "secretKey"}, {"signInAddress": "server", "email": "account"}, optional=True
    ),
    "mapbox": _json_body(
        lambda secret: unbase64(secret.split(b".")[1], url=True) if secret.count(b".") == 2 else None,
        {"u", "a"},
        {"u": "user"},
    ),
    "discord-bot": Check(_discord, "it names the bot and the time of issue", "its first part is no Discord id"),
    "jfrog-key": Check(_jfrog_key, "it decodes to 54 bytes", "it has letters outside base 58"),
    "jfrog-reference": Check(_jfrog_reference, "it names its expiry", _NO, None, True),
    "id-and-random": Check(_id_and_random, "it decodes to an id and random bytes", _NO),
    "basic-auth": Check(_basic_auth, "it decodes to a user and a password", "it does not decode to user:password"),
    "twitter-bearer": Check(_twitter_bearer, "it names the app", "it names no app", None, True),
    "password": Check(
        _password, "it is no word from a manual", "a word that manuals use for a password, or a place for one"
    ),
    "dropbox-long-lived": Check(
        lambda secret: RIGHT if secret[11:21] == b"AAAAAAAAAA" else WRONG,
        "its fixed middle stands where Dropbox puts it",
        "its fixed middle stands elsewhere",
        None,
        True,
    ),
    "ntlm": Check(_ntlm, "it is a message of the NTLM protocol", "it is no message of the NTLM protocol", None, True),
}
