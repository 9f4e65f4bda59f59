"""Offline proof: what a credential's own bytes say about it.

Many issuers build a checksum or a parseable structure into their tokens. A
right one makes a finding `valid-format` without asking anybody; a wrong one
means that the issuer never made this string, and the candidate is dropped.
On the way facts come to light: the account, the expiry, the type of a key.

A check gets the secret and answers with a `Proof`. It never raises on hostile
input and reads no clock: it says when a token expires, not whether it has.
Adding one is a function in a module of this package and a line in its table.
"""

from __future__ import annotations

from detector.engine.checks.azure import AZURE
from detector.engine.checks.checksums import CHECKSUMS
from detector.engine.checks.keys import KEYS
from detector.engine.checks.proof import Check, Proof
from detector.engine.checks.structures import STRUCTURES

__all__ = ["CHECKS", "Check", "Proof", "complete", "verify"]

CHECKS: dict[str, Check] = {**CHECKSUMS, **AZURE, **STRUCTURES, **KEYS}


def verify(name: str, secret: bytes) -> Proof:
    """Judge *secret* by the check called *name*."""
    return CHECKS[name].verify(secret)


def complete(name: str, text: str) -> str:
    """Return the characters that make *text* pass the check *name* when appended."""
    check = CHECKS[name]
    if check.complete is None:
        raise ValueError(f"check {name!r} cannot complete a sample")
    return check.complete(text.encode()).decode()
