"""The life of a finding: what one more look at a repository makes of it.

A pure function of what was known and what was seen. A credential that is gone
from every branch is still in the history, and one that is gone from the history
was still readable for a while: neither ends its life. It ends by being rotated,
found dead, or closed by somebody with a reason, and begins again when what was
closed comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from detector.model import VerdictState

OPEN = "open"
HISTORY = "history"
ABSENT = "absent"
ROTATED = "rotated"
DEAD = "dead"
CLOSED = "closed"

UNSETTLED = (OPEN, HISTORY, ABSENT)
"""Somebody still has to do something: the credential stands at a tip, in the history, or did until now."""
SETTLED = (ROTATED, DEAD, CLOSED)

FOR_GOOD = ("false-positive", "accepted-risk")
"""Reasons with which a finding stays closed although it is seen again, even anew."""

POLICY = "policy"
"""Who closes what an allow-list or a baseline sets aside."""

EVENTS = ("opened", "gone", "back", "absent", "rotated", "dead", "closed", "reopened")

DEADLINES: Mapping[str, float] = {"critical": 1, "high": 7, "medium": 30, "low": 90}
"""Days from opening to the deadline; a severity that is not named has none."""


class Seen(NamedTuple):
    """What one look said of a credential: does it stand at a tip, what set it aside, what the issuer answered."""

    at_tip: bool
    ignored: str = ""
    verdict: str = ""


class Place(NamedTuple):
    """One place where a credential stands; `tip` says that it stands there today."""

    kind: str
    path: str
    object_id: str
    commit: str
    line: int
    column: int
    author: str = ""
    date: str = ""
    tip: bool = False


class Sight(NamedTuple):
    """One credential in one repository, as a look at it saw it; `shown` is the redacted form.

    With `ignored` something sets it aside, and it is told only so that a
    finding which is known can be closed.
    """

    fingerprint: str
    rule: str
    severity: str
    confidence: str
    shown: str
    at_tip: bool
    places: tuple[Place, ...] = ()
    owner: str = ""
    verdict: str = ""
    ignored: str = ""


class Life(NamedTuple):
    """Where a finding stands. Instants are ISO 8601 in UTC; the deadline counts from `opened`."""

    state: str
    at_tip: bool
    first_seen: str
    last_seen: str
    opened: str
    reason: str = ""
    by: str = ""


class Event(NamedTuple):
    """Something that happened to a finding."""

    what: str
    detail: str = ""


def advance(previous: Life | None, seen: Seen | None, now: str) -> tuple[Life | None, tuple[Event, ...]]:
    """Return what *seen* makes of *previous*, and the events on the way.

    *seen* is None when everything was read and the credential was not there.
    Seeing the same again changes `last_seen` alone.
    """
    if previous is None:
        if seen is None or seen.ignored:
            return None, ()
        life = Life(_place(seen), seen.at_tip, now, now, now)
        opened = Event("opened", "" if seen.at_tip else "in the history only")
        if seen.verdict == VerdictState.DEAD:
            return life._replace(state=DEAD, reason="the issuer refuses it"), (opened, Event("dead"))
        return life, (opened,)
    if seen is None:
        if previous.state in SETTLED:
            return previous._replace(at_tip=False), ()
        events = () if previous.state == ABSENT else (Event("absent"),)
        return previous._replace(state=ABSENT, at_tip=False), events
    life = previous._replace(at_tip=seen.at_tip, last_seen=max(previous.last_seen, now))
    if previous.state in SETTLED:
        why = _again(previous, seen)
        if not why:
            return life, ()
        if seen.verdict != VerdictState.DEAD:
            return life._replace(state=_place(seen), opened=now, reason="", by=""), (Event("reopened", why),)
    if seen.ignored:
        return life._replace(state=CLOSED, reason=seen.ignored, by=POLICY), (Event("closed", seen.ignored),)
    if seen.verdict == VerdictState.DEAD:
        return life._replace(state=DEAD, reason="the issuer refuses it", by=""), (Event("dead"),)
    state = _place(seen)
    if state == previous.state:
        return life, ()
    return life._replace(state=state), (Event("gone" if previous.state == OPEN else "back"),)


def settle(previous: Life, state: str, reason: str, by: str) -> tuple[Life, tuple[Event, ...]]:
    """Return *previous* as somebody ends it: rotated, dead or closed; doing so twice changes nothing."""
    assert state in SETTLED
    if previous.state == state and previous.reason == reason:
        return previous, ()
    return previous._replace(state=state, reason=reason, by=by), (Event(state, reason),)


def reopen(previous: Life, now: str, why: str) -> tuple[Life, tuple[Event, ...]]:
    """Return *previous* open again, with a new clock; what is open stays as it is."""
    if previous.state in UNSETTLED:
        return previous, ()
    state = OPEN if previous.at_tip else HISTORY
    return previous._replace(state=state, opened=now, reason="", by=""), (Event("reopened", why),)


def deadline(opened: str, severity: str, days: Mapping[str, float]) -> str:
    """Return the instant by which a finding has to be settled, or ""."""
    from datetime import datetime, timedelta

    allowed = days.get(severity)
    if allowed is None:
        return ""
    return (datetime.fromisoformat(opened) + timedelta(days=allowed)).isoformat(timespec="seconds")


def _place(seen: Seen) -> str:
    return OPEN if seen.at_tip else HISTORY


def _again(previous: Life, seen: Seen) -> str:
    """Say why a settled finding opens again, or ""."""
    if seen.ignored:
        return ""
    if previous.state == CLOSED:
        if previous.by == POLICY:
            return "nothing sets it aside any more"
        if previous.reason.partition(":")[0] in FOR_GOOD:
            return ""
    if seen.verdict == VerdictState.LIVE:
        return "the issuer accepts it"
    if previous.state == CLOSED and seen.at_tip and not previous.at_tip:
        return "it is back at a tip"
    return ""
