"""Offline checks: what the bytes of a credential prove.

Many providers build a checksum or a parseable structure into their tokens. If
it is valid, the verdict is `valid-format` without a request; if it is invalid, the
provider never issued this string, and the candidate is rejected. Some checks also
return facts: the account, the expiry, the type of a key.

A check gets the secret and returns a `CheckResult`. It never raises on hostile
input and does not read the clock: it returns when a token expires, not whether it
has expired. A new check is a function in a module of this package and a line in its table.
"""

from __future__ import annotations

from detector.engine.checks.azure import AZURE
from detector.engine.checks.checksums import CHECKSUMS
from detector.engine.checks.keys import KEYS
from detector.engine.checks.result import Check, CheckResult
from detector.engine.checks.structures import STRUCTURES

__all__ = ["CHECKS", "Check", "Proof", "complete_sample", "run_check"]

CHECKS: dict[str, Check] = {**CHECKSUMS, **AZURE, **STRUCTURES, **KEYS}


def run_check(name: str, secret: bytes) -> CheckResult:
    """Return the result of the check *name* for *secret*."""
    return CHECKS[name].verify(secret)


def complete_sample(name: str, text: str) -> str:
    """Return the characters that, appended to *text*, make it pass the check *name*."""
    check = CHECKS[name]
    if check.complete is None:
        raise ValueError(f"check {name!r} cannot complete a sample")
    return check.complete(text.encode()).decode()
