"""Service account keys, against a token endpoint that checks the signature."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from detector.engine.checks.result import decode_base64
from detector.model import VerdictState
from detector.probes.core.contract import ProbeSettings
from tests.detector.probes.conftest import finding, verdict
from tests.fakes.provider import Authority, Heard, Provider, Say, client_to

EMAIL = "robot@acme-prod.iam.gserviceaccount.com"


def pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def endpoint(key: rsa.RSAPrivateKey):
    def answer(heard: Heard) -> Say:
        form = parse_qs(heard.body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        signed, _, signature = form["assertion"][0].encode().rpartition(b".")
        head, claims = (json.loads(decode_base64(part, url=True)) for part in signed.split(b"."))
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "ab12"}
        assert claims["iss"] == EMAIL and claims["aud"] == "https://oauth2.googleapis.com/token"
        try:
            key.public_key().verify(decode_base64(signature, url=True), signed, padding.PKCS1v15(), hashes.SHA256())
        except Exception:
            return Say(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        return Say(200, {"access_token": "short-lived", "expires_in": 3599})

    return answer


def ask(text: str, acme: Provider, authority: Authority):
    found = finding("google.service-account-key", text, parts={"client-email": EMAIL, "private-key-id": "ab12"})
    return verdict(found, client=lambda: client_to(acme, authority, ProbeSettings(timeout=60, reach=True)))


def test_a_registered_key_is_live(key: rsa.RSAPrivateKey, acme: Provider, authority: Authority) -> None:
    acme.answer = endpoint(key)
    for text in (pem(key), json.dumps(pem(key))[1:-1]):
        told = ask(text, acme, authority)
        assert (told.state, told.owner, dict(told.facts)) == (VerdictState.LIVE, EMAIL, {"project": "acme-prod"}), told
    assert {heard.host for heard in acme.heard} == {"oauth2.googleapis.com"}


def test_another_key_is_dead(key: rsa.RSAPrivateKey, acme: Provider, authority: Authority) -> None:
    acme.answer = endpoint(rsa.generate_private_key(65537, 2048))
    assert ask(pem(key), acme, authority).state == VerdictState.DEAD


def test_a_wrong_clock_is_no_verdict(key: rsa.RSAPrivateKey, acme: Provider, authority: Authority) -> None:
    words = "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe. Check your iat and exp"
    acme.answer = lambda _: Say(400, {"error": "invalid_grant", "error_description": words})
    assert ask(pem(key), acme, authority).state == VerdictState.UNKNOWN
    assert (
        ask("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", acme, authority).state
        == VerdictState.UNKNOWN
    )
