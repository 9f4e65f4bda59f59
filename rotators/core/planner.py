"""Turn a leak into a plan that a person can read before anything happens.

Planning only looks: it asks the provider whose credential it is, what it can
do and who uses it, and the destinations what they hold. What cannot be done
by a call becomes a step for a person; what cannot be proven is said so.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from detector.errors import LeakfirstError, RotationError, UsageError
from detector.net.log_silencing import silence_client_logs
from detector.secret import Secret
from rotators.core import bindings, catalogue, field_mapping, identities, proofs
from rotators.core.contracts import Rotator, Store
from rotators.core.escrow import Escrow, EscrowedStore, make_sealer
from rotators.core.journal import format_time, name_ourselves, parse_time
from rotators.core.locks import make_lock_name
from rotators.core.model import (
    ACTS,
    Capability,
    Case,
    Clock,
    Decision,
    Identity,
    Leak,
    Order,
    Permission,
    RotationPlan,
    RotationStep,
    ValueSource,
)
from rotators.core.plan_steps import make_steps
from rotators.core.policy import Clause, Policy
from rotators.core.scrubbing import scrub


def open_stores(
    names: tuple[str, ...], ours: tuple[str, ...], policy: Policy, case: Case, folder: str, key: bytes
) -> dict[str, Store]:
    """Open destinations by name; those without staging get an escrow."""
    escrow = Escrow(folder, make_sealer(policy.escrow, key))
    stores: dict[str, Store] = {}
    for name in names:
        destination = policy.destinations.get(name)
        if destination is None:
            raise UsageError(f"the policy has no [destinations.{name}]")
        account = catalogue.guess_store_account(destination.store, case.leak, destination.settings)
        settings = identities.complete_settings(policy.identities, destination.settings, account, case.run)
        identities.refuse_leaked(settings, case.leak, account)
        settings = field_mapping.complete_fields(settings, ours)
        store = catalogue.open_store(destination.store, case._replace(settings=settings))
        stores[name] = store if store.staged else EscrowedStore(name, store, escrow)
    return stores


def make_plan(
    leak: Leak,
    policy: Policy,
    folder: str,
    key: bytes,
    clock: Clock,
    *,
    rotator_name: str | None = None,
    order: Order | None = None,
    made_by: str = "",
) -> RotationPlan:
    """Look at *leak* and plan. Raises `RotationError` for a credential that the policy forbids."""
    wanted = rotator_name or policy.clause(leak.rule_id, leak.verdict).rotator
    name = wanted or catalogue.find_rotator(leak.rule_id) or catalogue.RUNBOOK
    _check_before_looking(policy, leak)
    capability = catalogue.get_capability(name)
    case = Case(secrets.token_hex(16), leak, {}, {}, clock)
    failed = ""
    with silence_client_logs(other_libraries=True):
        try:
            rotator, identity = _identify(name, case, policy)
            view = _look(rotator, identity, capability, policy, folder, key, order)
            proven = bindings.bind_proofs(policy, view.steps)
            bound = {**bindings.bind_rotator(policy, name, rotator), **view.bindings, **proven}
        except LeakfirstError:
            raise
        except Exception as error:
            failed = scrub(describe_error(error), leak.values())
    if failed:
        # Raised out here, the new error has no context: the first one may quote a value.
        raise RotationError(f"{name} cannot plan: {failed}")
    decision, facts = view.clause.decide, view.facts
    if decision in (Decision.AUTO, Decision.AUTO_FINAL) and view.recent_use and view.order != Order.CONTAIN_FIRST:
        # With contain-first, use is what has to be stopped.
        decision, facts = Decision.ASK, (*facts, ("needs approval because", f"it was used recently: {view.recent_use}"))
    now = clock.now()
    return RotationPlan(
        id=case.run,
        fingerprint=leak.fingerprint,
        rule_id=leak.rule_id,
        rotator=name,
        stores=view.destinations,
        order=view.order,
        value_source=view.value_source,
        lock=make_lock_name(key, name, view.handle),
        decision=decision,
        facts=facts,
        unprovable=view.unprovable,
        steps=view.steps,
        preconditions=view.preconditions,
        where=leak.where,
        notify=view.clause.notify,
        created_at=format_time(now),
        expires_at=format_time(now + policy.limits.plan_expires),
        bindings=bound,
        made_by=made_by or name_ourselves(),
    )


class _View(NamedTuple):
    """What looking at a credential showed, and what follows from it for the plan."""

    handle: str
    clause: Clause
    order: Order
    value_source: ValueSource
    destinations: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    steps: tuple[RotationStep, ...]
    preconditions: dict[str, str]
    unprovable: tuple[str, ...]
    recent_use: str
    bindings: dict[str, str]


def _identify(name: str, case: Case, policy: Policy) -> tuple[Rotator, Identity]:
    """Ask whose credential it is, as the one who acts for the account that it is of."""
    table = catalogue.select_settings(policy.rotators, name)
    account = catalogue.guess_account(name, case.leak, table)
    for _ in range(2):
        settings = identities.complete_settings(policy.identities, table, account, case.run)
        case = case._replace(settings=settings, handles={})
        rotator = catalogue.open_rotator(name, case)
        identity = rotator.identify()
        identities.refuse_leaked(settings, case.leak, identity.account)
        account = identity.account
        if settings == identities.complete_settings(policy.identities, table, account, case.run):
            return rotator, identity
    raise RotationError(f"the credential is of {identity.account}, for which [[identities]] has somebody else")


def _look(
    rotator: Rotator,
    identity: Identity,
    capability: Capability,
    policy: Policy,
    folder: str,
    key: bytes,
    order: Order | None,
) -> _View:
    """Ask the provider and the destinations; nothing is changed anywhere."""
    case = rotator.case
    leak = case.leak
    case.handles["handle"] = identity.handle
    clause = policy.clause(leak.rule_id, leak.verdict, (identity.handle, identity.principal))
    _check_allowed(clause, leak)
    chosen = order or clause.order
    capability = rotator.narrow(capability)
    reissue = Permission.REISSUE in clause.may and capability.can_reissue
    destinations = clause.destinations if reissue else ()
    if chosen == Order.RECONCILE and not destinations:
        raise UsageError("only a credential that may be reissued into a destination can be reconciled")
    stores = open_stores(destinations, rotator.fields, policy, case, folder, key)
    facts = _collect_facts(identity, rotator, capability)
    if stores and clause.health:
        clause, told = _check_health(clause, chosen, rotator, identity, policy)
        facts += told
    steps = make_steps(clause, chosen, capability, rotator, stores)
    if any(step.kind in ACTS for step in steps) and not policy.allows(identity.account):
        raise RotationError(f"{identity.account} is not on the policy's list of allowed accounts")
    return _View(
        handle=identity.handle,
        clause=clause,
        order=chosen,
        value_source=capability.value_source,
        destinations=destinations,
        facts=facts,
        steps=steps,
        preconditions=collect_preconditions(rotator, stores, key),
        unprovable=rotator.unprovable(),
        recent_use=rotator.used_since(case.clock.now() - policy.limits.recent_use),
        bindings=bindings.bind_destinations(policy, stores),
    )


def _check_health(
    clause: Clause, order: Order, rotator: Rotator, identity: Identity, policy: Policy
) -> tuple[Clause, tuple[tuple[str, str], ...]]:
    """Leave out the checks of consumers that fail already, with the old value: they would say nothing."""
    shown = proofs.select_shown(rotator.old_values(), rotator.public, identity.handle)
    tried = proofs.Tried(rotator.case.run, {}, shown)
    failing = {name: why for name in clause.health if (why := proofs.find_failure(policy.proofs[name], tried))}
    if failing and order != Order.CONTAIN_FIRST:
        told = "; ".join(f"{name}: {why}" for name, why in failing.items())
        raise RotationError(f"the consumers do not work with the old value, so they cannot show anything: {told}")
    facts = tuple(("consumers not checked", f"{name} does not pass now: {why}") for name, why in failing.items())
    return clause._replace(health=tuple(name for name in clause.health if name not in failing)), facts


def _check_before_looking(policy: Policy, leak: Leak) -> None:
    """Raise where the policy forbids the credential already by its rule and verdict."""
    clause = policy.clause(leak.rule_id, leak.verdict)
    if clause.credentials == Clause().credentials:
        _check_allowed(clause, leak)


def _check_allowed(clause: Clause, leak: Leak) -> None:
    if clause.decide == Decision.NEVER:
        raise RotationError(f"the policy says never for {leak.rule_id} with verdict {leak.verdict}")


def collect_preconditions(rotator: Rotator, stores: Mapping[str, Store], key: bytes) -> dict[str, str]:
    """Return the facts that a plan rests on: the provider's and each destination's."""
    found = {f"provider.{name}": value for name, value in rotator.preconditions().items()}
    for name, store in stores.items():
        found[f"destination.{name}"] = digest_content(store, key)
    return found


def digest_content(store: Store, key: bytes) -> str:
    """Return a keyed digest of what a destination holds for us, or its version when write-only."""
    values = store.read_back()
    if values is None:
        return f"mark:{store.mark()}"
    return digest_values(values, key)


def digest_values(values: Mapping[str, Secret], key: bytes) -> str:
    """Return a keyed digest of *values*: equal marks, equal values."""
    spelled = sorted((field, value.digest(key)) for field, value in values.items())
    return hmac.new(key, repr(spelled).encode(), sha256).hexdigest()[:32]


def describe_error(error: BaseException) -> str:
    """Return an exception's type and text on one line, not yet scrubbed."""
    return f"{type(error).__name__}: {error}"


def is_expired(plan: RotationPlan, clock: Clock) -> bool:
    """Tell whether *plan* is too old to be approved or begun."""
    return clock.now() > parse_time(plan.expires_at)


def _collect_facts(identity: Identity, rotator: Rotator, capability: Capability) -> tuple[tuple[str, str], ...]:
    facts = [("account", identity.account), ("credential", identity.handle)]
    known = {"principal": identity.principal, "created": identity.created, "last used": identity.last_used}
    facts += [(name, value) for name, value in known.items() if value]
    facts += identity.facts
    facts += rotator.blast_radius()
    if capability.limits:
        facts.append(("limits", capability.limits))
    return tuple(facts)
