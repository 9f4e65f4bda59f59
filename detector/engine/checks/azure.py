"""Azure keys with a signature and a keyed checksum.

Microsoft puts four fixed letters near the end of a key and, after them, the
Marvin32 hash of everything before. The seed of the hash depends on the service
and on what the key may do. So a key shows offline that it is valid, of which
service it is, and whether it reads or administers.
"""

from __future__ import annotations

import zlib

from detector.engine.checks.checksums import BASE62, decode_base32
from detector.engine.checks.result import (
    INVALID,
    UNDECIDED,
    VALID,
    Check,
    CheckResult,
    decode_base64,
    encode_base64url,
    to_digits,
)

_MASK = 0xFFFFFFFF

SIGNATURES: dict[bytes, tuple[str, dict[bytes, str]]] = {
    b"+ASt": ("Storage account", {b"Default0": ""}),
    b"+ABa": ("Batch account", {b"AbAcct00": ""}),
    b"ACDb": ("Cosmos DB", {b"MastRO00": "read-only", b"MastRW00": "read-write"}),
    b"+AMC": ("Machine Learning (classic)", {b"Classic0": ""}),
    b"APIM": (
        "API Management",
        {b"Tenant00": "tenant", b"IoTHub00": "", b"Gatewy00": "gateway", b"GitKey00": "git"},
    ),
    b"+ASb": ("Service Bus", {b"Send0000": "send", b"Listen00": "listen", b"Manage00": "manage"}),
    b"+AEh": ("Event Hubs", {b"Send0000": "send", b"Listen00": "listen", b"Manage00": "manage"}),
    b"+ARm": ("Relay", {b"Send0000": "send", b"Listen00": "listen", b"Manage00": "manage"}),
    b"AIoT": ("IoT", {b"IoTHub00": "hub", b"DpsKey00": "provisioning service", b"Device00": "device"}),
    b"AzCa": ("Cache for Redis", {b"Access00": ""}),
    b"AzFu": ("Functions", {b"Functi00": "function", b"System00": "system", b"Master00": "master"}),
    b"AzSe": ("AI Search", {b"Query000": "query", b"PAdmin00": "admin"}),
    b"+ACR": ("Container Registry", {b"ACRDflt0": ""}),
}
"""Signature → service and, by seed, the use of the key."""

PROVIDERS = {
    b"AZDO": "DevOps", b"ACOG": "Cognitive Services or OpenAI", b"AZAC": "App Configuration", b"AZMP": "Maps",
    b"AZCS": "Communication Services", b"AZFR": "Fluid Relay", b"AZEG": "Event Grid", b"AZMR": "Mixed Reality",
    b"MSQL": "SQL",
}  # fmt: skip
"""Provider signatures of common annotated keys (CASK)."""


def compute_marvin32(data: bytes, seed: bytes) -> int:
    """Return the 32-bit Marvin hash of *data*; *seed* is eight bytes, the most significant first.

    >>> compute_marvin32(b"", b"Default0").to_bytes(4, "big").hex()
    'cfd9b134'
    """
    number = int.from_bytes(seed, "big")
    low, high = number & _MASK, number >> 32
    padded = data + b"\x80" + bytes(3 - len(data) % 4)
    for at in range(0, len(padded), 4):
        low = low + int.from_bytes(padded[at : at + 4], "little") & _MASK
        low, high = _mix_block(low, high)
    low, high = _mix_block(low, high)
    return low ^ high


def _mix_block(low: int, high: int) -> tuple[int, int]:
    high ^= low
    low = _rotate_left(low, 20) + high & _MASK
    high = _rotate_left(high, 9) ^ low
    low = _rotate_left(low, 27) + high & _MASK
    return low, _rotate_left(high, 19)


def _rotate_left(word: int, by: int) -> int:
    return (word << by | word >> 32 - by) & _MASK


# -- keys with a signature six letters before the end --------------------------


def _check_key(secret: bytes) -> CheckResult:
    bare = secret.rstrip(b"=")
    signature = bare[-10:-6]
    known = SIGNATURES.get(signature)
    data = decode_base64(bare, url=signature == b"AzFu")
    if known is None or data is None or len(data) < 24:
        return UNDECIDED if known is None else INVALID
    service, seeds = known
    checksum = int.from_bytes(data[-4:], "little")
    for seed, use in seeds.items():
        if compute_marvin32(data[:-4], seed) == checksum:
            return CheckResult(True, (("key of", f"Azure {service}"), *([("may", use)] if use else [])))
    return INVALID


def _complete_key(text: bytes) -> bytes:
    """Append, to everything up to and with the signature, what completes the key."""
    signature = text[-4:]
    seed = next(iter(SIGNATURES[signature][1]))
    url = signature == b"AzFu"
    # The letters after the signature hold the last bits of data and the hash.
    kept = (decode_base64(text + b"AAAAAA", url=url) or b"")[:-4]
    coded = encode_base64url(kept + compute_marvin32(kept, seed).to_bytes(4, "little"))
    if not url:
        coded = coded.translate(bytes.maketrans(b"-_", b"+/"))
    return coded[len(text) :] + b"=" * (0 if url else -len(coded) % 4)


# -- common annotated security keys ----------------------------------------------


def _compute_cask_checksum(data: bytes, width: int) -> bytes:
    number = int.from_bytes(compute_marvin32(data[:60], b"Default0").to_bytes(4, "little"), "big")
    return to_digits(number, BASE62, 0).ljust(6, b"0")[:width]


def _check_cask(secret: bytes) -> CheckResult:
    bare = secret.rstrip(b"=")
    data = decode_base64(bare)
    if data is None or len(data) < 63 or bare[52:57] != b"JQQJ9":
        return INVALID
    width = len(bare) - 80
    early = encode_base64url(compute_marvin32(data[:60], b"Default0").to_bytes(4, "little"))
    if bare[80:] != _compute_cask_checksum(data, width) and bare[80:84] != early[:4]:
        return INVALID
    facts = []
    provider = PROVIDERS.get(bare[76:80].upper())
    if provider:
        facts.append(("key of", f"Azure {provider}"))
    year, month = BASE62.find(bare[58]) - 10, bare[59] - 64
    if 0 <= year < 26 and 1 <= month <= 12:
        facts.append(("issued", f"{2024 + year}-{month:02}"))
    return CheckResult(True, tuple(facts))


def _complete_cask(text: bytes) -> bytes:
    return _compute_cask_checksum(decode_base64(text) or b"", 4)


# -- Entra client secrets ------------------------------------------------------------

_ENTRA = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~"


def _complete_entra(text: bytes) -> bytes:
    return to_digits(compute_marvin32(text, b"AadPwd00"), _ENTRA, 6)[:3]


def _check_entra(secret: bytes) -> CheckResult:
    if secret[3:6] != b"8Q~":
        return UNDECIDED
    number = compute_marvin32(secret[:-3], b"AadPwd00")
    # A small number has five digits; no sample shows whether it is padded first.
    return VALID if secret[-3:] in (to_digits(number, _ENTRA, 6)[:3], to_digits(number, _ENTRA, 0)[:3]) else INVALID


# -- DevOps access tokens before 2024 -----------------------------------------------

_DEVOPS = {0xE0B9692D: "user", 0x1019F92E: "application"}


def _check_devops(secret: bytes) -> CheckResult:
    """Check the CRC-32; no sample has confirmed the algorithm, so an invalid one is undecided."""
    data = decode_base32(secret.upper())
    if data is None or len(data) != 32:
        return INVALID
    body = data[0:2] + data[3:7] + data[9:22] + data[23:32]
    found = int.from_bytes(bytes((data[22], data[8], data[7], data[2])), "little") ^ zlib.crc32(body)
    return CheckResult(True, (("made for", _DEVOPS[found]),)) if found in _DEVOPS else UNDECIDED


_HASH = "keyed checksum valid (Marvin32)"
_NO_HASH = "keyed checksum invalid (Marvin32): Azure never issued it"

AZURE: dict[str, Check] = {
    "azure-key": Check(_check_key, _HASH, _NO_HASH, _complete_key),
    "azure-cask": Check(_check_cask, _HASH, _NO_HASH, _complete_cask),
    "azure-entra": Check(_check_entra, _HASH, _NO_HASH, _complete_entra),
    "azure-devops": Check(
        _check_devops,
        "checksum valid (CRC-32, scattered)",
        "does not decode to the 32 bytes of a DevOps token",
    ),
}
