"""Certificates and public keys that lie around a private key, in its working tree or its commit.

They say what the key is for. Only files whose names promise one are read, and
not without bounds.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector.errors import SourceError

NAMES = re.compile(r"\.(?:pem|crt|cer|cert|pub|der)$|(?:^|/)authorized_keys2?$|(?:^|/)[\w.-]*chain[\w.-]*$", re.I)
MOST_FILES = 500
MOST_BYTES = 1 << 20
MOST_FOLDERS = 5000
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{64,20000}-----END CERTIFICATE-----")
_PUBLIC = re.compile(rb"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{32,8000}-----END PUBLIC KEY-----")
_SSH = re.compile(rb"\b((?:ssh|ecdsa|sk-ssh)-[a-z0-9@.-]{3,40}) (AAAA[A-Za-z0-9+/=]{40,4000})(?: ([^\r\n]{1,120}))?")


class Half(NamedTuple):
    """A public half: its fingerprint as the offline checks write it, what it is, until when it is valid."""

    fingerprint: str
    what: str
    until: str = ""


def halves(repositories: Iterable[str]) -> Iterator[Half]:
    """Yield the public halves in the working trees and at the heads of *repositories*."""
    for place in repositories or ("",):
        for data in (*_from_folder(place or "."), *_from_head(place or ".")):
            yield from _halves_in(data)


def _halves_in(data: bytes) -> Iterator[Half]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    for found in _CERTIFICATE.finditer(data):
        try:
            certificate = x509.load_pem_x509_certificate(found[0])
            spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            until = certificate.not_valid_after_utc.isoformat(timespec="seconds")
            yield Half(_fingerprint(spki), f"the certificate of {certificate.subject.rfc4514_string()[:120]}", until)
        except Exception:  # noqa: S112 - whatever is wrong with a certificate, the next one may fit
            continue
    for found in _PUBLIC.finditer(data):
        try:
            spki = load_pem_public_key(found[0]).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            yield Half(_fingerprint(spki), "a public key in the same place")
        except Exception:  # noqa: S112 - as above
            continue
    for found in _SSH.finditer(data):
        try:
            wire = base64.b64decode(found[2], validate=True)
        except ValueError:
            continue
        yield Half(
            _fingerprint(wire), f"the SSH public key {(found[3] or b'').decode('utf-8', 'replace').strip()}".strip()
        )


def _fingerprint(public: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def _from_folder(place: str) -> Iterator[bytes]:
    top = place if os.path.isdir(place) else os.path.dirname(place) or "."
    folders = files = 0
    for folder, inner, names in os.walk(top):
        inner[:] = [name for name in inner if name != ".git"]
        folders += 1
        for name in names:
            path = os.path.join(folder, name)
            if not NAMES.search(name) or os.path.islink(path) or not os.path.isfile(path):
                continue
            files += 1
            try:
                with open(path, "rb") as file:
                    yield file.read(MOST_BYTES)
            except OSError:
                continue
        if folders > MOST_FOLDERS or files > MOST_FILES:
            return


def _from_head(place: str) -> Iterator[bytes]:
    from detector.git.objects import cat_file
    from detector.git.refs import read_head
    from detector.git.repository import discover
    from detector.git.safe_git import run_safe_git

    try:
        repository = discover(place)
        tip = read_head(repository)
        listed = run_safe_git(repository, "ls-tree", "-r", "-z", tip) if tip else b""
    except (SourceError, OSError):
        return
    ids = []
    for entry in listed.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        if NAMES.search(path.decode("utf-8", "replace")) and len(about.split()) == 3:
            ids.append(about.split()[2].decode())
    for _, _, data in cat_file(repository, ids[:MOST_FILES]):
        if data:
            yield data[:MOST_BYTES]
