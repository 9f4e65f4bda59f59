"""The nouns of rotation.

A plan is pure data: it is shown, digested and approved before anything
happens, so it holds no value of any credential, only provider ids. What a
run has done lives in the journal (journal.py); what it *would* do lives here.

Two families of credentials need two protocols. Where *the provider* makes the
value (an AWS key), only the intention can be noted before the call; a value
lost in a crash is gone, so its stray is found, ended, and another one made.
Where *we* make the value (a database password), it is stored durably first
and then set; a crash rolls forward with the same value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from detector.errors import RotationError
from detector.secret import Secret

# -- closed words -------------------------------------------------------------


class StepKind(StrEnum):
    """What a step of a plan does."""

    CONTAIN = "contain"
    MINT = "mint"
    STORE = "store"
    PROVE_NEW = "prove-new"
    PROMOTE = "promote"
    HEALTH = "health"
    TIDY = "tidy"
    DRAIN = "drain"
    DISABLE = "disable"
    PROVE_DEAD = "prove-dead"
    GRACE = "grace"
    DELETE = "delete"
    PROVE_GONE = "prove-gone"
    LIFT = "lift"
    PERSON = "person"


ACTS = frozenset(
    {
        StepKind.CONTAIN,
        StepKind.MINT,
        StepKind.STORE,
        StepKind.PROMOTE,
        StepKind.DISABLE,
        StepKind.DELETE,
        StepKind.LIFT,
    }
)
"""The kinds that change something outside; they count against the limits of the policy."""


class Order(StrEnum):
    """What comes first: to stop the abuse, or to give consumers a new credential."""

    CONTAIN_FIRST = "contain-first"
    REISSUE_FIRST = "reissue-first"
    RECONCILE = "reconcile"


class Decision(StrEnum):
    """How far a plan may go without a person: `AUTO` as far as it is reversible, `AUTO_FINAL` to the end."""

    AUTO = "auto"
    AUTO_FINAL = "auto-final"
    ASK = "ask"
    NEVER = "never"


class Permission(StrEnum):
    """What a policy lets a rotation do."""

    DISABLE = "disable"
    REISSUE = "reissue"
    DELETE = "delete"


class ValueSource(StrEnum):
    """Who makes the new value: the provider, or leakfirst as its client."""

    PROVIDER = "provider"
    CLIENT = "client"


class Overlap(StrEnum):
    """Whether the old and the new value work side by side, or making the new one ends the old one."""

    DUAL = "dual"
    NONE = "none"


class ProofState(StrEnum):
    """What a check of a credential showed."""

    ALIVE = "alive"
    DEAD = "dead"
    UNVERIFIABLE = "unverifiable"
    GONE = "gone"
    """Its provider does not list it any more; the value itself was not tried."""


class Facet(StrEnum):
    """One of the questions whose answers decide how a run ends."""

    VALUE = "value"
    SESSIONS = "sessions"
    STRANGERS = "strangers"
    SERVICE = "service"


class FacetState(StrEnum):
    """What is known about a facet, the worst first. *Bounded*: blocked, untested, and over at a known time."""

    OPEN = "open"
    UNKNOWN = "unknown"
    BOUNDED = "bounded"
    CLOSED = "closed"


class RunState(StrEnum):
    """How far a run has come; the last three are final. *Ended*: all steps are done, and not all can be proven."""

    PLANNED = "planned"
    APPROVED = "approved"
    RUNNING = "running"
    STOPPED = "stopped"
    WAITING = "waiting"
    NEEDS_PERSON = "needs-person"
    FINISHED = "finished"
    ENDED = "ended"
    ROLLED_BACK = "rolled-back"


# -- what may go wrong on the way --------------------------------------------


class UnexpectedState(RotationError):
    """The world is not as the plan saw it: stop, touch nothing more."""


class Refused(UnexpectedState):
    """The provider refused before it acted, or was never reached: nothing was made or changed."""


class WrongIdentity(UnexpectedState):
    """We are not who the policy says we are: nothing is done."""


class ConsumersFailed(UnexpectedState):
    """A check of the consumers does not pass: the old credential is put back, if that is allowed."""


class RateLimited(RotationError):
    """The provider refused because of its rate: nothing happened, ask again later."""

    def __init__(self, message: str, retry_after: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(RotationError):
    """The answer was lost: the act may have happened. `resume` looks first."""


class NotKnownYet(RotationError):
    """The provider will answer later what a step has to know; `seconds` is how long to wait before asking again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotPropagated(RotationError):
    """The provider has not spread a change to all its servers yet."""


# -- what a rotator can do ---------------------------------------------------


class Capability(NamedTuple):
    """What a provider offers, and what it does not.

    With `renews_itself`, consumers get the successor without our help when the
    credential is disabled. With `provable`, its end can be asked about although a person ends it.
    """

    can_contain: bool = False
    can_reissue: bool = False
    reversible_disable: bool = False
    can_delete: bool = False
    overlap: Overlap = Overlap.DUAL
    value_source: ValueSource = ValueSource.PROVIDER
    renews_itself: bool = False
    provable: bool = False
    limits: str = ""
    runbook: str = ""


class Measure(NamedTuple):
    """One change that contains or disables a credential: a step of its own, taken back on its own.

    A measure that is `best_effort` stops nothing when it fails; without any other one the
    credential still works. One that `hinders_new` is lifted before the new credential is
    proven. `lasts` is how many seconds a measure has to stay before it can be lifted; 0: for good.
    """

    name: str
    title: str
    calls: tuple[str, ...]
    best_effort: bool = False
    hinders_new: bool = False
    lasts: int = 0
    lift_calls: tuple[str, ...] = ()


class EarlyEnd(NamedTuple):
    """Why a measure need not stay for its time, and whether it is lifted now or left in place, where it is harmless."""

    why: str
    lift: bool


class Identity(NamedTuple):
    """Whose credential it is: `account` is what the policy's allow-list names."""

    handle: str
    account: str
    principal: str = ""
    created: str = ""
    last_used: str = ""
    facts: tuple[tuple[str, str], ...] = ()


class Leak(NamedTuple):
    """The leaked credential, as far as it is known.

    A rotation by age knows no value, only an id: then `secret` holds the id.
    """

    rule_id: str
    fingerprint: str
    secret: Secret
    parts: Mapping[str, Secret] = {}
    where: tuple[Mapping[str, Any], ...] = ()
    verdict: str = "unchecked"
    runbook: str = ""
    ask: Callable[[Mapping[str, Any]], tuple[str, str]] | None = None
    """Ask by the rule's own probe whether it works: verdict and reason. The settings name `hosts`, `allow_internal`."""

    def values(self) -> tuple[Secret, ...]:
        """Return every value of the credential, the main one first."""
        return (self.secret, *self.parts.values())


class NewCredential(NamedTuple):
    """A new credential: values by field name, and the provider ids of it."""

    values: Mapping[str, Secret]
    handles: Mapping[str, str] = {}


class Proof(NamedTuple):
    """The outcome of a check, and what it rests on."""

    state: ProofState
    why: str = ""


class FacetReport(NamedTuple):
    """How a facet stands, and what that rests on."""

    facet: Facet
    state: FacetState
    why: str


class Clock(NamedTuple):
    """Time, handed in: seconds since the epoch, and a way to wait."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


class Case(NamedTuple):
    """What a rotator or store is given: one credential in one run.

    `handles` grows as steps report the provider ids that they learnt; it is
    rebuilt from the journal when a run resumes.
    """

    run: str
    leak: Leak
    settings: Mapping[str, Any]
    handles: dict[str, str]
    clock: Clock


# -- plans -------------------------------------------------------------------


class RotationStep(NamedTuple):
    """One step of a plan: what will be called, and whether it can be taken back.

    `target` names a destination, the measure of a step that contains, disables or lifts, or a check of the policy.
    """

    id: str
    kind: StepKind
    title: str
    calls: tuple[str, ...] = ()
    reversible: bool = True
    target: str = ""
    wait: int = 0
    link: str = ""
    best_effort: bool = False


class RotationPlan(NamedTuple):
    """What a run will do, in order. Times are ISO 8601 in UTC."""

    id: str
    fingerprint: str
    rule_id: str
    rotator: str
    stores: tuple[str, ...]
    order: Order
    value_source: ValueSource
    lock: str
    decision: Decision
    facts: tuple[tuple[str, str], ...]
    unprovable: tuple[str, ...]
    steps: tuple[RotationStep, ...]
    preconditions: Mapping[str, str]
    where: tuple[Mapping[str, Any], ...]
    notify: tuple[str, ...]
    created_at: str
    expires_at: str
    bindings: Mapping[str, str] = {}
    made_by: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON data."""
        data: dict[str, Any] = {"schema": "leakfirst/rotation-plan/1", **self._asdict()}
        data["steps"] = [step._asdict() for step in self.steps]
        return data

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical plan: what an approval names."""
        return hashlib.sha256(to_canonical_json(self.as_json())).hexdigest()


def to_canonical_json(data: object) -> bytes:
    """Return JSON with one spelling: sorted keys, no spaces, ASCII."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def parse_plan(data: Mapping[str, Any]) -> RotationPlan:
    """Read a plan back; anything missing or unknown is a `UnexpectedState`."""
    fields = dict(data)
    if fields.pop("schema", None) != "leakfirst/rotation-plan/1":
        raise UnexpectedState("this is no rotation plan that we know how to read")
    try:
        fields["steps"] = tuple(
            RotationStep(**{**step, "kind": StepKind(step["kind"]), "calls": tuple(step["calls"])})
            for step in fields["steps"]
        )
        for name, words in (("order", Order), ("value_source", ValueSource), ("decision", Decision)):
            fields[name] = words(fields[name])
        fields["facts"] = tuple((name, value) for name, value in fields["facts"])
        for name in ("stores", "unprovable", "where", "notify"):
            fields[name] = tuple(fields[name])
        return RotationPlan(**fields)
    except (KeyError, TypeError, ValueError):
        raise UnexpectedState("the plan file is damaged; make a new plan") from None
