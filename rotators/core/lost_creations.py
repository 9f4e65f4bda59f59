"""When is a credential ours that a crash or a lost answer left behind?

A name or a tag that we chose before the call settles it, where the provider
has one. AWS access keys and Google keys carry none. There the provider's
record of calls settles it (CloudTrail notes our user agent, which carries the
run). Where nobody may read that record, a key counts as ours only if it is
the only new one since the intention, was made within the time that our call
could last, by the provider's clock, and was never used; and the executor
asks the destinations. Anything else is somebody else's: named and left.
"""

from __future__ import annotations

from rotators.core.model import UnexpectedState

CALL_SECONDS = 60
"""How long after the intention our one call can still make something."""

CLOCK_TOLERANCE = 2
"""Seconds by which two servers of one provider may differ."""


def choose_only_new(found: dict[str, float], before: set[str], since: float) -> str | None:
    """Return the only new credential of *found* (id: when it was made) if our call can have made it.

    None if there is no new one. Raises `UnexpectedState`, naming them, if they may be somebody else's.
    """
    fresh = sorted(found.keys() - before)
    if not fresh:
        return None
    if len(fresh) > 1:
        raise_stranger(", ".join(fresh), "there are several")
    if not since - CLOCK_TOLERANCE <= found[fresh[0]] <= since + CALL_SECONDS:
        raise_stranger(fresh[0], "it was not made while our call lasted")
    return fresh[0]


def raise_stranger(name: str, why: str) -> None:
    """Raise the error for a credential that is not shown to be ours."""
    raise UnexpectedState(
        f"{name} is new and not shown to be ours ({why}): it is left as it is; look at it, then resume"
    )
