r"""Sample credentials as shapes, so that no sample is ever committed.

A rule's examples and near-misses are written as shapes: `ghp_{alnum:36}`.
They are expanded when a test or `leakfirst rules check` needs a value, from a
seed, so a sample is equal on every machine and in no repository.

Grammar: other text is literal; `{name:n}` is *n* random characters of an
alphabet, `{name:n-m}` between *n* and *m*; `{[abc]:n}` gives the alphabet
itself; `{check:name}` appends the checksum of the text before it
(engine/checks), `{check:name@n}` that of the text after its first *n* characters;
`{uuid}` is a random UUID, `{repeat:x:n}` repeats *x*; `{{` and `}}` are braces. What must
parse, such as `{jwt:HS256}` or `{pem:rsa}`, is made in samples.py.
"""

from __future__ import annotations

import base64
import random
import re
import string

from detector.engine import checks
from detector.errors import RuleError
from detector.rules.samples import SAMPLES, Generator, make_uuid

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

_FIELD = re.compile(r"\{\{|\}\}|\{(?:\[((?:[^\]\\]|\\.)+)\]|([A-Za-z][\w.-]*))(?::([^{}]*))?\}")


def expand(shape: str, seed: int = 0) -> str:
    """Return a sample of *shape*, the same for the same seed.

    >>> expand("ghp_{alnum:4}", 1) == expand("ghp_{alnum:4}", 1)
    True
    >>> expand("{{{digit:0}}}")
    '{}'

    Raises `RuleError` for an unknown name, a malformed length or an argument that does not fit.
    """
    rng = random.Random(f"{seed}:{shape}")  # noqa: S311 - samples, not secrets
    out = ""
    at = 0
    for field in _FIELD.finditer(shape):
        out += shape[at : field.start()]
        at = field.end()
        if field.group() in ("{{", "}}"):
            out += field.group()[0]
            continue
        letters, name, argument = field.groups()
        if letters is not None:
            out += _draw(_expand_ranges(letters), argument or "1", rng, shape)
        elif name in ALPHABETS:
            out += _draw(ALPHABETS[name], argument or "1", rng, shape)
        elif name in GENERATORS:
            out += _generate(name, argument or "", out, rng, shape)
        else:
            raise RuleError(
                f"shape {shape!r}: unknown name {name!r}; known: {', '.join(sorted({*ALPHABETS, *GENERATORS}))}"
            )
    return out + shape[at:]


def _generate(name: str, argument: str, so_far: str, rng: random.Random, shape: str) -> str:
    try:
        return GENERATORS[name](argument, so_far, rng)
    except (ValueError, LookupError, AssertionError):
        raise RuleError(f"shape {shape!r}: {name!r} cannot be made from {argument!r}") from None


def _expand_ranges(letters: str) -> str:
    spread = re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), letters)
    return spread.replace("\\", "")


def _draw(alphabet: str, length: str, rng: random.Random, shape: str) -> str:
    low, dash, high = length.partition("-")
    try:
        count = rng.randint(int(low), int(high)) if dash else int(low)
    except ValueError:
        raise RuleError(f"shape {shape!r}: {length!r} is not a length such as 36 or 20-40") from None
    return "".join(rng.choices(alphabet, k=count))


def _complete_check(argument: str, so_far: str, _rng: random.Random) -> str:
    name, _, start = argument.partition("@")
    return checks.complete_sample(name, so_far[int(start or 0) :])


def _draw_uuid(_argument: str, _so_far: str, rng: random.Random) -> str:
    return make_uuid(rng)


def _repeat_text(argument: str, _so_far: str, _rng: random.Random) -> str:
    text, _, count = argument.rpartition(":")
    return text * int(count)


def _draw_base64(argument: str, _so_far: str, rng: random.Random) -> str:
    """Return base64 of *n* random bytes, padded."""
    return base64.b64encode(rng.randbytes(int(argument))).decode()


GENERATORS: dict[str, Generator] = {
    "check": _complete_check,
    "uuid": _draw_uuid,
    "repeat": _repeat_text,
    "b64": _draw_base64,
    **SAMPLES,
}
