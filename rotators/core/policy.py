"""What may be rotated, by whom decided, and where the new value goes.

The policy is a TOML file of the operator's. It never comes from a scanned
repository. Without a file nothing happens by itself: every plan asks, and a
plan only disables. `docs/rotation-policy.md` shows a complete file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeVar

from detector.errors import UsageError
from detector.files.trusted import find_operator_file, find_unknown_key, parse_toml, read_operator_file
from detector.model import VerdictState
from rotators.core.approvals import ApprovalRole, ApprovalRules, SignedScope
from rotators.core.identities import IdentityRule, list_settings
from rotators.core.model import Decision, Order, Permission
from rotators.core.proofs import NEEDED, SETTINGS, ProofRule

Word = TypeVar("Word", bound=StrEnum)


TABLES = {"rotate", "accounts", "limits", "destinations", "rotators", "escrow", "approvals", "identities", "proofs"}


class Clause(NamedTuple):
    """One ``[[rotate]]`` table: for these rules, verdicts and credentials, do this.

    `credentials` are globs over what the provider calls a credential: its id or
    whom it belongs to (``user ci-*``), as a plan shows them. `rotator` is used
    instead of the one that serves the rule. `prove` and `health` name checks (proofs.py).
    """

    rules: tuple[str, ...] = ("*",)
    verdicts: tuple[str, ...] = ("*",)
    credentials: tuple[str, ...] = ("*",)
    decide: Decision = Decision.ASK
    order: Order = Order.REISSUE_FIRST
    may: tuple[str, ...] = (Permission.DISABLE,)
    destinations: tuple[str, ...] = ()
    drain: int = 0
    grace: int = 86400
    notify: tuple[str, ...] = ()
    rotator: str = ""
    prove: tuple[str, ...] = ()
    health: tuple[str, ...] = ()

    def serves(self, names: tuple[str, ...] | None) -> bool:
        """Tell whether this clause is, or might be, for a credential of these names."""
        return names is None or any(_matches_any(self.credentials, name) for name in ("", *names))


class Limits(NamedTuple):
    """Caps on what one run, and all runs within an hour, may change."""

    acts_per_run: int = 20
    acts_per_hour: int = 60
    plan_expires: int = 3600
    proof_within: int = 120
    recent_use: int = 3600
    stop_file: str = ""


class Destination(NamedTuple):
    """A ``[destinations.NAME]`` table: which store, and its settings."""

    name: str
    store: str
    settings: Mapping[str, Any]


class Policy(NamedTuple):
    """The operator's file, read once."""

    clauses: tuple[Clause, ...] = ()
    accounts: tuple[str, ...] = ()
    limits: Limits = Limits()
    destinations: Mapping[str, Destination] = {}
    rotators: Mapping[str, Mapping[str, Any]] = {}
    escrow: Mapping[str, Any] = {}
    approvals: ApprovalRules = ApprovalRules()
    identities: tuple[IdentityRule, ...] = ()
    proofs: Mapping[str, ProofRule] = {}

    def clause(self, rule_id: str, verdict: str, names: tuple[str, ...] | None = None) -> Clause:
        """Return the first clause for a finding; without one, ask and only disable.

        *names* are what its provider calls the credential; as long as nobody has
        asked, a clause for certain credentials might be the one.
        """
        for clause in self.clauses:
            if _matches_any(clause.rules, rule_id) and _matches_any(clause.verdicts, verdict) and clause.serves(names):
                return clause
        return Clause()

    def allows(self, account: str) -> bool:
        """Tell whether *account* is on the allow-list; an empty list allows none."""
        return _matches_any(self.accounts, account)


def _matches_any(globs: tuple[str, ...], text: str) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def load_policy(path: str) -> Policy:
    """Return the policy at *path*; for "" the one in the user's configuration folder, else the default."""
    if not path:
        path = find_operator_file("rotation.toml")
    return read_policy(path or None)


def read_policy(path: str | None) -> Policy:
    """Read the file at *path*; None is the default that asks for everything."""
    if path is None:
        return Policy()
    data = parse_toml(read_operator_file(path), path)
    try:
        return _parse_policy(data)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def _parse_policy(data: Mapping[str, Any]) -> Policy:
    _check_keys(data, "the file", TABLES)
    destinations = {}
    for name, table in data.get("destinations", {}).items():
        settings = dict(table)
        store = settings.pop("store", None)
        if not isinstance(store, str):
            raise ValueError(f"[destinations.{name}] needs a store")
        destinations[name] = Destination(name, store, settings)
    proofs = {name: _parse_proof(name, table) for name, table in data.get("proofs", {}).items()}
    clauses = tuple(_parse_clause(table, destinations, proofs) for table in data.get("rotate", ()))
    limits = dict(data.get("limits", {}))
    _check_keys(limits, "[limits]", set(Limits._fields))
    for name in ("plan_expires", "proof_within", "recent_use"):
        if name in limits:
            limits[name] = parse_duration(limits[name])
    accounts = data.get("accounts", {})
    _check_keys(accounts, "[accounts]", {"allow"})
    return Policy(
        clauses,
        tuple(accounts.get("allow", ())),
        Limits(**limits),
        destinations,
        data.get("rotators", {}),
        data.get("escrow", {}),
        _parse_approvals(data.get("approvals", {})),
        tuple(_parse_identity(table) for table in data.get("identities", ())),
        proofs,
    )


def _parse_proof(name: str, table: Mapping[str, Any]) -> ProofRule:
    settings = dict(table)
    kind = settings.pop("kind", None)
    if kind not in SETTINGS:
        raise ValueError(f"[proofs.{name}] kind is one of {', '.join(SETTINGS)}")
    within = parse_duration(settings.pop("within", 120))
    _check_keys(settings, f"[proofs.{name}]", set(SETTINGS[kind]))
    if missing := [needed for needed in NEEDED[kind] if not settings.get(needed)]:
        raise ValueError(f"[proofs.{name}] needs {missing[0]}")
    return ProofRule(name, kind, settings, within)


def _parse_identity(table: Mapping[str, Any]) -> IdentityRule:
    settings = dict(table)
    accounts = settings.pop("accounts", None)
    if not isinstance(accounts, list) or not accounts or not all(isinstance(glob, str) for glob in accounts):
        raise ValueError('[[identities]] needs accounts, a list of globs such as "aws:*"')
    _check_keys(settings, "[[identities]]", set(list_settings(accounts)))
    return IdentityRule(tuple(accounts), settings)


def _parse_approvals(table: Mapping[str, Any]) -> ApprovalRules:
    fields = dict(table)
    _check_keys(fields, "[approvals]", set(ApprovalRules._fields))
    for name in (SignedScope.CONTAIN, SignedScope.REVERSIBLE, SignedScope.FINAL):
        if not isinstance(fields.get(name, 1), int) or not 1 <= fields.get(name, 1) <= 9:
            raise ValueError(f"[approvals] {name} is the number of approvals: 1 to 9")
    if "longest" in fields:
        fields["longest"] = parse_duration(fields["longest"])
    if fields and not fields.get("approvers"):
        raise ValueError("[approvals] needs approvers: a file as ssh-keygen(1), ALLOWED SIGNERS, describes it")
    roles = []
    for row in fields.get("roles", ()):
        _check_keys(row, "[[approvals.roles]]", set(ApprovalRole._fields))
        lists = {name: value for name, value in row.items() if name != "scope"}
        if any(isinstance(value, str) for value in lists.values()) or "who" not in row:
            raise ValueError("[[approvals.roles]] needs who; who, rules, accounts and steps are lists")
        scope = _parse_word(tuple(SignedScope)[1:], row.get("scope", SignedScope.FINAL), "scope is one of")
        roles.append(ApprovalRole(**{name: tuple(value) for name, value in lists.items()}, scope=scope))
    return ApprovalRules(**{**fields, "roles": tuple(roles)})


def _parse_clause(
    table: Mapping[str, Any], destinations: Mapping[str, Destination], proofs: Mapping[str, ProofRule]
) -> Clause:
    fields: dict[str, Any] = dict(table)
    _check_keys(fields, "[[rotate]]", set(Clause._fields))
    for name in ("rules", "verdicts", "credentials", "may", "destinations", "notify", "prove", "health"):
        if name in fields:
            if isinstance(fields[name], str):
                raise ValueError(f"[[rotate]] {name} is a list")
            fields[name] = tuple(fields[name])
    for name in ("drain", "grace"):
        if name in fields:
            fields[name] = parse_duration(fields[name])
    fields["decide"] = _parse_word(Decision, fields.get("decide", Decision.ASK), "decide is one of")
    fields["order"] = _parse_word(
        (Order.REISSUE_FIRST, Order.CONTAIN_FIRST), fields.get("order", Order.REISSUE_FIRST), "order is one of"
    )
    fields["may"] = tuple(
        _parse_word(Permission, name, "may lists") for name in fields.get("may", (Permission.DISABLE,))
    )
    if not isinstance(fields.get("rotator", ""), str):
        raise ValueError("[[rotate]] rotator is the name of one rotator")
    clause = Clause(**fields)
    if clause.decide == Decision.AUTO_FINAL and clause.verdicts != (VerdictState.LIVE,):
        raise ValueError('[[rotate]] decide = "auto-final" is for what is known to be live: verdicts = ["live"]')
    for name in clause.destinations:
        if name not in destinations:
            raise ValueError(f"[[rotate]] names the destination {name!r}, which no table describes")
    for name in (*clause.prove, *clause.health):
        if name not in proofs:
            raise ValueError(f"[[rotate]] names the proof {name!r}, which no table describes")
    if "reissue" in clause.may and not clause.destinations:
        raise ValueError("[[rotate]] may reissue, but names no destination for the new value")
    return clause


def _parse_word(words: Iterable[Word], value: object, what: str) -> Word:
    for word in words:
        if word == value:
            return word
    raise ValueError(f"[[rotate]] {what} {', '.join(words)}")


def _check_keys(table: Mapping[str, Any], where: str, known: set[str]) -> None:
    if problem := find_unknown_key(table, known, where):
        raise ValueError(problem)


def parse_duration(text: str | int) -> int:
    """Return a time such as ``90s``, ``15m``, ``24h`` or ``30d`` in seconds.

    >>> parse_duration("24h")
    86400
    """
    if isinstance(text, int):
        return text
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match:
        raise ValueError(f"{text!r} is no duration; write 90s, 15m, 24h or 30d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
