"""Private keys, read far enough to say what they are and whether they are locked.

Key files travel inside JSON, YAML, shell and source, so the text is first
brought back to lines. `cryptography` is imported only when a key is at hand.
Encrypted keys are proven by their structure; their public half, where it is
readable, gives a fingerprint to compare with servers and certificates.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from detector.engine.checks.proof import SILENT, WRONG, Check, Proof, unbase64

_ARMOUR = re.compile(rb"-----BEGIN ([A-Z0-9 ]+?)-----(.+?)-----END \1-----", re.DOTALL)
_MARGIN = re.compile(rb"""^\s*["'`][\s+.,;\\]*$|^[\s"'`#*|>,]*(?:[+.][\s]*["'`])?|["'`][\s,;+.]*$|[\s\\]+$""")
_OPENSSH = b"openssh-key-v1\0"
_PLAIN, _LOCKED = ("encrypted", "no"), ("encrypted", "yes")

_MAX_RSA = 16_384
"""Bits of the longest RSA key that is looked into."""

Facts = tuple[tuple[str, str], ...]


def _lines(text: bytes) -> list[bytes]:
    """Undo what carrying a key in a string literal or a list does to its lines."""
    return [_MARGIN.sub(b"", line) for line in re.sub(rb"\\+[rn]|[\r\n]", b"\n", text).split(b"\n")]


def _body(lines: list[bytes]) -> tuple[dict[str, str], bytes | None]:
    """Split armour into headers and decoded bytes."""
    headers: dict[str, str] = {}
    coded = []
    for line in lines:
        name, colon, value = line.partition(b": ")
        if colon:
            headers[name.decode("latin-1")] = value.decode("latin-1").strip()
        else:
            coded.append(line.replace(b" ", b""))
    return headers, unbase64(b"".join(coded))


def _pem(secret: bytes) -> Proof:
    found = _ARMOUR.search(secret)
    if not found:
        return SILENT
    label = found[1]
    lines = _lines(found[2])
    if label == b"PGP PRIVATE KEY BLOCK":
        return _pgp(lines)
    headers, data = _body(lines)
    if not data:
        return WRONG
    if label == b"OPENSSH PRIVATE KEY" or data.startswith(_OPENSSH):  # mislabelled keys work all the same
        return _openssh(data)
    if label.startswith(b"SSH2"):
        return Proof(True, (("type", "SSH.com"),)) if data.startswith(b"\x3f\x6f\xf9\xeb") else WRONG
    if "ENCRYPTED" in headers.get("Proc-Type", ""):
        return Proof(True, (("type", label.decode().removesuffix(" PRIVATE KEY")), _LOCKED))
    if not _whole_der(data):
        return WRONG
    if label == b"ENCRYPTED PRIVATE KEY":
        return Proof(True, (_LOCKED,))
    return _der(data)


def _whole_der(data: bytes) -> bool:
    """Say whether *data* is one DER sequence, complete and without a tail."""
    if len(data) < 4 or data[0] != 0x30:
        return False
    size, head = data[1], 2
    if size & 0x80:
        head += size & 0x7F
        size = int.from_bytes(data[2:head], "big")
    return head + size == len(data)


def _der(data: bytes) -> Proof:
    import warnings

    from cryptography.hazmat.primitives.serialization import load_der_private_key

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a type is going out of use concerns its owner, not this process
        try:
            key = load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)
            if not _fits(key):
                return Proof(None, (_PLAIN,))
        except Exception:  # a curve or type that the library does not know
            return Proof(None, (_PLAIN,))
        return Proof(True, (*_described(key), _PLAIN))


def _fits(key: object) -> bool:
    """Tell whether the numbers of an RSA key belong together; other kinds were checked as they were read.

    The library would try whether its factors are prime as well, which takes a
    hundred times as long as all the rest and tells a sample from a key no better.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(key, RSAPrivateKey):
        return True
    if key.key_size > _MAX_RSA:
        return False
    of = key.private_numbers()
    p, q, n, e, d = of.p, of.q, of.public_numbers.n, of.public_numbers.e, of.d
    if min(p, q) < 3 or p * q != n:
        return False
    halves = of.dmp1 == d % (p - 1) and of.dmq1 == d % (q - 1) and of.iqmp * q % p == 1
    return halves and e * d % (p - 1) == 1 == e * d % (q - 1)


def _described(key: object) -> Facts:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    name = type(key).__name__.strip("_").removesuffix("PrivateKey").removeprefix("EllipticCurve") or "EC"
    curve = getattr(getattr(key, "curve", None), "name", "")
    size = getattr(key, "key_size", 0)
    kind = f"EC {curve}" if curve else f"{name} {size}" if size else name
    public = key.public_key()  # type: ignore[attr-defined]
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    facts = [("type", kind), ("public key (SPKI)", _fingerprint(spki))]
    try:
        wire = unbase64(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
    except Exception:  # not every type can be an SSH key
        wire = None
    if wire:
        facts.append(("public key (SSH)", _fingerprint(wire)))
    return tuple(facts)


def _fingerprint(public: bytes) -> str:
    import hashlib
    from base64 import b64encode

    return "SHA256:" + b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


# -- OpenSSH -----------------------------------------------------------------------


def _strings(data: bytes, at: int = 0) -> Iterator[bytes]:
    """Yield length-prefixed strings until the data ends; a torn one ends it too."""
    while at + 4 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        at += 4 + size
        if at > len(data):
            return
        yield data[at - size : at]


def _openssh(data: bytes) -> Proof:
    if not data.startswith(_OPENSSH):
        return WRONG
    head = list(_strings(data, len(_OPENSSH)))[:3]
    if len(head) < 3:
        return WRONG
    at = len(_OPENSSH) + sum(4 + len(part) for part in head) + 4
    blobs = list(_strings(data, at))
    if len(blobs) < 2:
        return WRONG
    public, private = blobs[0], blobs[1]
    kind = next(_strings(public), b"").decode("latin-1")
    facts = (("type", kind), ("public key (SSH)", _fingerprint(public)))
    if head[0] != b"none":
        return Proof(True, (*facts, _LOCKED))
    if len(private) < 8 or private[:4] != private[4:8]:
        return WRONG
    return Proof(True, (*facts, _PLAIN))


# -- PuTTY --------------------------------------------------------------------------


def _putty(secret: bytes) -> Proof:
    """Without a passphrase the MAC can be computed again."""
    import hashlib
    import hmac

    lines = [line for line in _lines(secret) if line]
    fields: dict[bytes, bytes] = {}
    at = 0
    while at < len(lines):
        name, _, value = lines[at].partition(b": ")
        at += 1
        if name.endswith(b"-Lines") and value.isdigit() and int(value) <= len(lines):
            fields[name] = b"".join(lines[at : at + int(value)])
            at += int(value)
        else:
            fields[name] = value
    version = next((name[-1:] for name in fields if name.startswith(b"PuTTY-User-Key-File-")), b"")
    kind = fields.get(b"PuTTY-User-Key-File-" + version, b"")
    public, private = unbase64(fields.get(b"Public-Lines", b"")), unbase64(fields.get(b"Private-Lines", b""))
    if not public or not private or not kind:
        return WRONG
    facts = (("type", kind.decode("latin-1")), ("public key (SSH)", _fingerprint(public)))
    cipher = fields.get(b"Encryption", b"")
    if cipher != b"none":
        return Proof(True, (*facts, _LOCKED))
    signed = b"".join(
        struct.pack(">I", len(part)) + part for part in (kind, cipher, fields.get(b"Comment", b""), public, private)
    )
    if version == b"3":
        mac = hmac.digest(b"", signed, "sha256")
    else:
        mac = hmac.digest(hashlib.sha1(b"putty-private-key-file-mac-key").digest(), signed, "sha1")  # noqa: S324
    right = mac.hex().encode() == fields.get(b"Private-MAC", b"").lower()
    return Proof(True, (*facts, _PLAIN)) if right else Proof(None, (*facts, _PLAIN))


# -- OpenPGP --------------------------------------------------------------------------

_PGP_TYPES = {1: "RSA", 2: "RSA", 3: "RSA", 16: "ElGamal", 17: "DSA", 18: "ECDH", 19: "ECDSA", 22: "EdDSA",
              25: "X25519", 27: "Ed25519"}  # fmt: skip
_PGP_NUMBERS = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4}


def _pgp(lines: list[bytes]) -> Proof:
    crc = next((line for line in reversed(lines) if len(line) == 5 and line.startswith(b"=")), b"")
    _headers, data = _body([line for line in lines if line != crc])
    if not data or not data[0] & 0x80:
        return WRONG
    if data[0] & 0x40:
        tag, at = data[0] & 0x3F, 2 if data[1] < 192 else 3 if data[1] < 224 else 6
    else:
        tag, at = data[0] >> 2 & 15, 1 + (1, 2, 4, 0)[data[0] & 3]
    if tag != 5 or len(data) < at + 8:
        return WRONG
    kind = data[at + 5]
    facts = [("type", f"OpenPGP {_PGP_TYPES.get(kind, '')}".strip())]
    usage = _pgp_usage(data, at, kind)
    if usage is not None:
        facts.append(_LOCKED if usage else _PLAIN)
    return Proof(True, tuple(facts))


def _pgp_usage(data: bytes, at: int, kind: int) -> int | None:
    """Return the byte behind the public half that says how the secret half is locked."""
    if data[at] != 4:
        return None
    at += 6
    try:
        if kind in (18, 19, 22):
            at += 1 + data[at]
        elif kind in (25, 27):
            return data[at + 32]
        for _ in range(_PGP_NUMBERS.get(kind, 1)):
            at += 2 + (int.from_bytes(data[at : at + 2], "big") + 7) // 8
        if kind == 18:
            at += 1 + data[at]
        return data[at]
    except IndexError:
        return None


KEYS: dict[str, Check] = {
    "private-key": Check(
        _pem, "it parses as a private key", "it does not parse: cut, changed or a sample", None, structured=True
    ),
    "putty-key": Check(_putty, "it parses and its MAC is right", "it does not parse", None, structured=True),
}
