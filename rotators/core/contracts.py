"""What a rotator and a store promise: a Protocol for the module, and one for its class.

Both classes get a `Case` and keep nothing else. Every method looks before it
acts, so repeating one does no harm. Methods return provider ids for the
journal, never values.

The method bodies here are right for a service that offers nothing; a module
overrides what its service can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from detector.secret import Secret
from rotators.core.model import (
    Capability,
    Case,
    EarlyEnd,
    FacetReport,
    Identity,
    Leak,
    Measure,
    NewCredential,
    Proof,
    ProofState,
    StepKind,
    UnexpectedState,
)

Handles = Mapping[str, str]
Values = Mapping[str, Secret]


class Rotator(Protocol):
    """Mints and ends credentials at their provider.

    `fields` are the values that make up one credential; those in `public` are
    names rather than secrets (a user, an access key id).
    """

    fields: tuple[str, ...] = ("value",)
    public: frozenset[str] = frozenset()
    identifying: tuple[str, ...] | None = None
    """The `preconditions` that say whose credential it is: containing stops for no other one. None: all of them."""
    changed_by_measures: tuple[str, ...] = ()
    """The `preconditions` that our own measures change."""
    case: Case

    def __init__(self, case: Case) -> None:
        self.case = case

    @staticmethod
    def guess_account(leak: Leak, settings: Mapping[str, Any]) -> str:  # noqa: ARG004
        """Return the account that the credential seems to be of, or "": it chooses who asks whose it is."""
        return ""

    def identify(self) -> Identity:
        """Say whose credential it is. Read-only."""
        raise NotImplementedError

    def narrow(self, capability: Capability) -> Capability:
        """Return what is possible for this very credential, after `identify`."""
        return capability

    def resolve(self) -> Handles:
        """Name what the settings lead to: the account or server, and our own identity there. It binds the plan."""
        return {}

    def blast_radius(self) -> tuple[tuple[str, str], ...]:
        """List what ending the credential touches: last use, consumers, dependants."""
        return ()

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """Name the calls that a step of *kind* will make, for the plan."""
        return ()

    def unprovable(self) -> tuple[str, ...]:
        """List what nobody can prove about ending this credential."""
        return ()

    def preconditions(self) -> Handles:
        """Return the facts that the plan rests on; `apply` compares them again."""
        return {}

    def preflight(self) -> None:
        """Raise unless `create` will be allowed and has room."""

    def contain(self) -> Handles:
        """Stop the abuse now, without making anything new."""
        return self.disable()

    def measures(self, kind: StepKind) -> tuple[Measure, ...]:
        """List the changes of a contain or disable step, the most urgent one first; empty: `contain` or `disable`."""
        return ()

    def look_at(self, measure: str) -> Handles:
        """Return what stands where *measure* changes something; the journal keeps it with the intention."""
        raise NotImplementedError

    def take(self, measure: str) -> Handles:
        """Carry *measure* out, unless it is in place."""
        raise NotImplementedError

    def lift(self, measure: str) -> None:
        """Put back what `look_at` saw before *measure*, and read it back. Raises if it is not so."""
        raise NotImplementedError

    def ends_early(self, measure: str) -> EarlyEnd | None:
        """Say why *measure* need not stay for its whole time, if that is shown."""
        return None

    def report_rest(self) -> tuple[FacetReport, ...]:
        """Report sessions and strangers when every step is done; a facet that is not named cannot exist here."""
        return ()

    def describe_now(self) -> str:
        """Return what is: the state of the credential and of what this run added, on one line. Read-only."""
        return ""

    def generate(self) -> Values:
        """Make the new value here (only where the value is ours)."""
        raise NotImplementedError

    def before_create(self) -> Handles:
        """Return what the journal keeps with the intention to create, to recognise a lost credential by."""
        return {}

    def create(self, values: Values) -> NewCredential:
        """Make the new credential, or set *values* where the value is ours. Never repeated blindly.

        Raises `Refused` only if nothing was made; after any other error the next call looks for strays.
        """
        raise NotImplementedError

    def strays(self) -> tuple[str, ...]:
        """List ids of credentials that this run is shown to have made and lost before storing them.

        Called only if an attempt has no known outcome. One that might be somebody else's raises
        `UnexpectedState` with its name; `NotKnownYet` asks for time.
        """
        return ()

    def discard(self, handle: str) -> None:
        """End a new credential that no consumer has; not-found is success."""

    def verify_new(self, values: Values) -> Proof:
        """Use the new value once; anything but live raises or says why."""
        return Proof(ProofState.UNVERIFIABLE, "the provider offers no check")

    def promote(self) -> Handles:
        """Make the new credential the first one at the provider, where it has such a notion."""
        return {}

    def used_since(self, when: float) -> str:
        """Say who used the old credential after *when*; empty when nobody is known to have."""
        return ""

    def disable(self) -> Handles:
        """Stop the old credential; reversible where the capability says so."""
        raise NotImplementedError

    def verify_dead(self) -> Proof:
        """Ask whether the old credential still works. One look, no waiting."""
        return Proof(ProofState.UNVERIFIABLE, "the provider offers no check")

    def before_delete(self) -> Handles:
        """Return what the journal keeps with the intention to delete, since nobody can ask for it afterwards."""
        return {}

    def delete(self) -> Handles:
        """Remove the old credential for good; not-found is success."""
        raise NotImplementedError

    def undo(self, kind: StepKind) -> None:
        """Take back what a step of *kind* did to the old credential."""
        raise UnexpectedState(f"{kind} cannot be taken back here")

    def old_values(self) -> Values:
        """Return the old credential by field name, to restore a destination; may be empty."""
        return {}

    def reconcile(self, values: Values) -> NewCredential:
        """Replace a stored value that does not work."""
        return self.create(values)


class Store(Protocol):
    """Where consumers read a credential.

    `staged` stores keep a pending value beside the current one; for the others
    the executor keeps it in escrow (escrow.py) until it is promoted. The
    settings' `fields` say which values go here, and under which names.
    """

    staged: ClassVar[bool]
    case: Case

    def __init__(self, case: Case) -> None:
        self.case = case

    @staticmethod
    def guess_account(leak: Leak, settings: Mapping[str, Any]) -> str:  # noqa: ARG004
        """Return the account that the settings lead to, "" if they do not tell: it chooses who writes there."""
        return ""

    def kept(self, values: Values) -> Values:
        """Return the part of *values* that goes here."""
        return {name: values[name] for name in self.case.settings["fields"] if name in values}

    def resolve(self) -> Handles:
        """Name what the settings lead to: the account or server, and our own identity there. It binds the plan."""
        return {}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """Name the calls that a step of *kind* will make, for the plan."""
        return ()

    def preflight(self) -> None:
        """Raise unless a write will be allowed and find what it expects."""
        raise NotImplementedError

    def put_pending(self, token: str, values: Values) -> Handles:
        """Keep *values* beside the current ones."""
        raise NotImplementedError

    def pending(self, token: str) -> Values | None:
        """Return the pending values of *token*, or None."""
        raise NotImplementedError

    def promote(self, token: str, values: Values) -> Handles:
        """Make *values* the current ones, unless somebody else changed them meanwhile."""
        raise NotImplementedError

    def read_back(self) -> Values | None:
        """Return the current values of our fields; None where the store is write-only."""
        raise NotImplementedError

    def mark(self) -> str:
        """Return what changes when somebody writes a write-only store (a version, a time)."""
        return ""

    def restore(self, token: str, old: Values) -> Handles:
        """Bring the values from before `promote` back."""
        raise NotImplementedError

    def settle(self, token: str) -> Handles:
        """Drop what is left of the pending value."""
        return {}


class RotatorModule(Protocol):
    """rotators/<name>.py: a rotator for credentials of some rules."""

    @property
    def SERVES(self) -> tuple[str, ...]:
        """Globs over rule ids; of several rotators the one with the longest matching glob serves a rule."""

    @property
    def CAPABILITY(self) -> Capability:
        """What the provider offers."""

    def Rotator(self, case: Case) -> Rotator:
        """Return the rotator for one case."""


class StoreModule(Protocol):
    """rotators/stores/<name>.py: a store for one kind of destination."""

    def Store(self, case: Case) -> Store:
        """Return the store for one case; `case.settings` is its ``[destinations.NAME]`` table."""


class ListsByAge(Protocol):
    """What a rotator module adds to be found by age (``--older-than``)."""

    def inventory(self, settings: Mapping[str, object], before: float) -> Iterable[Leak]:
        """List credentials made before *before* (seconds since the epoch)."""
        ...
