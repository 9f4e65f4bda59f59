"""Certificates and public keys that fit a private key: they say what the key is for."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{64,20000}-----END CERTIFICATE-----")
_PUBLIC = re.compile(rb"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{32,8000}-----END PUBLIC KEY-----")
_SSH = re.compile(rb"\b((?:ssh|ecdsa|sk-ssh)-[a-z0-9@.-]{3,40}) (AAAA[A-Za-z0-9+/=]{40,4000})(?: ([^\r\n]{1,120}))?")


class PublicHalf(NamedTuple):
    """The public half of a key: its fingerprint as the offline checks write it, what it is, until when it is valid."""

    fingerprint: str
    what: str
    until: str = ""


def find_public_halves(files: Iterable[bytes]) -> Iterator[PublicHalf]:
    """Yield the public halves in the contents of *files*."""
    for data in files:
        yield from _find_in(data)


def _find_in(data: bytes) -> Iterator[PublicHalf]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    for found in _CERTIFICATE.finditer(data):
        try:
            certificate = x509.load_pem_x509_certificate(found[0])
            spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            until = certificate.not_valid_after_utc.isoformat(timespec="seconds")
            yield PublicHalf(
                _fingerprint(spki), f"the certificate of {certificate.subject.rfc4514_string()[:120]}", until
            )
        except Exception:  # noqa: S112 - whatever is wrong with a certificate, the next one may fit
            continue
    for found in _PUBLIC.finditer(data):
        try:
            spki = load_pem_public_key(found[0]).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            yield PublicHalf(_fingerprint(spki), "a public key in the same place")
        except Exception:  # noqa: S112 - as above
            continue
    for found in _SSH.finditer(data):
        try:
            blob = base64.b64decode(found[2], validate=True)
        except ValueError:
            continue
        yield PublicHalf(
            _fingerprint(blob), f"the SSH public key {(found[3] or b'').decode('utf-8', 'replace').strip()}".strip()
        )


def _fingerprint(public: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")
