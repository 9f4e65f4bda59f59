"""Which rotator serves a rule, and which store a destination names.

A rotator says which rules it serves; no rule names a rotator, but the policy
may. The longest matching glob wins, so ``aws.ses-*`` goes to SES SMTP although
IAM serves ``aws.*``; of equal globs the one of another distribution wins.
Every plug-in is checked against its Protocol before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import chain
from types import ModuleType
from typing import Any, NamedTuple, cast

from detector.errors import UsageError
from detector.registry import check_contract, find_installed, import_installed, list_names, load_plugin
from rotators.core.contracts import Rotator, RotatorModule, Store, StoreModule
from rotators.core.model import Capability, Case, Leak, Overlap, ValueSource

PACKAGE = "rotators"
STORES = "rotators.stores"
ENTRY_POINTS = "leakfirst.rotators"
STORE_ENTRY_POINTS = "leakfirst.stores"

RUNBOOK = "runbook"
"""The rotator for rules that no other one serves."""


def list_rotators() -> tuple[str, ...]:
    """List our rotators by their public names."""
    return tuple(name for name in list_names(PACKAGE) if name not in ("core", "stores"))


def list_stores() -> tuple[str, ...]:
    """List our stores by their public names."""
    return list_names(STORES)


def find_rotator(rule_id: str) -> str | None:
    """Return the name of the rotator for *rule_id*: the longest glob wins, and of equal ones another distribution's.

    Whoever installs a rotator for a rule wants it to be used. Raises `UsageError` if
    a rotator does not fulfil `RotatorModule`.
    """
    ours = ((name, load_rotator(name)) for name in list_rotators())
    return _choose(rule_id, chain(_load_installed(), ours))


def _load_installed() -> Iterator[tuple[str, RotatorModule]]:
    for name, entry in find_installed(PACKAGE, ENTRY_POINTS).items():
        yield name, _check_rotator(import_installed(entry, "rotator"))


def _choose(rule_id: str, modules: Iterator[tuple[str, RotatorModule]]) -> str | None:
    """Return the name whose glob for *rule_id* is the longest."""
    best: tuple[int, str] | None = None
    for name, module in modules:
        for glob in module.SERVES:
            if fnmatchcase(rule_id, glob) and (best is None or len(glob) > best[0]):
                best = (len(glob), name)
    return best[1] if best else None


def load_rotator(name: str) -> RotatorModule:
    """Import the rotator *name*. Raises `UsageError` if it is unknown or does not fulfil `RotatorModule`."""
    if name in ("core", "stores"):
        raise UsageError(f"unknown rotator {name!r}; known: {', '.join(list_rotators())}")
    return _check_rotator(load_plugin(PACKAGE, name, what="rotator", entry_points=ENTRY_POINTS))


def _check_rotator(module: ModuleType) -> RotatorModule:
    check_contract(module, RotatorModule, "rotator")
    if not isinstance(module.CAPABILITY, Capability):
        raise UsageError(f"rotator {module.__name__!r} does not fulfil RotatorModule: CAPABILITY is no Capability")
    return cast(RotatorModule, module)


def get_capability(name: str) -> Capability:
    """Return what the provider behind the rotator *name* offers."""
    return load_rotator(name).CAPABILITY


def open_rotator(name: str, case: Case) -> Rotator:
    """Return the rotator *name* for one case. Raises `UsageError` if its class does not fulfil `Rotator`."""
    module = load_rotator(name)
    check_contract(cast(type, module.Rotator), Rotator, "rotator")
    return module.Rotator(case)


def open_store(name: str, case: Case) -> Store:
    """Return the store *name* for one case. Raises `UsageError` if it does not fulfil `Store`."""
    made: Store = _load_store(name)(case)
    return made


def _load_store(name: str) -> Any:
    module = load_plugin(STORES, name, what="store", entry_points=STORE_ENTRY_POINTS)
    check_contract(module, StoreModule, "store")
    check_contract(module.Store, Store, "store")
    return module.Store


def guess_account(rotator: str, leak: Leak, settings: Mapping[str, Any]) -> str:
    """Return the account that *leak* seems to be of (`Rotator.guess_account`)."""
    guess = getattr(load_rotator(rotator).Rotator, "guess_account", None)
    return str(guess(leak, settings)) if guess else ""


def guess_store_account(store: str, leak: Leak, settings: Mapping[str, Any]) -> str:
    """Return the account that the settings of a destination lead to (`Store.guess_account`)."""
    guess = getattr(_load_store(store), "guess_account", None)
    return str(guess(leak, settings)) if guess else ""


def select_settings(settings: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the ``[rotators.NAME]`` table; dashes and underscores are the same."""
    return settings.get(name) or settings.get(name.replace("-", "_")) or {}


class Entry(NamedTuple):
    """What a rotator offers, in words; `tested` says what its own tests run against."""

    name: str
    serves: str
    ends: str
    reissues: str
    limits: str
    tested: str


def describe_rotators() -> tuple[Entry, ...]:
    """Describe our rotators as their modules declare them."""
    return tuple(_describe(name, load_rotator(name)) for name in list_rotators())


def _describe(name: str, module: RotatorModule) -> Entry:
    can = module.CAPABILITY
    serves = ", ".join(module.SERVES) or "what the policy names it for"
    if name == RUNBOOK:
        serves = "every rule that no other one serves"
    tested = getattr(module, "TESTED", "documented answers")
    return Entry(name, serves, _describe_end(can), _describe_reissue(can), can.limits, tested)


def _describe_end(can: Capability) -> str:
    if can.reversible_disable:
        return "disabled, later deleted" if can.can_delete else "disabled, can be taken back"
    return "revoked, for good" if can.can_contain or can.can_delete else "by hand"


def _describe_reissue(can: Capability) -> str:
    if can.can_reissue:
        ours = "the value is ours" if can.value_source == ValueSource.CLIENT else "yes"
        return f"{ours}; the old one ends with it" if can.overlap == Overlap.NONE else ours
    return "by itself" if can.renews_itself else "no"
