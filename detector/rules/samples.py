"""Samples with a structure: keys, JWTs, macaroons, JSON bodies.

`shapes.expand` draws characters; samples that must parse are made here from the
same seeded random source, so that they are equal everywhere and nobody's credentials.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import struct
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

from detector.engine.checks.azure import SIGNATURES
from detector.engine.checks.result import encode_base64url

Generator = Callable[[str, str, random.Random], str]
"""Takes the argument, the text so far and a random source; returns the text to append."""


def _parse_options(argument: str) -> dict[str, Any]:
    """Parse ``name=value;name=value``; digits become numbers."""
    pairs = (part.partition("=") for part in argument.split(";") if part)
    return {name: int(value) if value.isdigit() else value for name, _, value in pairs}


# -- tokens --------------------------------------------------------------------


def _make_jwt(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{jwt:HS256}`, `{jwt:RS256;iss=https://issuer.test;exp=1900000000}`."""
    algorithm, _, claims = argument.partition(";")
    size = {"HS256": 32, "HS384": 48, "HS512": 64, "ES256": 64, "EdDSA": 64}.get(algorithm, 256)
    payload = {"iss": "https://issuer.test", "sub": f"user-{rng.getrandbits(40):x}", **_parse_options(claims)}
    parts = [_dump_json({"alg": algorithm, "typ": "JWT"}), _dump_json(payload), rng.randbytes(size)]
    return ".".join(encode_base64url(part).decode() for part in parts)


def _dump_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _make_json64(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{json64:o=5;n=*;k=*}`: base64 of that JSON; a star is random text, a leading `!` removes the padding."""
    bare = argument.startswith("!")
    values = {
        name: f"{rng.getrandbits(120):030x}" if value == "*" else value
        for name, value in _parse_options(argument.removeprefix("!")).items()
    }
    text = base64.b64encode(_dump_json(values)).decode()
    return text.rstrip("=") if bare else text


def _make_text64(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{text64:name-at-*}`: base64 of that text; a star is random hex."""
    text = argument
    while "*" in text:
        text = text.replace("*", f"{rng.getrandbits(96):024x}", 1)
    return base64.b64encode(text.encode()).decode()


def _make_macaroon(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{macaroon:host}`: the body of a PyPI token for every project."""

    def field(kind: int, data: bytes) -> bytes:
        return bytes((kind, len(data))) + data

    data = b"\x02" + field(1, argument.encode()) + field(2, make_uuid(rng).encode()) + b"\0"
    data += field(2, _dump_json([3, make_uuid(rng)])) + b"\0\0" + field(6, rng.randbytes(32))
    return encode_base64url(data).decode()


def make_uuid(rng: random.Random) -> str:
    """Return a random UUID, version 4."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _make_gitlab_payload(_argument: str, _so_far: str, rng: random.Random) -> str:
    """Make the payload of a routable token; `{check:gitlab-routable}` completes it."""
    routing = f"c:1\no:{rng.getrandbits(20):x}\nu:{rng.getrandbits(20):x}".encode()
    return encode_base64url(rng.randbytes(16) + routing + bytes([len(routing)])).decode()


def _make_azure_key(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{azure:+ASt:76}`: random letters, signature and checksum."""
    from detector.engine.checks import complete_sample

    signature, _, length = argument.partition(":")
    assert signature.encode() in SIGNATURES
    plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    letters = plain if signature == "AzSe" else plain + ("-_" if signature == "AzFu" else "+/")
    while True:
        head = "".join(rng.choices(letters, k=int(length))) + signature
        key = head + complete_sample("azure-key", head)
        if letters != plain or key.isalnum():
            return key


def _make_data_center_token(_argument: str, _so_far: str, rng: random.Random) -> str:
    """Make a token of Atlassian Data Center: an id, a colon, twenty bytes."""
    return base64.b64encode(str(rng.randrange(10**11, 10**12)).encode() + b":" + rng.randbytes(20)).decode()


def _make_discord_token(_argument: str, _so_far: str, rng: random.Random) -> str:
    user = encode_base64url(str(rng.randrange(10**17, 10**18)).encode())
    issued = encode_base64url((rng.randrange(10**8) + 1_600_000_000).to_bytes(4, "big"))
    return b".".join((user, issued, encode_base64url(rng.randbytes(28)))).decode()


def _make_nkey(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{nkey:U}`: a NATS seed of that type."""
    import binascii

    kind = {"U": 20, "A": 0, "O": 14, "N": 13, "C": 2, "X": 23}[argument] << 3
    data = bytes((18 << 3 | kind >> 5, (kind & 31) << 3)) + rng.randbytes(32)
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


# -- private keys ------------------------------------------------------------------


def _armour_key(label: str, data: bytes, headers: str = "", tail: str = "") -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 64))
    return f"-----BEGIN {label}-----\n{headers}{body}\n{tail}-----END {label}-----"


def _encode_der(tag: int, data: bytes) -> bytes:
    size = len(data).to_bytes(2, "big").lstrip(b"\0") or b"\0"
    return bytes([tag]) + (size if len(data) < 128 else bytes([128 + len(size)]) + size) + data


def _encode_ssh(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


@cache
def _make_rsa_key(seed: int) -> Any:
    """Make a 1024-bit RSA key from a seed, the smallest that the library accepts; for samples only."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    rng = random.Random(seed)  # noqa: S311 - samples, not secrets

    def draw_prime() -> int:
        while True:
            number = rng.getrandbits(512) | 3 << 510 | 1
            if number % 65537 != 1 and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7)):
                return number

    p, q = draw_prime(), draw_prime()
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _make_pem(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{pem:rsa}`, `{pem:ec}`, `{pem:openssh}` …; `-locked` encrypts it."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    def dump(key: Any, form: PrivateFormat) -> str:
        return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode().strip())

    seed = rng.randbytes(32)
    if argument == "pkcs8":
        return dump(ed25519.Ed25519PrivateKey.from_private_bytes(seed), PrivateFormat.PKCS8)
    if argument == "pkcs8-rsa":
        return dump(_make_rsa_key(rng.randrange(2)), PrivateFormat.PKCS8)
    if argument == "pkcs8-locked":
        pbes2 = _encode_der(6, bytes.fromhex("2a864886f70d01050d"))
        algorithm = _encode_der(0x30, pbes2 + _encode_der(0x30, rng.randbytes(60)))
        data = _encode_der(0x30, algorithm + _encode_der(4, rng.randbytes(96)))
        return _armour_key("ENCRYPTED PRIVATE KEY", data)
    if argument == "rsa":
        return dump(_make_rsa_key(rng.randrange(2)), PrivateFormat.TraditionalOpenSSL)
    if argument == "rsa-locked":
        headers = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{rng.getrandbits(128):032X}\n\n"
        return _armour_key("RSA PRIVATE KEY", rng.randbytes(608), headers)
    if argument == "ec":
        number = int.from_bytes(seed, "big") % (1 << 255)
        return dump(ec.derive_private_key(number, ec.SECP256R1()), PrivateFormat.TraditionalOpenSSL)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if argument == "pgp":
        curve = bytes.fromhex("092b06010401da470f01")
        packet = b"\x04" + rng.randbytes(4) + b"\x16" + curve + b"\x01\x07\x40" + public + b"\0\x01\0" + seed + b"\0\0"
        return _armour_key("PGP PRIVATE KEY BLOCK", b"\x94" + bytes([len(packet)]) + packet, "\n", "=AbCd\n")
    blob = _encode_ssh(b"ssh-ed25519", public)
    if argument == "openssh-locked":
        head = _encode_ssh(b"aes256-ctr", b"bcrypt", _encode_ssh(rng.randbytes(16)) + struct.pack(">I", 16))
        private = rng.randbytes(144)
    else:
        head = _encode_ssh(b"none", b"none", b"")
        private = rng.randbytes(4) * 2 + blob + _encode_ssh(seed + public, b"sample") + b"\x01\x02\x03"
    data = b"openssh-key-v1\0" + head + struct.pack(">I", 1) + _encode_ssh(blob, private)
    return _armour_key("OPENSSH PRIVATE KEY", data)


def _make_json_pem(argument: str, so_far: str, rng: random.Random) -> str:
    """Make a `pem` as the content of a JSON string."""
    return _make_pem(argument, so_far, rng).replace("\n", "\\n") + "\\n"


def _make_putty_key(argument: str, _so_far: str, rng: random.Random) -> str:
    """Make `{ppk:2}`, `{ppk:3}`: a PuTTY key without a passphrase."""
    kind, comment = b"ssh-ed25519", b"sample"
    public, private = _encode_ssh(kind, rng.randbytes(32)), _encode_ssh(rng.randbytes(32))
    signed = _encode_ssh(kind, b"none", comment, public, private)
    if argument == "3":
        mac = hmac.digest(b"", signed, "sha256")
    else:
        mac = hmac.digest(hashlib.sha1(b"putty-private-key-file-mac-key").digest(), signed, "sha1")  # noqa: S324
    rows = [f"PuTTY-User-Key-File-{argument}: {kind.decode()}", "Encryption: none", f"Comment: {comment.decode()}"]
    for name, data in (("Public", public), ("Private", private)):
        wrapped = textwrap.wrap(base64.b64encode(data).decode(), 64)
        rows += [f"{name}-Lines: {len(wrapped)}", *wrapped]
    return "\n".join([*rows, f"Private-MAC: {mac.hex()}"])


SAMPLES: dict[str, Generator] = {
    "jwt": _make_jwt,
    "json64": _make_json64,
    "text64": _make_text64,
    "macaroon": _make_macaroon,
    "gitlab-payload": _make_gitlab_payload,
    "azure": _make_azure_key,
    "data-center-token": _make_data_center_token,
    "discord": _make_discord_token,
    "nkey": _make_nkey,
    "pem": _make_pem,
    "pem-json": _make_json_pem,
    "ppk": _make_putty_key,
}
