"""The negative control: a copy of the credential that the provider must refuse.

A provider, or a proxy in front of it, that says yes to everything proves
nothing about a credential. So before the first `live` of a rule counts, the
same question is asked with a copy that nobody ever issued: same length, same
alphabet, same prefix, checksum made right again where the format has one.
"""

from __future__ import annotations

import random
import re
import string

from detector.engine import checks
from detector.model import Rule
from detector.secret import Secret

_SAME_KIND = (string.digits, "abcdef", "ABCDEF", string.ascii_lowercase, string.ascii_uppercase)
_RANDOM = random.SystemRandom()
_RUN = re.compile(rb"[0-9A-Za-z]+")
LEAST = 6
"""Characters changed at least, where there are so many."""


def alter_secret(secret: Secret, rule: Rule, tail: int = 0) -> Secret:
    """Return a copy of *secret* with the same shape and another value; the last *tail* bytes stay."""
    value = secret.reveal()
    body, kept = value[: len(value) - tail], value[len(value) - tail :]
    made = _scramble(body, _count_prefix(body, rule)) + kept
    for name in rule.checks:
        if checks.run_check(name, made).valid is False:
            made = _complete_checksum(name, made)
    return Secret(made)


def _count_prefix(value: bytes, rule: Rule) -> int:
    """Count the bytes in front that the format prescribes."""
    heads = [len(anchor.text) for anchor in rule.anchors if value.lower().startswith(anchor.text.lower())]
    return max((head for head in heads if head <= len(value) - LEAST), default=0)


def _scramble(value: bytes, head: int) -> bytes:
    """Change the last runs of letters and digits behind *head*, as many as make it another credential."""
    text = bytearray(value)
    changed = 0
    for run in reversed(list(_RUN.finditer(value, head))):
        start = max(run.start(), run.end() - max(len(value) // 2, LEAST))
        for at in range(start, run.end()):
            text[at] = _pick_other(value[at])
            changed += 1
        if changed >= LEAST:
            break
    return bytes(text) if changed else value + b"x"


def _pick_other(byte: int) -> int:
    letter = chr(byte)
    kind = next(kind for kind in _SAME_KIND if letter in kind)
    return ord(_RANDOM.choice([other for other in kind if other != letter]))


def _complete_checksum(name: str, made: bytes) -> bytes:
    """Give *made* the checksum that its body needs, where the check can tell it."""
    for size in range(4, min(12, len(made))):
        try:
            tail = checks.complete_sample(name, made[:-size].decode()).encode()
        except (ValueError, UnicodeDecodeError):
            return made
        if len(tail) == size and checks.run_check(name, made[:-size] + tail).valid:
            return made[:-size] + tail
    return made
