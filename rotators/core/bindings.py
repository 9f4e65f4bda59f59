"""What a plan is bound to besides its steps: where values go, and as whom we act.

An approval names the digest of a plan. So the plan holds the settings of its
rotator and of each destination, and what they lead to: the account, the server,
our own identity there. Whoever edits an address, a region, a path or a profile
after the approval has another plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from rotators.core import catalogue, identities
from rotators.core.contracts import Rotator, Store
from rotators.core.model import RotationStep, StepKind, UnexpectedState, WrongIdentity, to_canonical_json
from rotators.core.policy import Policy

ROTATOR = "rotator"
DESTINATION = "destination"
PROOF = "proof"
BOUND = identities.NAMES | {"auth_mount", "auth_role", "auth_namespace", "namespace", "account"}
"""Settings of an identity that a plan is bound to."""


def bind_rotator(policy: Policy, name: str, rotator: Rotator) -> dict[str, str]:
    """Return what the plan is bound to at the provider."""
    settings = {"rotator": name, **catalogue.select_settings(policy.rotators, name), **_select_identity(rotator)}
    return {ROTATOR: _describe(settings), **_resolve(ROTATOR, rotator)}


def bind_proofs(policy: Policy, steps: Iterable[RotationStep]) -> dict[str, str]:
    """Return the checks that *steps* name, as the policy has them."""
    names = {step.target for step in steps if step.kind in (StepKind.PROVE_NEW, StepKind.HEALTH) and step.target}
    rules = [policy.proofs[name] for name in sorted(names) if name in policy.proofs]
    return {f"{PROOF}.{one.name}": _describe({"kind": one.kind, "within": one.within, **one.settings}) for one in rules}


def bind_destinations(policy: Policy, stores: Mapping[str, Store]) -> dict[str, str]:
    """Return what the plan is bound to at its destinations."""
    found = {}
    for name, store in stores.items():
        destination = policy.destinations[name]
        settings = {"store": destination.store, **destination.settings, **_select_identity(store)}
        found[f"{DESTINATION}.{name}"] = _describe(settings)
        found |= _resolve(f"{DESTINATION}.{name}", store)
    return found


def _select_identity(part: Rotator | Store) -> dict[str, Any]:
    """Return the settings that an identity of the policy has added."""
    return {name: value for name, value in part.case.settings.items() if name in BOUND}


def _describe(settings: Mapping[str, Any]) -> str:
    """Return settings in one spelling; a file of certificates with the digest of its content."""
    described = dict(settings)
    for name in settings:
        if name.endswith("ca_file"):
            described[f"{name} sha256"] = _digest_file(str(settings[name]))
    return to_canonical_json(described).decode()


def _digest_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return sha256(file.read()).hexdigest()
    except OSError:
        return "unreadable"


def _resolve(where: str, part: Rotator | Store) -> dict[str, str]:
    """Return what the settings lead to. What cannot be found out is left out."""
    try:
        found = part.resolve()
    except WrongIdentity:
        raise
    except Exception:  # a library's error may quote a request; what it says is of no use here
        return {}
    return {f"{where}.{name}": value for name, value in found.items() if value}


def compare_bindings(planned: Mapping[str, str], now: Mapping[str, str], where: str) -> None:
    """Raise `UnexpectedState` if what *planned* says of *where* is another thing now, or cannot be confirmed."""
    ours = {name: value for name, value in planned.items() if name.split(".")[0] == where}
    changed = sorted(name for name, value in ours.items() if now.get(name) != value)
    if changed and changed == sorted(name for name in changed if name not in now):
        raise UnexpectedState(f"cannot be confirmed now: {', '.join(changed)}; nothing was done, try again")
    if changed:
        raise UnexpectedState(
            f"not what the plan was approved for: {', '.join(changed)}; make a new plan and approve that"
        )
