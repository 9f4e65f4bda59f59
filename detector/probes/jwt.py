"""JSON Web Tokens: does the key of the issuer fit the signature?

The token itself is sent to nobody. Its issuer publishes public keys; if one of
them made the signature and the time is not over, the token is live. Issuers
named here or by the operator are asked, no other: the token says itself who
its issuer is, and a scanned repository can say anything.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

from detector.engine.checks.result import decode_base64
from detector.model import VerdictState
from detector.net.http_client import Request
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.hosts import is_allowed, parse_host, require_tls

SERVES = ("jwt.token",)
CONTROL = False  # the signature is checked here, so nobody has to refuse anything

ISSUERS = (
    "accounts.google.com",
    "www.googleapis.com",
    "login.microsoftonline.com",
    "sts.windows.net",
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "appleid.apple.com",
    "*.auth0.com",
    "*.okta.com",
    "*.oktapreview.com",
    "*.onelogin.com",
    "*.supabase.co",
    "*.clerk.accounts.dev",
    "*.b2clogin.com",
    "cognito-idp.*.amazonaws.com",
)
_WELL_KNOWN = "/.well-known/openid-configuration"
_HASHES = {"256": "SHA256", "384": "SHA384", "512": "SHA512"}


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Get the issuer's public keys and try the one that the token names."""
    head, claims, signed, signature = _split_token(credential)
    owner = str(claims.get("sub") or claims.get("email") or claims.get("client_id") or "")[:120]
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires < time.time():
        return ProbeResult(VerdictState.DEAD, "its time is over", owner)
    algorithm = str(head.get("alg", ""))
    if algorithm[:2] not in ("RS", "PS", "ES", "Ed"):
        raise NoVerdict(f"{algorithm or 'no algorithm'}: only its issuer can check the signature")
    issuer = _choose_issuer(claims, client.settings)
    document = (await client.send(Request("GET", f"{issuer}{_WELL_KNOWN}"))).json()
    location = document.get("jwks_uri", "") if isinstance(document, dict) else ""
    place = parse_host(str(location)) if str(location).startswith("http") else None
    if place is None or not (place.name == urlsplit(issuer).hostname or is_allowed(place, client.settings, ISSUERS)):
        raise NoVerdict("the issuer does not say where its keys are, or they are at a host that may not be asked")
    require_tls(place.scheme, place, client.settings)
    keys = (await client.send(Request("GET", str(location)))).json()
    found = keys.get("keys", []) if isinstance(keys, dict) else []
    named = [key for key in found if isinstance(key, dict) and key.get("kid") == head.get("kid")]
    if not named:
        return ProbeResult(VerdictState.UNKNOWN, "the issuer has no key of that name, perhaps not any more", owner)
    facts = tuple((name, str(claims[name])[:120]) for name in ("iss", "aud", "scope", "exp") if name in claims)
    for key in named:
        if verified(key, algorithm, signed, signature):
            return ProbeResult(VerdictState.LIVE, "its issuer signed it and its time is not over", owner, facts)
    return ProbeResult(VerdictState.DEAD, "its issuer did not sign it", owner)


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the issuer."""
    _, claims, _, _ = _split_token(credential)
    issuer = _choose_issuer(claims, settings)
    netloc = urlsplit(issuer).netloc
    return PlannedRequest(netloc, f"GET {issuer}{_WELL_KNOWN} and its keys", "the token is not sent")


def _split_token(credential: ProbeInput) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    signed, _, last = credential.secret.reveal().rpartition(b".")
    try:
        head, claims = (json.loads(decode_base64(part, url=True) or b"") for part in signed.split(b"."))
    except (ValueError, TypeError):
        head = claims = None
    signature = decode_base64(last, url=True)
    if not isinstance(head, dict) or not isinstance(claims, dict) or not signature:
        raise NoVerdict("it is no signed token")
    return head, claims, signed, signature


def _choose_issuer(claims: dict[str, Any], settings: ProbeSettings) -> str:
    text = claims.get("iss")
    place = parse_host(text) if isinstance(text, str) and "//" in text else None
    if place is None:
        raise NoVerdict("it names no issuer with an address")
    if not is_allowed(place, settings, ISSUERS):
        raise NoVerdict(f"its issuer {place.name} is not among those that may be asked; name it with --host")
    require_tls(place.scheme, place, settings)
    return f"{place.scheme}://{place.netloc}{_path(str(text))}"


def _path(issuer: str) -> str:
    path = urlsplit(issuer).path.rstrip("/")
    return path if path.isprintable() and ".." not in path else ""


def verified(key: dict[str, Any], algorithm: str, signed: bytes, signature: bytes) -> bool:
    """Tell whether the public *key* (a JWK) made *signature*; a key of another kind never did."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

    kind = key.get("kty")
    digest = getattr(hashes, _HASHES.get(algorithm[2:], "SHA256"))()
    try:
        if kind == "RSA" and algorithm[:2] in ("RS", "PS"):
            public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            public.verify(signature, signed, pss if algorithm[0] == "P" else padding.PKCS1v15(), digest)
            return True
        if kind == "EC" and algorithm[:2] == "ES":
            curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[key["crv"]]
            point = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), curve).public_key()
            half = len(signature) // 2
            pair = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            point.verify(utils.encode_dss_signature(*pair), signed, ec.ECDSA(digest))
            return True
        if kind == "OKP" and algorithm == "EdDSA" and key.get("crv") == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(decode_base64(key["x"].encode(), url=True) or b"").verify(
                signature, signed
            )
            return True
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError):
        return False
    return False


def _number(text: str) -> int:
    return int.from_bytes(decode_base64(text.encode(), url=True) or b"")
