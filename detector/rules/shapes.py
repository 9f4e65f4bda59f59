r"""Sample credentials as shapes, so that none is ever committed.

A rule's examples and near-misses are written as shapes: `ghp_{alnum:36}`.
They are expanded when a test or `leakfirst rules check` needs a value, from a
seed, so a sample is the same on every machine and in no repository.

Grammar: text stands for itself; `{name:n}` is *n* random characters of an
alphabet, `{name:n-m}` between *n* and *m*; `{[abc]:n}` gives the alphabet
itself; `{check:name}` completes what stands before it with that checksum
(engine/checks), `{check:name@n}` what stands behind its first *n* characters;
`{uuid}` and `{repeat:x:n}` as they say; `{{` and `}}` are braces. What has to
parse, such as `{jwt:HS256}` or `{pem:rsa}`, is made in samples.py.
"""

from __future__ import annotations

import base64
import random
import re
import string

from detector.engine import checks
from detector.errors import RuleError
from detector.rules.samples import SAMPLES, Generator

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALPHABETS = {
    "alnum": DIGITS + UPPER + LOWER,
    "base62": DIGITS + UPPER + LOWER,
    "base64": UPPER + LOWER + DIGITS + "+/",
    "base64url": UPPER + LOWER + DIGITS + "-_",
    "base58": "".join(c for c in DIGITS + UPPER + LOWER if c not in "0OIl"),
    "base36": DIGITS + LOWER,
    "BASE36": DIGITS + UPPER,
    "base32": UPPER + "234567",
    "base32-lower": LOWER + "234567",
    "bech32": "qpzry9x8gf2tvdw0s3jn54khce6mua7l",
    "hex": DIGITS + "abcdef",
    "HEX": DIGITS + "ABCDEF",
    "lower": LOWER,
    "upper": UPPER,
    "letters": UPPER + LOWER,
    "digit": DIGITS,
    "word": DIGITS + UPPER + LOWER + "_",
    "password": DIGITS + UPPER + LOWER + "!@#%^*-_+",
}

_HOLE = re.compile(r"\{\{|\}\}|\{(?:\[((?:[^\]\\]|\\.)+)\]|([A-Za-z][\w.-]*))(?::([^{}]*))?\}")


def expand(shape: str, seed: int = 0) -> str:
    """Return a sample of *shape*, the same for the same seed.

    >>> expand("ghp_{alnum:4}", 1) == expand("ghp_{alnum:4}", 1)
    True
    >>> expand("{{{digit:0}}}")
    '{}'

    Raises `RuleError` for an unknown name or a malformed length.
    """
    rng = random.Random(f"{seed}:{shape}")  # noqa: S311 - samples, not secrets
    out = ""
    at = 0
    for hole in _HOLE.finditer(shape):
        out += shape[at : hole.start()]
        at = hole.end()
        if hole.group() in ("{{", "}}"):
            out += hole.group()[0]
            continue
        letters, name, argument = hole.groups()
        if letters is not None:
            out += _draw(_ranges(letters), argument or "1", rng, shape)
        elif name in ALPHABETS:
            out += _draw(ALPHABETS[name], argument or "1", rng, shape)
        elif name in GENERATORS:
            out += GENERATORS[name](argument or "", out, rng)
        else:
            raise RuleError(
                f"shape {shape!r}: unknown name {name!r}; known: {', '.join(sorted({*ALPHABETS, *GENERATORS}))}"
            )
    return out + shape[at:]


def _ranges(letters: str) -> str:
    spread = re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), letters)
    return spread.replace("\\", "")


def _draw(alphabet: str, length: str, rng: random.Random, shape: str) -> str:
    low, dash, high = length.partition("-")
    try:
        count = rng.randint(int(low), int(high)) if dash else int(low)
    except ValueError:
        raise RuleError(f"shape {shape!r}: {length!r} is not a length such as 36 or 20-40") from None
    return "".join(rng.choices(alphabet, k=count))


def _check(argument: str, so_far: str, _rng: random.Random) -> str:
    name, _, start = argument.partition("@")
    return checks.complete_sample(name, so_far[int(start or 0) :])


def _uuid(_argument: str, _so_far: str, rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _repeat(argument: str, _so_far: str, _rng: random.Random) -> str:
    text, _, count = argument.rpartition(":")
    return text * int(count)


def _b64(argument: str, _so_far: str, rng: random.Random) -> str:
    """Base64 of *n* random bytes, padded."""
    return base64.b64encode(rng.randbytes(int(argument))).decode()


GENERATORS: dict[str, Generator] = {"check": _check, "uuid": _uuid, "repeat": _repeat, "b64": _b64, **SAMPLES}
