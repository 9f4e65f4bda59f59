"""Tokens that carry their own proof, against an issuer that publishes its keys."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from detector.engine.checks.result import encode_base64url
from detector.model import Verdict, VerdictState
from detector.probes.core.contract import ProbeSettings
from tests.detector.probes.conftest import finding, verdict
from tests.fakes.provider import Authority, Heard, Provider, Say, client_to

ISSUER = "https://acme.auth0.com"


def number(value: int) -> str:
    return encode_base64url(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


class Signer:
    """A key pair that signs tokens and publishes its half."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._key: Any
        if algorithm == "EdDSA":
            self._key = ed25519.Ed25519PrivateKey.generate()
            self.jwk = {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": encode_base64url(self._key.public_key().public_bytes_raw()).decode(),
            }
        elif algorithm.startswith("ES"):
            self._key = ec.generate_private_key(ec.SECP256R1())
            point = self._key.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": "P-256", "x": number(point.x), "y": number(point.y)}
        else:
            self._key = rsa.generate_private_key(65537, 2048)
            numbers = self._key.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        self.jwk["kid"] = "k1"

    def token(self, **claims: Any) -> str:
        claims = {"iss": ISSUER, "sub": "ada", "exp": int(time.time()) + 600} | claims
        head = {"alg": self.algorithm, "kid": "k1"}
        signed = b".".join(encode_base64url(json.dumps(part).encode()) for part in (head, claims))
        return (signed + b"." + encode_base64url(self._sign(signed))).decode()

    def _sign(self, signed: bytes) -> bytes:
        digest = hashes.SHA256()
        if self.algorithm == "EdDSA":
            return self._key.sign(signed)
        if self.algorithm.startswith("ES"):
            r, s = utils.decode_dss_signature(self._key.sign(signed, ec.ECDSA(digest)))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.algorithm.startswith("PS"):
            return self._key.sign(signed, padding.PSS(padding.MGF1(digest), 32), digest)
        return self._key.sign(signed, padding.PKCS1v15(), digest)


def publishes(signer: Signer, jwks_uri: str = f"{ISSUER}/keys"):
    def answer(heard: Heard) -> Say:
        if heard.target == "/.well-known/openid-configuration":
            return Say(200, {"jwks_uri": jwks_uri})
        return Say(200, {"keys": [{"kid": "other", "kty": "RSA"}, signer.jwk]})

    return answer


def ask(token: str, acme: Provider, authority: Authority, settings: ProbeSettings | None = None) -> Verdict:
    return verdict(
        finding("jwt.token", token), client=lambda: client_to(acme, authority, settings or ProbeSettings(timeout=60))
    )


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_the_issuers_signature_makes_it_live(algorithm: str, acme: Provider, authority: Authority) -> None:
    signer, stranger = Signer(algorithm), Signer(algorithm)
    acme.answer = publishes(signer)
    told = ask(signer.token(), acme, authority)
    assert (told.state, told.owner) == (VerdictState.LIVE, "ada"), told
    assert ask(stranger.token(), acme, authority).state == VerdictState.DEAD
    sent = " ".join(f"{heard.target} {heard.headers} {heard.body!r}" for heard in acme.heard)
    assert signer.token()[:40] not in sent


def test_an_expired_one_is_dead_and_nobody_is_asked(acme: Provider, authority: Authority) -> None:
    assert ask(Signer("ES256").token(exp=int(time.time()) - 5), acme, authority).state == VerdictState.DEAD
    assert not acme.heard


def test_a_key_for_another_algorithm_fits_nothing(acme: Provider, authority: Authority) -> None:
    """It does not let a public RSA key serve as a shared secret, nor one kind of key as another."""
    signer = Signer("ES256")
    acme.answer = publishes(Signer("RS256"))
    assert ask(signer.token(), acme, authority).state == VerdictState.DEAD
    signer.algorithm = "HS256"
    signer._sign = lambda signed: b"x" * 32  # type: ignore[method-assign]
    assert ask(signer.token(), acme, authority).state == VerdictState.UNKNOWN


@pytest.mark.parametrize(
    ("issuer", "settings", "asked"),
    [
        ("https://evil.test", ProbeSettings(), False),
        ("https://evil.test", ProbeSettings(hosts=("evil.test",)), True),
        ("http://acme.auth0.com", ProbeSettings(), False),
        ("https://127.0.0.1", ProbeSettings(hosts=("*",)), False),
        ("acme", ProbeSettings(), False),
    ],
)
def test_only_named_issuers_are_asked(
    issuer: str, settings: ProbeSettings, asked: bool, acme: Provider, authority: Authority
) -> None:
    told = ask(Signer("ES256").token(iss=issuer), acme, authority, settings)
    assert bool(acme.heard) is asked and told.state == VerdictState.UNKNOWN


def test_keys_at_a_foreign_host_are_not_fetched(acme: Provider, authority: Authority) -> None:
    signer = Signer("ES256")
    acme.answer = publishes(signer, "https://evil.test/keys")
    assert ask(signer.token(), acme, authority).state == VerdictState.UNKNOWN
    assert {heard.host for heard in acme.heard} == {"acme.auth0.com"}
