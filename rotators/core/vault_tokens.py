"""What a token is, and what it could do: whether a replacement is its equal, and what may outlive it.

A token ends together with its children and leases, except for orphans that it made
and leases whose revocation fails. Whether it could make either has to be asked
while it lives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rotators.core import vault
from rotators.core.model import Facet, FacetReport, FacetState, UnexpectedState

RUN = "leakfirst_run"
"""The name of our mark in the metadata of what we make."""

COMPARED = (
    "bound_cidrs", "creation_ttl", "display_name", "entity_id", "explicit_max_ttl", "meta", "namespace_path",
    "period", "policies", "renewable", "type",
)  # fmt: skip
"""What a replacement has in common with its predecessor. Uses are not among them: a look shows those that are left."""

LEASELESS = frozenset({"kv", "generic", "cubbyhole", "system", "identity", "transit", "totp", "transform"})
"""Types of engines that hand out nothing that lives on its own."""

WRITES = frozenset({"create", "update", "sudo", "root"})

Names = tuple[str, ...] | None
"""Paths; None where the operator may not ask."""


def describe(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is compared of a token, as a lookup shows it."""
    known: dict[str, Any] = {name: found.get(name) or "" for name in COMPARED}
    known["policies"] = sorted(set(found.get("policies") or ()) - set(found.get("identity_policies") or ()))
    known["meta"] = {name: value for name, value in (found.get("meta") or {}).items() if name != RUN}
    return {name: value for name, value in known.items() if value}


def find_differences(old: Mapping[str, Any], new: Mapping[str, Any], accepted: Iterable[str]) -> list[str]:
    """Say in what a replacement differs, besides what is *accepted*.

    >>> find_differences({"period": 60, "type": "service"}, {"type": "service"}, ())
    ['period is nothing instead of 60']
    """
    names = sorted(old.keys() | new.keys() - set(accepted))
    return [
        f"{name} is {new.get(name) or 'nothing'} instead of {old.get(name) or 'nothing'}"
        for name in names
        if name not in accepted and old.get(name) != new.get(name)
    ]


# -- what a token could make ----------------------------------------------------


def find_powers(settings: Mapping[str, Any], accessor: str) -> str:
    """Return as text where the token *accessor* may make orphans and leases; it is asked while the token lives."""
    return json.dumps(
        {"orphans": _find_orphan_paths(settings, accessor), "leases": _find_lease_paths(settings, accessor)}
    )


def report_rest(settings: Mapping[str, Any], powers: str) -> tuple[FacetReport, ...]:
    """Report what may live on of an ended token that had *powers*."""
    known: dict[str, list[str] | None] = json.loads(powers)
    return (_report_leases(settings, known["leases"]), _report_orphans(known["orphans"]))


def _report_orphans(paths: list[str] | None) -> FacetReport:
    if paths is None:
        why = "whether it could make tokens that outlive it: the operator may not ask (sys/capabilities-accessor)"
        return FacetReport(Facet.STRANGERS, FacetState.UNKNOWN, why)
    if paths:
        why = f"it may have made what outlives it by {', '.join(paths)}"
        return FacetReport(Facet.STRANGERS, FacetState.UNKNOWN, why)
    return FacetReport(Facet.STRANGERS, FacetState.CLOSED, "its policies let it make no token that outlives it")


def _report_leases(settings: Mapping[str, Any], paths: list[str] | None) -> FacetReport:
    if paths is None:
        why = "which leases it could open: the operator may not ask (sys/mounts, sys/capabilities-accessor)"
        return FacetReport(Facet.SESSIONS, FacetState.UNKNOWN, why)
    if not paths:
        why = "its children ended with it, and its policies let it open no lease"
        return FacetReport(Facet.SESSIONS, FacetState.CLOSED, why)
    left, failing = 0, 0
    for path in paths:
        leases = _list_names(settings, f"sys/leases/lookup/{path}")
        if leases is None:
            why = f"leases under {path}: the operator may not list them (sudo on sys/leases/lookup)"
            return FacetReport(Facet.SESSIONS, FacetState.UNKNOWN, why)
        for lease in leases:
            found = vault.look_up_lease(settings, f"{path}/{lease}")
            left += found is not None
            failing += found is not None and int(found.get("ttl") or 0) <= 0
    where = ", ".join(paths)
    if failing:
        why = f"{failing} leases under {where} are over and not revoked: their accounts may be alive"
        return FacetReport(Facet.SESSIONS, FacetState.OPEN, why)
    if left:
        why = f"{left} leases are left under {where}; the server does not tell whose"
        return FacetReport(Facet.SESSIONS, FacetState.UNKNOWN, why)
    return FacetReport(
        Facet.SESSIONS, FacetState.CLOSED, f"its children ended with it, and no lease is left under {where}"
    )


def _find_orphan_paths(settings: Mapping[str, Any], accessor: str) -> Names:
    try:
        makers = [
            f"auth/token/create/{role}"
            for role in _require(_list_names(settings, "auth/token/roles"))
            if vault.ask(settings, f"auth/token/roles/{role}", method="GET").data.get("orphan")
        ]
        for mount, kind in _list_mounts(settings, "sys/auth"):
            if kind == "approle":
                roles = _require(_list_names(settings, f"auth/{mount}role"))
                makers += [f"auth/{mount}role/{role}/secret-id" for role in roles]
        writes = _select(settings, accessor, ["auth/token/create-orphan", *makers], WRITES)
        return (*writes, *_select(settings, accessor, ["auth/token/create"], frozenset({"sudo", "root"})))
    except UnexpectedState:
        return None


def _find_lease_paths(settings: Mapping[str, Any], accessor: str) -> Names:
    try:
        paths = [
            f"{mount}creds/{role}"
            for mount, kind in _list_mounts(settings, "sys/mounts")
            if kind not in LEASELESS
            for role in _require(_list_names(settings, f"{mount}roles"))
        ]
        return tuple(_select(settings, accessor, paths, WRITES | {"read"}))
    except UnexpectedState:
        return None


def _list_mounts(settings: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    reply = vault.ask(settings, path, method="GET")
    if reply.status != 200:
        raise UnexpectedState(f"{path}: HTTP {reply.status}")
    return sorted((mount, str(one["type"])) for mount, one in reply.data.items() if isinstance(one, Mapping))


def _list_names(settings: Mapping[str, Any], path: str) -> list[str] | None:
    """Return what is listed at *path*, with folders opened; None if the operator may not list it."""
    reply = vault.ask(settings, path, method="LIST")
    if reply.status == 404:
        return []
    if reply.status != 200:
        return None
    found: list[str] = []
    for name in map(str, reply.data.get("keys") or ()):
        inner = _list_names(settings, f"{path}/{name.rstrip('/')}") if name.endswith("/") else None
        found += [f"{name}{one}" for one in inner] if inner is not None else [name]
    return found


def _require(names: list[str] | None) -> list[str]:
    if names is None:
        raise UnexpectedState("may not be listed")
    return names


def _select(settings: Mapping[str, Any], accessor: str, paths: list[str], wanted: frozenset[str]) -> list[str]:
    """Return those of *paths* where the token may do what is *wanted*."""
    if not paths:
        return []
    reply = vault.ask(settings, "sys/capabilities-accessor", {"accessor": accessor, "paths": paths})
    if reply.status != 200:
        raise UnexpectedState(f"sys/capabilities-accessor: HTTP {reply.status}")
    return [path for path in paths if wanted & set(reply.data.get(path) or ())]
