"""What may be rotated, by whom decided, and where the new value goes.

The policy is a TOML file of the operator's. It never comes from a scanned
repository. Without a file nothing happens by itself: every plan asks, and a
plan only disables. `docs/rotation-policy.md` shows a complete file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.model import VerdictState
from rotators.core.model import CONTAIN_FIRST, ORDERS, REISSUE_FIRST

AUTO = "auto"
AUTO_FINAL = "auto-final"
ASK = "ask"
NEVER = "never"

MAY = ("disable", "reissue", "delete")


class Clause(NamedTuple):
    """One ``[[rotate]]`` table: for these rules, verdicts and credentials, do this.

    `credentials` are globs over what the issuer calls a credential: its id or
    whom it belongs to (``user ci-*``), as a plan shows them.
    """

    rules: tuple[str, ...] = ("*",)
    verdicts: tuple[str, ...] = ("*",)
    credentials: tuple[str, ...] = ("*",)
    decide: str = ASK
    order: str = REISSUE_FIRST
    may: tuple[str, ...] = ("disable",)
    destinations: tuple[str, ...] = ()
    drain: int = 0
    grace: int = 86400
    tell: tuple[str, ...] = ()

    def serves(self, names: tuple[str, ...] | None) -> bool:
        """Tell whether this clause is, or might be, for a credential of these names."""
        return names is None or any(_matches(self.credentials, name) for name in ("", *names))


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

    def clause(self, rule_id: str, verdict: str, names: tuple[str, ...] | None = None) -> Clause:
        """Return the first clause for a finding; without one, ask and only disable.

        *names* are what its issuer calls the credential; as long as nobody has
        asked, a clause for certain credentials might be the one.
        """
        for clause in self.clauses:
            if _matches(clause.rules, rule_id) and _matches(clause.verdicts, verdict) and clause.serves(names):
                return clause
        return Clause()

    def allows(self, account: str) -> bool:
        """Tell whether *account* is on the allow-list; an empty list allows none."""
        return _matches(self.accounts, account)


def _matches(globs: tuple[str, ...], text: str) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def read_policy(path: str | None) -> Policy:
    """Read the file at *path*; None is the default that asks for everything."""
    if path is None:
        return Policy()
    import tomllib

    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o022:
                raise UsageError(f"{path} can be changed by others; chmod go-w it")
            data = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"cannot read the rotation policy {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
    try:
        return _policy(data)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def _policy(data: Mapping[str, Any]) -> Policy:
    _only(data, "the file", {"rotate", "accounts", "limits", "destinations", "rotators", "escrow"})
    destinations = {}
    for name, table in data.get("destinations", {}).items():
        settings = dict(table)
        store = settings.pop("store", None)
        if not isinstance(store, str):
            raise ValueError(f"[destinations.{name}] needs a store")
        destinations[name] = Destination(name, store, settings)
    clauses = tuple(_clause(table, destinations) for table in data.get("rotate", ()))
    limits = dict(data.get("limits", {}))
    _only(limits, "[limits]", set(Limits._fields))
    for name in ("plan_expires", "proof_within", "recent_use"):
        if name in limits:
            limits[name] = duration(limits[name])
    accounts = data.get("accounts", {})
    _only(accounts, "[accounts]", {"allow"})
    return Policy(
        clauses,
        tuple(accounts.get("allow", ())),
        Limits(**limits),
        destinations,
        data.get("rotators", {}),
        data.get("escrow", {}),
    )


def _clause(table: Mapping[str, Any], destinations: Mapping[str, Destination]) -> Clause:
    fields: dict[str, Any] = dict(table)
    _only(fields, "[[rotate]]", set(Clause._fields))
    for name in ("rules", "verdicts", "credentials", "may", "destinations", "tell"):
        if name in fields:
            if isinstance(fields[name], str):
                raise ValueError(f"[[rotate]] {name} is a list")
            fields[name] = tuple(fields[name])
    for name in ("drain", "grace"):
        if name in fields:
            fields[name] = duration(fields[name])
    clause = Clause(**fields)
    if clause.decide not in (AUTO, AUTO_FINAL, ASK, NEVER):
        raise ValueError("[[rotate]] decide is one of auto, auto-final, ask, never")
    if clause.decide == AUTO_FINAL and clause.verdicts != (VerdictState.LIVE,):
        raise ValueError('[[rotate]] decide = "auto-final" is for what is known to be live: verdicts = ["live"]')
    if clause.order not in ORDERS[:2]:
        raise ValueError(f"[[rotate]] order is one of {REISSUE_FIRST}, {CONTAIN_FIRST}")
    if set(clause.may) - set(MAY):
        raise ValueError(f"[[rotate]] may lists {', '.join(MAY)}")
    for name in clause.destinations:
        if name not in destinations:
            raise ValueError(f"[[rotate]] names the destination {name!r}, which no table describes")
    if "reissue" in clause.may and not clause.destinations:
        raise ValueError("[[rotate]] may reissue, but names no destination for the new value")
    return clause


def _only(table: Mapping[str, Any], where: str, known: set[str]) -> None:
    for name in table:
        if name not in known:
            raise ValueError(f"{where} has no {name!r}; known: {', '.join(sorted(known))}")


def duration(text: str | int) -> int:
    """Return a time such as ``90s``, ``15m``, ``24h`` or ``30d`` in seconds.

    >>> duration("24h")
    86400
    """
    if isinstance(text, int):
        return text
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match:
        raise ValueError(f"{text!r} is no duration; write 90s, 15m, 24h or 30d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
