"""Tokens that end in a checksum of themselves.

All use CRC-32 (IEEE 802.3), but each issuer hashes other bytes and writes the
number in another way; NATS and age bring checksums of their own.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Callable

from detector.engine.checks.proof import RIGHT, SILENT, WRONG, Check, Proof, digits, unbase64

BASE36 = b"0123456789abcdefghijklmnopqrstuvwxyz"
BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RIGHT_CRC, _WRONG_CRC = "its checksum (CRC-32) is right", "its checksum (CRC-32) is wrong: the issuer never made it"


def _trailing(width: int, checksum: Callable[[bytes], bytes]) -> Check:
    """Make the check of tokens whose last *width* bytes are `checksum(the bytes before)`."""

    def verify(secret: bytes) -> Proof:
        return RIGHT if secret[-width:] == checksum(secret[:-width]) else WRONG

    return Check(verify, _RIGHT_CRC, _WRONG_CRC, checksum)


def _after_prefix(text: bytes) -> bytes:
    """Drop a prefix that ends in an underscore."""
    return text[text.find(b"_") + 1 :]


def _github(text: bytes) -> bytes:
    return digits(zlib.crc32(text[4:]), BASE62, 6)


def _cloudflare(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(_after_prefix(text))


def _zuplo(text: bytes) -> bytes:
    return b"_%08x" % zlib.crc32(_after_prefix(text))


def _grafana(text: bytes) -> bytes:
    return b"_" + zlib.crc32(text).to_bytes(4, "little").hex().encode()


def _atlassian(text: bytes) -> bytes:
    return b"%08X" % zlib.crc32(text)


# -- GitLab: routable tokens name the place where their owner lives ------------

_ROUTES = {"c": "cell", "o": "organisation", "g": "group", "p": "project", "u": "user", "t": "type"}


def _gitlab_complete(text: bytes) -> bytes:
    """Append version, length and checksum to `prefix payload`."""
    body = text[text.find(b"-") + 1 :]
    framed = text + b".01." + digits(len(_gitlab_payload(body)), BASE36, 2)
    return framed[len(text) :] + digits(zlib.crc32(framed), BASE36, 7)


def _gitlab_payload(body: bytes) -> bytes:
    """Drop the kind of a runner token (`t1_`) in front of the payload."""
    return body[3:] if body[:1] == b"t" and body[2:3] == b"_" and body[1:2].isdigit() else body


def _gitlab(secret: bytes) -> Proof:
    if digits(zlib.crc32(secret[:-7]), BASE36, 7) != secret[-7:]:
        return WRONG
    prefix, _, rest = secret.partition(b"-")
    del prefix
    parts = rest.split(b".")
    payload = _gitlab_payload(parts[0])
    if len(parts) not in (2, 3) or digits(len(payload), BASE36, 2) != parts[-1][:2]:
        return WRONG
    data = unbase64(payload, url=True)
    if not data or len(data) < 17:
        return WRONG
    size = data[-1]
    routing = data[16 : 16 + size] if len(parts) == 3 else data[:-17]
    facts = []
    for line in routing.split(b"\n"):
        key, colon, value = line.partition(b":")
        name = _ROUTES.get(key.decode("latin-1"))
        if colon and name and value.isalnum() and len(value) <= 13:
            facts.append((name, value.decode("ascii", "replace") if name == "type" else str(int(value, 36))))
    return Proof(True, tuple(facts))


# -- NATS: an nkey is base32 of type, key and CRC-16 ------------------------------

_NKEYS = {20 << 3: "user", 0: "account", 14 << 3: "operator", 13 << 3: "server", 2 << 3: "cluster", 23 << 3: "curve"}


def _nkey_complete(text: bytes) -> bytes:
    """Append to the first 52 letters of a seed what makes it whole (56 of key, then CRC)."""
    data = unbase32(text + b"A" * (-len(text) % 8)) or b""
    kept = data[: len(text) * 5 // 8].ljust(34, b"\0")
    whole = kept + binascii.crc_hqx(kept, 0).to_bytes(2, "little")
    return digits(int.from_bytes(whole + b"\0\0\0\0", "big"), _BASE32, 64)[len(text) : 58]


_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def unbase32(text: bytes) -> bytes | None:
    """Decode upper-case base32; bits that fill no byte are dropped."""
    number = 0
    for letter in text:
        value = _BASE32.find(letter)
        if value < 0:
            return None
        number = number << 5 | value
    size = len(text) * 5 // 8
    return (number >> (len(text) * 5 - size * 8)).to_bytes(size, "big")


def _nkey(secret: bytes) -> Proof:
    data = unbase32(secret)
    if data is None or len(data) != 36 or data[0] & 0xF8 != 18 << 3:
        return WRONG
    if binascii.crc_hqx(data[:-2], 0) != int.from_bytes(data[-2:], "little"):
        return WRONG
    kind = _NKEYS.get((data[0] & 7) << 5 | data[1] >> 3)
    return Proof(True, (("type", kind),) if kind else ())


# -- bech32 (age) --------------------------------------------------------------------

_BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= term if top >> bit & 1 else 0
    return check


def _bech32_values(text: bytes) -> list[int] | None:
    human, one, data = text.lower().rpartition(b"1")
    values = [_BECH32.find(letter) for letter in data]
    if not one or -1 in values:
        return None
    return [c >> 5 for c in human] + [0] + [c & 31 for c in human] + values


def _bech32(secret: bytes) -> Proof:
    values = _bech32_values(secret)
    return RIGHT if values is not None and _polymod(values) == 1 else WRONG


def _bech32_complete(text: bytes) -> bytes:
    rest = _polymod([*(_bech32_values(text) or []), 0, 0, 0, 0, 0, 0]) ^ 1
    end = bytes(_BECH32[rest >> 5 * (5 - place) & 31] for place in range(6))
    return end.upper() if text.isupper() else end


# -- Supabase -----------------------------------------------------------------------------


def _supabase_complete(text: bytes) -> bytes:
    import hashlib

    from detector.engine.checks.proof import base64url

    return b"_" + base64url(hashlib.sha256(b"supabase-self-hosted|" + text).digest())[:8]


def _supabase(secret: bytes) -> Proof:
    """Only self-hosted stacks use a published word in the hash; the hosted service does not."""
    if _supabase_complete(secret[:-9]) == secret[-9:]:
        return Proof(True, (("deployment", "self-hosted"),))
    return SILENT


CHECKSUMS: dict[str, Check] = {
    "github-crc32": _trailing(6, _github),
    "npm-crc32": _trailing(6, _github),
    "cloudflare-crc32": _trailing(8, _cloudflare),
    "zuplo-crc32": _trailing(9, _zuplo),
    "grafana-crc32": _trailing(9, _grafana),
    "atlassian-crc32": _trailing(8, _atlassian),
    "gitlab-routable": Check(
        _gitlab,
        "its checksum is right and its payload names the owner's place",
        "its checksum or length is wrong: GitLab never made it",
        _gitlab_complete,
    ),
    "nats-nkey": Check(
        _nkey,
        "its checksum (CRC-16) is right and it is a seed",
        "its checksum (CRC-16) is wrong: no NATS key",
        _nkey_complete,
    ),
    "bech32": Check(
        _bech32,
        "its checksum (bech32) is right",
        "its checksum (bech32) is wrong: a letter is missing or changed",
        _bech32_complete,
    ),
    "supabase-self-hosted": Check(
        _supabase,
        "its checksum is that of a self-hosted stack",
        "its checksum is that of no self-hosted stack",
        _supabase_complete,
    ),
}
