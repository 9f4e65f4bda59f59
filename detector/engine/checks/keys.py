"""Private keys: their type, their fingerprint, and whether they have a passphrase.

Keys are embedded in JSON, YAML, shell and source code, so the text is first
restored to lines. `cryptography` is imported only when a key was found.
Encrypted keys are checked by their structure; their public half, if it is
readable, gives a fingerprint to compare with servers and certificates.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from detector.engine.checks.result import INVALID, UNDECIDED, Check, CheckResult, decode_base64

_ARMOUR = re.compile(rb"-----BEGIN ([A-Z0-9 ]+?)-----(.+?)-----END \1-----", re.DOTALL)
_MARGIN = re.compile(rb"""^\s*["'`][\s+.,;\\]*$|^[\s"'`#*|>,]*(?:[+.][\s]*["'`])?|["'`][\s,;+.]*$|[\s\\]+$""")
_OPENSSH = b"openssh-key-v1\0"
_PLAIN, _LOCKED = ("encrypted", "no"), ("encrypted", "yes")

_MAX_RSA = 16_384
"""Bits of the longest RSA key that is checked."""

Facts = tuple[tuple[str, str], ...]


def _split_lines(text: bytes) -> list[bytes]:
    """Return the lines of a key without the quotes, escapes and margins around them."""
    return [_MARGIN.sub(b"", line) for line in re.sub(rb"\\+[rn]|[\r\n]", b"\n", text).split(b"\n")]


def _split_body(lines: list[bytes]) -> tuple[dict[str, str], bytes | None]:
    """Split the body of an armoured key into headers and decoded bytes."""
    headers: dict[str, str] = {}
    coded = []
    for line in lines:
        name, colon, value = line.partition(b": ")
        if colon:
            headers[name.decode("latin-1")] = value.decode("latin-1").strip()
        else:
            coded.append(line.replace(b" ", b""))
    return headers, decode_base64(b"".join(coded))


def _check_pem(secret: bytes) -> CheckResult:
    found = _ARMOUR.search(secret)
    if not found:
        return UNDECIDED
    label = found[1]
    lines = _split_lines(found[2])
    if label == b"PGP PRIVATE KEY BLOCK":
        return _check_pgp(lines)
    headers, data = _split_body(lines)
    if not data:
        return INVALID
    if label == b"OPENSSH PRIVATE KEY" or data.startswith(_OPENSSH):  # mislabelled keys work as well
        return _check_openssh(data)
    if label.startswith(b"SSH2"):
        return CheckResult(True, (("type", "SSH.com"),)) if data.startswith(b"\x3f\x6f\xf9\xeb") else INVALID
    if "ENCRYPTED" in headers.get("Proc-Type", ""):
        return CheckResult(True, (("type", label.decode().removesuffix(" PRIVATE KEY")), _LOCKED))
    if not _is_one_der_sequence(data):
        return INVALID
    if label == b"ENCRYPTED PRIVATE KEY":
        return CheckResult(True, (_LOCKED,))
    return _check_der(data)


def _is_one_der_sequence(data: bytes) -> bool:
    """Return whether *data* is exactly one complete DER sequence."""
    if len(data) < 4 or data[0] != 0x30:
        return False
    size, head = data[1], 2
    if size & 0x80:
        head += size & 0x7F
        size = int.from_bytes(data[2:head], "big")
    return head + size == len(data)


def _check_der(data: bytes) -> CheckResult:
    import warnings

    from cryptography.hazmat.primitives.serialization import load_der_private_key

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about deprecated types are of no use here
        try:
            key = load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)
            if not _is_consistent(key):
                return CheckResult(None, (_PLAIN,))
        except Exception:  # a curve or type that the library does not know
            return CheckResult(None, (_PLAIN,))
        return CheckResult(True, (*_describe_key(key), _PLAIN))


def _is_consistent(key: object) -> bool:
    """Return whether the numbers of an RSA key are consistent; keys of other types were checked on reading.

    The library would also test whether the factors are prime, which takes a hundred
    times as long as all the rest and detects no more samples.
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


def _describe_key(key: object) -> Facts:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    name = type(key).__name__.strip("_").removesuffix("PrivateKey").removeprefix("EllipticCurve") or "EC"
    curve = getattr(getattr(key, "curve", None), "name", "")
    size = getattr(key, "key_size", 0)
    kind = f"EC {curve}" if curve else f"{name} {size}" if size else name
    public = key.public_key()  # type: ignore[attr-defined]
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    facts = [("type", kind), ("public key (SPKI)", _compute_fingerprint(spki))]
    try:
        wire = decode_base64(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
    except Exception:  # not every type can be an SSH key
        wire = None
    if wire:
        facts.append(("public key (SSH)", _compute_fingerprint(wire)))
    return tuple(facts)


def _compute_fingerprint(public: bytes) -> str:
    import hashlib
    from base64 import b64encode

    return "SHA256:" + b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


# -- OpenSSH -----------------------------------------------------------------------


def _read_strings(data: bytes, at: int = 0) -> Iterator[bytes]:
    """Yield length-prefixed strings up to the end of the data or a truncated one."""
    while at + 4 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        at += 4 + size
        if at > len(data):
            return
        yield data[at - size : at]


def _check_openssh(data: bytes) -> CheckResult:
    if not data.startswith(_OPENSSH):
        return INVALID
    head = list(_read_strings(data, len(_OPENSSH)))[:3]
    if len(head) < 3:
        return INVALID
    at = len(_OPENSSH) + sum(4 + len(part) for part in head) + 4
    blobs = list(_read_strings(data, at))
    if len(blobs) < 2:
        return INVALID
    public, private = blobs[0], blobs[1]
    kind = next(_read_strings(public), b"").decode("latin-1")
    facts = (("type", kind), ("public key (SSH)", _compute_fingerprint(public)))
    if head[0] != b"none":
        return CheckResult(True, (*facts, _LOCKED))
    if len(private) < 8 or private[:4] != private[4:8]:
        return INVALID
    return CheckResult(True, (*facts, _PLAIN))


# -- PuTTY --------------------------------------------------------------------------


def _check_putty(secret: bytes) -> CheckResult:
    """Check the MAC, which needs no passphrase if the key has none."""
    import hashlib
    import hmac

    lines = [line for line in _split_lines(secret) if line]
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
    public, private = decode_base64(fields.get(b"Public-Lines", b"")), decode_base64(fields.get(b"Private-Lines", b""))
    if not public or not private or not kind:
        return INVALID
    facts = (("type", kind.decode("latin-1")), ("public key (SSH)", _compute_fingerprint(public)))
    cipher = fields.get(b"Encryption", b"")
    if cipher != b"none":
        return CheckResult(True, (*facts, _LOCKED))
    signed = b"".join(
        struct.pack(">I", len(part)) + part for part in (kind, cipher, fields.get(b"Comment", b""), public, private)
    )
    if version == b"3":
        mac = hmac.digest(b"", signed, "sha256")
    else:
        mac = hmac.digest(hashlib.sha1(b"putty-private-key-file-mac-key").digest(), signed, "sha1")  # noqa: S324
    right = mac.hex().encode() == fields.get(b"Private-MAC", b"").lower()
    return CheckResult(True, (*facts, _PLAIN)) if right else CheckResult(None, (*facts, _PLAIN))


# -- OpenPGP --------------------------------------------------------------------------

_PGP_TYPES = {1: "RSA", 2: "RSA", 3: "RSA", 16: "ElGamal", 17: "DSA", 18: "ECDH", 19: "ECDSA", 22: "EdDSA",
              25: "X25519", 27: "Ed25519"}  # fmt: skip
_PGP_NUMBERS = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4}


def _check_pgp(lines: list[bytes]) -> CheckResult:
    crc = next((line for line in reversed(lines) if len(line) == 5 and line.startswith(b"=")), b"")
    _headers, data = _split_body([line for line in lines if line != crc])
    if not data or not data[0] & 0x80:
        return INVALID
    if data[0] & 0x40:
        tag, at = data[0] & 0x3F, 2 if data[1] < 192 else 3 if data[1] < 224 else 6
    else:
        tag, at = data[0] >> 2 & 15, 1 + (1, 2, 4, 0)[data[0] & 3]
    if tag != 5 or len(data) < at + 8:
        return INVALID
    kind = data[at + 5]
    facts = [("type", f"OpenPGP {_PGP_TYPES.get(kind, '')}".strip())]
    usage = _read_pgp_usage(data, at, kind)
    if usage is not None:
        facts.append(_LOCKED if usage else _PLAIN)
    return CheckResult(True, tuple(facts))


def _read_pgp_usage(data: bytes, at: int, kind: int) -> int | None:
    """Return the byte after the public half that says how the secret half is encrypted, None if there is none."""
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
        _check_pem, "key parses", "key does not parse: truncated, changed or a sample", None, structured=True
    ),
    "putty-key": Check(_check_putty, "key parses and its MAC is valid", "key does not parse", None, structured=True),
}
