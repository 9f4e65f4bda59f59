"""Files that are a key or hold keys: DER, PKCS#12, Java key stores, KeePass, and files whose whole content is a value.

A key in DER becomes the PEM text that the rules know. A store is opened with no password or with one that everybody
tries first, and only where its own parameters make that cheap: the number of iterations is read from a strict
parse of exactly the bytes that are decrypted. A store that stays closed is reported as what it is, by its digest;
one that holds certificates only is nothing.
"""

from __future__ import annotations

import hashlib
import io
import re
from base64 import encodebytes
from collections.abc import Iterator
from typing import Any

from detector.containers.contract import Member

MAX_KEY = 32 << 10
"""Bytes of the longest key in DER that is read."""

MAX_STORE = 4 << 20
"""Bytes of the largest key store that is read."""

MAX_ITERATIONS = 20_000
"""Rounds of key derivation above which no password is tried."""

LOCKED = "ENCRYPTED PRIVATE KEY"
"""The label of a key in PEM that needs a password."""

MAX_TRIED = 8
"""Keys of one store for which passwords are tried."""

GUESSES = (b"", b"changeit", b"password", b"changeme", b"secret", b"123456", b"test", b"admin", b"keystore", b"android")
"""Passwords that everybody tries first."""

_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
_KEEPASS = (
    b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5",
    b"\x03\xd9\xa2\x9a\x66\xfb\x4b\xb5",
    b"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5",
)
FIRST_BYTES = frozenset({0x30, *(magic[0] for magic in (*_JAVA, *_KEEPASS))})
"""The first bytes of all kinds of this module that are recognised by content."""

_BAG = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"
_PBES2, _PBKDF2 = bytes.fromhex("2a864886f70d01050d"), bytes.fromhex("2a864886f70d01050c")
_PKCS12_PBE = bytes.fromhex("2a864886f70d010c01")
_BARE_NAME = re.compile(
    r"(?:^|/)(?:master\.key|config/credentials/[\w.-]+\.key|\.?vault[-_]?pass(?:word)?(?:[-_.]file)?(?:\.txt)?"
    r"|\.?ansible[-_]vault(?:[-_]pass(?:word)?)?|secret[-_]key(?:[-_]base)?(?:\.txt)?|\.erlang\.cookie"
    r"|\.?(?:db|database|root|admin|api|auth|mysql|postgres|redis|rabbitmq)[-_](?:password|passwd|token|secret|key)(?:\.txt)?)$"
)
_BARE = re.compile(rb"\s*([\x21-\x7e]{8,200})\s*\Z")


def detect_key_file(data: bytes) -> str:
    """Return the kind of key file that *data* is, judging by its first bytes; "" if it is none."""
    if data[:4] in _JAVA or data[:8] in _KEEPASS:
        return "key store"
    if data[:1] != b"0":
        return ""
    body = _read_tlv(data, 0, 0x30)
    if body is None or len(data) - body[1] > 2:
        return ""
    start = body[0]
    if data[start : start + 4] == b"\x02\x01\x03\x30":
        return "PKCS#12" if len(data) <= MAX_STORE else ""
    return "DER key" if len(data) <= MAX_KEY and _name_key(data, start) else ""


def is_bare_secret(path: str, data: bytes) -> bool:
    """Return whether the whole content of *path* is the value that its name announces.

    >>> is_bare_secret("config/master.key", b"0f" * 16), is_bare_secret("master.key.md", b"0f" * 16)
    (True, False)
    """
    return len(data) <= 256 and bool(_BARE_NAME.search(path)) and bool(_BARE.match(data))


def read_der_key(file: Any) -> Iterator[Member]:
    """Read a private key in DER as PEM."""
    data = file.read(MAX_KEY)
    body = _read_tlv(data, 0, 0x30)
    if body and (label := _name_key(data, body[0])):
        der = data[: body[1]]
        opened = _decrypt(der) if label == LOCKED else None
        yield _armour(opened or der, "PRIVATE KEY" if opened else label)


def read_pkcs12(file: Any) -> Iterator[Member]:
    """Read the private keys of a PKCS#12 store, opened if possible."""
    data = file.read(MAX_STORE)
    is_locked = False
    at = data.find(_BAG)
    tried = 0
    while at >= 0:
        kind = data[at + len(_BAG) : at + len(_BAG) + 1]
        wrapped = _read_tlv(data, at + len(_BAG) + 1, 0xA0)
        key = wrapped and _read_tlv(data, wrapped[0], 0x30)
        if wrapped and key and kind in (b"\1", b"\2"):
            der = data[wrapped[0] : key[1]]
            opened = der if kind == b"\1" else _decrypt(der) if tried < MAX_TRIED else None
            tried += kind == b"\2"
            is_locked |= opened is None
            if opened is not None:
                yield _armour(opened, "PRIVATE KEY")
        at = data.find(_BAG, at + 1)
    if is_locked:
        yield _describe_store(data, "PKCS#12")


def read_key_store(file: Any) -> Iterator[Member]:
    """Tell a Java key store that holds private or secret keys, or a KeePass database."""
    data = file.read(MAX_STORE)
    if data[:8] in _KEEPASS:
        yield _describe_store(data, "KeePass")
    elif _holds_java_keys(data):
        yield _describe_store(data, "Java", is_open=_opens_by_guess(data))


def read_bare_secret(file: Any) -> Iterator[Member]:
    """Read a file whose whole content is a value, under a name that says so."""
    found = _BARE.match(file.read(256))
    if found:
        yield Member("", io.BytesIO(b"BARE SECRET " + found[1] + b" END\n"))


def _armour(der: bytes, label: str) -> Member:
    text = f"-----BEGIN {label}-----\n{encodebytes(der).decode()}-----END {label}-----\n"
    return Member("", io.BytesIO(text.encode()))


def _describe_store(data: bytes, kind: str, *, is_open: bool = False) -> Member:
    opened = "OPEN " if is_open else ""
    digest = hashlib.sha256(data).hexdigest()
    return Member("", io.BytesIO(f"{opened}KEY STORE {kind} SHA-256: {digest}\n".encode()))


def _read_tlv(data: bytes, at: int, tag: int) -> tuple[int, int] | None:
    """Return where the content of the DER element at *at* begins and ends; None if it has another tag or is cut."""
    if data[at : at + 1] != bytes([tag]) or at + 2 > len(data):
        return None
    size, start = data[at + 1], at + 2
    if size >= 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4:
            return None
        size, start = int.from_bytes(data[start : start + count], "big"), start + count
    return (start, start + size) if start + size <= len(data) else None


def _name_key(data: bytes, start: int) -> str:
    """Return the label of the PEM text of a key whose outermost sequence begins at *start*; "" if it is no key."""
    head = data[start : start + 4]
    if head[:3] == b"\x02\x01\x00":
        if head[3:4] == b"\x02":
            return "RSA PRIVATE KEY"
        algorithm = _read_tlv(data, start + 3, 0x30)
        is_named = algorithm and data[algorithm[0] : algorithm[0] + 1] == b"\x06"
        return "PRIVATE KEY" if algorithm and is_named and data[algorithm[1] : algorithm[1] + 1] == b"\x04" else ""
    if head == b"\x02\x01\x01\x04":
        return "EC PRIVATE KEY"
    algorithm = _read_tlv(data, start, 0x30)
    return LOCKED if algorithm and _count_iterations(data, algorithm[0]) is not None else ""


def _count_iterations(data: bytes, at: int) -> int | None:
    """Return the rounds of the key derivation whose algorithm is named at *at*; None where it is none that is known."""
    oid = _read_tlv(data, at, 6)
    if oid is None:
        return None
    name, parameters = data[oid[0] : oid[1]], _read_tlv(data, oid[1], 0x30)
    if parameters is None:
        return None
    if name == _PBES2:
        derivation = _read_tlv(data, parameters[0], 0x30)
        inner = derivation and _read_tlv(data, derivation[0], 6)
        if not inner or data[inner[0] : inner[1]] != _PBKDF2:
            return MAX_ITERATIONS + 1
        parameters = _read_tlv(data, inner[1], 0x30)
    elif not name.startswith(_PKCS12_PBE):
        return None
    salt = parameters and _read_tlv(data, parameters[0], 4)
    number = salt and _read_tlv(data, salt[1], 2)
    return int.from_bytes(data[number[0] : number[1]], "big") if number else MAX_ITERATIONS + 1


def _decrypt(der: bytes) -> bytes | None:
    """Return the key in PKCS#8 if it opens with one of `GUESSES` and trying them is cheap."""
    outer = _read_tlv(der, 0, 0x30)
    algorithm = outer and _read_tlv(der, outer[0], 0x30)
    rounds = _count_iterations(der, algorithm[0]) if algorithm else None
    if rounds is None or rounds > MAX_ITERATIONS:
        return None
    from cryptography.hazmat.primitives import serialization

    for guess in GUESSES[1:]:
        try:
            key = serialization.load_der_private_key(der, guess)
        except Exception:  # noqa: S112 - the library raises many types for a wrong password and for damage
            continue
        return key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return None


def _holds_java_keys(data: bytes) -> bool:
    """Return whether a Java key store holds more than certificates; they are in clear in front of its digest."""
    count = int.from_bytes(data[8:12], "big")
    at = 12
    for _ in range(min(count, 10_000)):
        if data[at : at + 4] != b"\0\0\0\2":
            return data[at : at + 4] in (b"\0\0\0\1", b"\0\0\0\3")
        at += 4
        at += 2 + int.from_bytes(data[at : at + 2], "big") + 8
        at += 2 + int.from_bytes(data[at : at + 2], "big")
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return False


def _opens_by_guess(data: bytes) -> bool:
    """Return whether the digest of a Java store was made with one of `GUESSES`."""
    body, digest = data[:-20], data[-20:]
    for guess in GUESSES:
        start = hashlib.sha1(guess.decode().encode("utf-16-be") + b"Mighty Aphrodite", usedforsecurity=False)
        start.update(body)
        if start.digest() == digest:
            return True
    return False
