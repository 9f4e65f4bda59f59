"""The lifecycle of a finding: how one more scan of its repository changes its state.

Pure functions of what was known and what was observed. A credential that is
removed from every branch is still in the history, and one that is removed from
the history was readable for a while: neither resolves the finding. It is
resolved when the credential is rotated, when the provider rejects it, or when
somebody closes it with a reason. It is reopened when a closed credential returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from detector.model import VerdictState


class FindingState(StrEnum):
    """Where a finding is in its lifecycle.

    `OPEN`: the credential is at a branch head. `HISTORY`: it is only in older
    commits. `ABSENT`: it was removed from the history.
    """

    OPEN = "open"
    HISTORY = "history"
    ABSENT = "absent"
    ROTATED = "rotated"
    DEAD = "dead"
    CLOSED = "closed"


UNRESOLVED = (FindingState.OPEN, FindingState.HISTORY, FindingState.ABSENT)
"""Somebody still has to act: the credential can be read, or could be until now."""

RESOLVED = (FindingState.ROTATED, FindingState.DEAD, FindingState.CLOSED)


class EventKind(StrEnum):
    """What happened to a finding. `REMOVED` and `RETURNED` speak of branch heads."""

    OPENED = "opened"
    REMOVED = "removed"
    RETURNED = "returned"
    ABSENT = "absent"
    ROTATED = "rotated"
    DEAD = "dead"
    CLOSED = "closed"
    REOPENED = "reopened"


NEEDS_ACTION = (EventKind.OPENED, EventKind.REOPENED, EventKind.RETURNED)
"""Events after which somebody has to act."""

FINAL_REASONS = ("false-positive", "accepted-risk")
"""Reasons after which a closed finding stays closed, even if the credential returns."""

POLICY = "policy"
"""Who closes a finding that an allow-list or a baseline ignores."""

LOW_CONFIDENCE = "confidence "
"""How the reason begins why a finding of low confidence is not reported."""

DEADLINES: Mapping[str, float] = {"critical": 1, "high": 7, "medium": 30, "low": 90}
"""Days from opening to the deadline, by severity; other severities have none."""


class Observation(NamedTuple):
    """What one scan observed of a credential: is it at a branch head, why is it ignored, what is its verdict."""

    at_head: bool
    ignored: str = ""
    verdict: str = ""


class FindingLocation(NamedTuple):
    """One location of a credential; with `at_head` it is in the current version of a branch."""

    kind: str
    path: str
    object_id: str
    commit: str
    line: int
    column: int
    author: str = ""
    date: str = ""
    at_head: bool = False


class ObservedFinding(NamedTuple):
    """One credential in one repository, without its value.

    With a reason in `ignored`, it is recorded as closed for it.
    """

    fingerprint: str
    rule: str
    severity: str
    confidence: str
    redacted: str
    at_head: bool
    locations: tuple[FindingLocation, ...] = ()
    owner: str = ""
    verdict: str = ""
    ignored: str = ""


class FindingStatus(NamedTuple):
    """The state of a finding. Instants are ISO 8601 in UTC; the deadline counts from `opened`."""

    state: FindingState
    at_head: bool
    first_seen: str
    last_seen: str
    opened: str
    reason: str = ""
    resolved_by: str = ""


class Event(NamedTuple):
    """Something that happened to a finding."""

    kind: EventKind
    detail: str = ""


Transition = tuple[FindingStatus, tuple[Event, ...]]
"""The new status of a finding, and the events that led to it."""


def advance(
    previous: FindingStatus | None, observed: Observation | None, now: str
) -> tuple[FindingStatus | None, tuple[Event, ...]]:
    """Return the status after *observed*, and the events.

    *observed* is None when everything was read and the credential was not found.
    Repeating an observation changes `last_seen` alone. What an ignore file sets aside is
    recorded as closed by it, so that it leaves a trace; a low confidence leaves none.
    """
    if previous is None:
        return _open_first(observed, now) if observed else (None, ())
    if observed is None:
        return _miss(previous)
    status = previous._replace(at_head=observed.at_head, last_seen=max(previous.last_seen, now))
    if previous.state in RESOLVED:
        reason = _explain_reopening(previous, observed)
        if not reason:
            return status, ()
        if observed.verdict != VerdictState.DEAD:
            reopened = status._replace(state=_state_of(observed), opened=now, reason="", resolved_by="")
            return reopened, (Event(EventKind.REOPENED, reason),)
    if observed.ignored:
        closed = status._replace(state=FindingState.CLOSED, reason=observed.ignored, resolved_by=POLICY)
        return closed, (Event(EventKind.CLOSED, observed.ignored),)
    if observed.verdict == VerdictState.DEAD:
        return status._replace(state=FindingState.DEAD, reason=_REJECTED, resolved_by=""), (Event(EventKind.DEAD),)
    state = _state_of(observed)
    if state == previous.state:
        return status, ()
    kind = EventKind.REMOVED if previous.state == FindingState.OPEN else EventKind.RETURNED
    return status._replace(state=state), (Event(kind),)


_REJECTED = "the provider rejects it"


def _open_first(observed: Observation, now: str) -> tuple[FindingStatus | None, tuple[Event, ...]]:
    if observed.ignored.startswith(LOW_CONFIDENCE):
        return None, ()
    status = FindingStatus(_state_of(observed), observed.at_head, now, now, now)
    if observed.ignored:
        closed = status._replace(state=FindingState.CLOSED, reason=observed.ignored, resolved_by=POLICY)
        return closed, (Event(EventKind.CLOSED, observed.ignored),)
    opened = Event(EventKind.OPENED, "" if observed.at_head else "only in history")
    if observed.verdict == VerdictState.DEAD:
        return status._replace(state=FindingState.DEAD, reason=_REJECTED), (opened, Event(EventKind.DEAD))
    return status, (opened,)


def _miss(previous: FindingStatus) -> Transition:
    """Return the status of a finding whose credential was not found any more."""
    if previous.state in RESOLVED:
        return previous._replace(at_head=False), ()
    events = () if previous.state == FindingState.ABSENT else (Event(EventKind.ABSENT),)
    return previous._replace(state=FindingState.ABSENT, at_head=False), events


def resolve(previous: FindingStatus, state: FindingState, reason: str, by: str) -> Transition:
    """Resolve a finding as rotated, dead or closed; repeating it changes nothing."""
    assert state in RESOLVED
    if previous.state == state and previous.reason == reason:
        return previous, ()
    return previous._replace(state=state, reason=reason, resolved_by=by), (Event(EventKind(state), reason),)


def reopen(previous: FindingStatus, now: str, reason: str) -> Transition:
    """Reopen a resolved finding with a new deadline; an unresolved one stays as it is."""
    if previous.state in UNRESOLVED:
        return previous, ()
    state = FindingState.OPEN if previous.at_head else FindingState.HISTORY
    status = previous._replace(state=state, opened=now, reason="", resolved_by="")
    return status, (Event(EventKind.REOPENED, reason),)


def compute_deadline(opened: str, severity: str, days: Mapping[str, float]) -> str:
    """Return the instant by which a finding has to be resolved, or "" if there is none."""
    from datetime import datetime, timedelta

    allowed = days.get(severity)
    if allowed is None:
        return ""
    return (datetime.fromisoformat(opened) + timedelta(days=allowed)).isoformat(timespec="seconds")


def _state_of(observed: Observation) -> FindingState:
    return FindingState.OPEN if observed.at_head else FindingState.HISTORY


def _explain_reopening(previous: FindingStatus, observed: Observation) -> str:
    """Return why a resolved finding is reopened, or ""."""
    if observed.ignored:
        return ""
    if previous.state == FindingState.CLOSED:
        if previous.resolved_by == POLICY:
            return "it is no longer ignored"
        if previous.reason.partition(":")[0] in FINAL_REASONS:
            return ""
    if observed.verdict == VerdictState.LIVE:
        return "the provider accepts it"
    if previous.state == FindingState.CLOSED and observed.at_head and not previous.at_head:
        return "it is at a branch head again"
    return ""
