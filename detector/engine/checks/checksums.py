"""Tokens that end in a checksum of themselves.

Most use CRC-32 (IEEE 802.3), but each provider hashes different bytes and writes
the number differently; NATS and age have checksums of their own.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Callable

from detector.engine.checks.result import INVALID, UNDECIDED, VALID, Check, CheckResult, decode_base64, to_digits

BASE36 = b"0123456789abcdefghijklmnopqrstuvwxyz"
BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RIGHT_CRC, _WRONG_CRC = "checksum valid (CRC-32)", "checksum invalid (CRC-32): its provider never issued it"


def _trailing_check(width: int, checksum: Callable[[bytes], bytes]) -> Check:
    """Return the check of tokens whose last *width* bytes are `checksum(the bytes before)`."""

    def verify(secret: bytes) -> CheckResult:
        return VALID if secret[-width:] == checksum(secret[:-width]) else INVALID

    return Check(verify, _RIGHT_CRC, _WRONG_CRC, checksum)


def _strip_prefix(text: bytes) -> bytes:
    """Return *text* without a prefix that ends in an underscore."""
    return text[text.find(b"_") + 1 :]


def _compute_github(text: bytes) -> bytes:
    return to_digits(zlib.crc32(text[4:]), BASE62, 6)


def _compute_cloudflare(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(_strip_prefix(text))


def _compute_zuplo(text: bytes) -> bytes:
    return b"_%08x" % zlib.crc32(_strip_prefix(text))


def _compute_grafana(text: bytes) -> bytes:
    return b"_" + zlib.crc32(text).to_bytes(4, "little").hex().encode()


def _compute_atlassian(text: bytes) -> bytes:
    return b"%08X" % zlib.crc32(text)


# -- GitLab: routable tokens name the place of their owner ------------

_ROUTES = {"c": "cell", "o": "organisation", "g": "group", "p": "project", "u": "user", "t": "type"}


def _complete_gitlab(text: bytes) -> bytes:
    """Return version, length and checksum for ``prefix-payload``."""
    body = text[text.find(b"-") + 1 :]
    framed = text + b".01." + to_digits(len(_strip_runner_kind(body)), BASE36, 2)
    return framed[len(text) :] + to_digits(zlib.crc32(framed), BASE36, 7)


def _strip_runner_kind(body: bytes) -> bytes:
    """Return the payload without the kind of a runner token (`t1_`)."""
    return body[3:] if body[:1] == b"t" and body[2:3] == b"_" and body[1:2].isdigit() else body


def _check_gitlab(secret: bytes) -> CheckResult:
    if to_digits(zlib.crc32(secret[:-7]), BASE36, 7) != secret[-7:]:
        return INVALID
    prefix, _, rest = secret.partition(b"-")
    del prefix
    parts = rest.split(b".")
    payload = _strip_runner_kind(parts[0])
    if len(parts) not in (2, 3) or to_digits(len(payload), BASE36, 2) != parts[-1][:2]:
        return INVALID
    data = decode_base64(payload, url=True)
    if not data or len(data) < 17:
        return INVALID
    size = data[-1]
    routing = data[16 : 16 + size] if len(parts) == 3 else data[:-17]
    facts = []
    for line in routing.split(b"\n"):
        key, colon, value = line.partition(b":")
        name = _ROUTES.get(key.decode("latin-1"))
        if colon and name and value.isalnum() and len(value) <= 13:
            facts.append((name, value.decode("ascii", "replace") if name == "type" else str(int(value, 36))))
    return CheckResult(True, tuple(facts))


# -- NATS: an nkey is base32 of type, key and CRC-16 ------------------------------

_NKEYS = {20 << 3: "user", 0: "account", 14 << 3: "operator", 13 << 3: "server", 2 << 3: "cluster", 23 << 3: "curve"}


def _complete_nkey(text: bytes) -> bytes:
    """Return the rest of a seed from its first 52 letters (56 of key, then the CRC)."""
    data = decode_base32(text + b"A" * (-len(text) % 8)) or b""
    kept = data[: len(text) * 5 // 8].ljust(34, b"\0")
    whole = kept + binascii.crc_hqx(kept, 0).to_bytes(2, "little")
    return to_digits(int.from_bytes(whole + b"\0\0\0\0", "big"), _BASE32, 64)[len(text) : 58]


_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def decode_base32(text: bytes) -> bytes | None:
    """Decode upper-case base32 without its last bits that fill no byte; None if it is not base32."""
    number = 0
    for letter in text:
        value = _BASE32.find(letter)
        if value < 0:
            return None
        number = number << 5 | value
    size = len(text) * 5 // 8
    return (number >> (len(text) * 5 - size * 8)).to_bytes(size, "big")


def _check_nkey(secret: bytes) -> CheckResult:
    data = decode_base32(secret)
    if data is None or len(data) != 36 or data[0] & 0xF8 != 18 << 3:
        return INVALID
    if binascii.crc_hqx(data[:-2], 0) != int.from_bytes(data[-2:], "little"):
        return INVALID
    kind = _NKEYS.get((data[0] & 7) << 5 | data[1] >> 3)
    return CheckResult(True, (("type", kind),) if kind else ())


# -- bech32 (age) --------------------------------------------------------------------

_BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _compute_polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= term if top >> bit & 1 else 0
    return check


def _decode_bech32(text: bytes) -> list[int] | None:
    human, one, data = text.lower().rpartition(b"1")
    values = [_BECH32.find(letter) for letter in data]
    if not one or -1 in values:
        return None
    return [c >> 5 for c in human] + [0] + [c & 31 for c in human] + values


def _check_bech32(secret: bytes) -> CheckResult:
    values = _decode_bech32(secret)
    return VALID if values is not None and _compute_polymod(values) == 1 else INVALID


def _complete_bech32(text: bytes) -> bytes:
    rest = _compute_polymod([*(_decode_bech32(text) or []), 0, 0, 0, 0, 0, 0]) ^ 1
    end = bytes(_BECH32[rest >> 5 * (5 - place) & 31] for place in range(6))
    return end.upper() if text.isupper() else end


# -- Supabase -----------------------------------------------------------------------------


def _complete_supabase(text: bytes) -> bytes:
    import hashlib

    from detector.engine.checks.result import encode_base64url

    return b"_" + encode_base64url(hashlib.sha256(b"supabase-self-hosted|" + text).digest())[:8]


def _check_supabase(secret: bytes) -> CheckResult:
    """Check the hash; only self-hosted stacks use a published key for it, the hosted service does not."""
    if _complete_supabase(secret[:-9]) == secret[-9:]:
        return CheckResult(True, (("deployment", "self-hosted"),))
    return UNDECIDED


CHECKSUMS: dict[str, Check] = {
    "github-crc32": _trailing_check(6, _compute_github),
    "npm-crc32": _trailing_check(6, _compute_github),
    "cloudflare-crc32": _trailing_check(8, _compute_cloudflare),
    "zuplo-crc32": _trailing_check(9, _compute_zuplo),
    "grafana-crc32": _trailing_check(9, _compute_grafana),
    "atlassian-crc32": _trailing_check(8, _compute_atlassian),
    "gitlab-routable": Check(
        _check_gitlab,
        "checksum valid, and its payload names the place of its owner",
        "checksum or length invalid: GitLab never issued it",
        _complete_gitlab,
    ),
    "nats-nkey": Check(
        _check_nkey,
        "checksum valid (CRC-16), and it is a seed",
        "checksum invalid (CRC-16): not a NATS key",
        _complete_nkey,
    ),
    "bech32": Check(
        _check_bech32,
        "checksum valid (bech32)",
        "checksum invalid (bech32): a character is missing or changed",
        _complete_bech32,
    ),
    "supabase-self-hosted": Check(
        _check_supabase,
        "checksum valid (of a self-hosted stack)",
        "checksum invalid for a self-hosted stack",
        _complete_supabase,
    ),
}
