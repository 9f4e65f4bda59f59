"""Which rotator serves a rule, and which store a destination names.

A rotator says which rules it serves; no rule names a rotator. The longest
matching glob wins, so ``aws.ses-*`` goes to SES SMTP although IAM serves
``aws.*``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from types import ModuleType
from typing import Any

from detector.errors import UsageError
from detector.registry import list_names, load_plugin
from rotators.core.contracts import Rotator, Store
from rotators.core.model import Capability, Case

PACKAGE = "rotators"
STORES = "rotators.stores"

BY_HAND = "runbook"
"""The rotator for rules that no other one serves."""


def rotator_names() -> tuple[str, ...]:
    """List our rotators by their public names."""
    return tuple(name for name in list_names(PACKAGE) if name not in ("core", "stores"))


def store_names() -> tuple[str, ...]:
    """List our stores by their public names."""
    return list_names(STORES)


def serves(rule_id: str) -> str | None:
    """Return the name of the rotator for *rule_id*; ours first, then installed ones."""
    best: tuple[int, str] | None = None
    for name in rotator_names():
        module = import_module(f"{PACKAGE}.{name.replace('-', '_')}")
        best = _better(best, name, module, rule_id)
    if best is None:
        from importlib.metadata import entry_points

        for entry in entry_points(group="leakfirst.rotators"):
            best = _better(best, entry.name, entry.load(), rule_id)
    return best[1] if best else None


def _better(best: tuple[int, str] | None, name: str, module: ModuleType, rule_id: str) -> tuple[int, str] | None:
    for glob in module.SERVES:
        if fnmatchcase(rule_id, glob) and (best is None or len(glob) > best[0]):
            best = (len(glob), name)
    return best


def rotator_module(name: str) -> ModuleType:
    """Import the rotator *name*."""
    if name in ("core", "stores"):
        raise UsageError(f"unknown rotator {name!r}; known: {', '.join(rotator_names())}")
    return load_plugin(PACKAGE, name, what="rotator", entry_points="leakfirst.rotators")


def capability(name: str) -> Capability:
    """Return what the issuer behind the rotator *name* offers."""
    found = rotator_module(name).CAPABILITY
    assert isinstance(found, Capability)
    return found


def open_rotator(name: str, case: Case) -> Rotator:
    """Return the rotator *name* for one case."""
    made: Rotator = rotator_module(name).Rotator(case)
    return made


def open_store(name: str, case: Case) -> Store:
    """Return the store *name* for one case; `case.settings` is its destination table."""
    module = load_plugin(STORES, name, what="store", entry_points="leakfirst.stores")
    made: Store = module.Store(case)
    return made


def settings_for(settings: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the ``[rotators.NAME]`` table; dashes and underscores are the same."""
    return settings.get(name) or settings.get(name.replace("-", "_")) or {}
