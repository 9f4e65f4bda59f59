"""Vault and OpenBao tokens: service, batch, root and wrapping tokens.

Everything goes by accessor, so neither journal nor audit log sees a token.
Revoking a token revokes its children and its leases too. Batch tokens have
no accessor and cannot be revoked; a root token is never made anew by us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from detector.secret import Secret
from rotators.core import contracts, vault, vault_tokens
from rotators.core.contracts import Handles, Values
from rotators.core.journal import format_time
from rotators.core.model import (
    Capability,
    Facet,
    FacetReport,
    FacetState,
    Identity,
    NewCredential,
    Proof,
    ProofState,
    StepKind,
    UnexpectedState,
)

SERVES = ("hashicorp.vault-*", "vault.*", "openbao.*")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="children and leases of the token end with it",
    runbook="https://developer.hashicorp.com/vault/docs/concepts/tokens",
)

TESTED = "OpenBao"

RUN = vault_tokens.RUN


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, role, num_uses, accept_differences.

    `role` is the token role of the new one. It has to make orphans: a child of the operator's
    token would end with that.
    """

    identifying = ("cluster", "namespace")

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """Look the token up with the operator's token."""
        found = self._look_up_leaked()
        if found is None:
            raise UnexpectedState("the server does not know this token: it is dead, or of another server")
        self._found = found
        self.case.handles["before.cluster"] = vault.read_cluster(self.case.settings)
        self.case.handles["before.namespace"] = str(found.get("namespace_path") or "").strip("/")
        facts = {name: _to_text(found.get(name)) for name in ("type", "path", "policies", "orphan", "ttl", "num_uses")}
        return Identity(
            handle=found["accessor"] or "batch token",
            account=vault.account_name(self._settings),
            principal=str(found.get("display_name", "")),
            created=format_time(found.get("creation_time", 0)),
            facts=tuple((name, value) for name, value in facts.items() if value),
        )

    def narrow(self, capability: Capability) -> Capability:
        """Batch tokens cannot be revoked; root tokens and logins are made anew by people and consumers."""
        if self._found.get("type") == "batch":
            end = format_time(self.case.clock.now() + int(self._found.get("ttl") or 0))
            limits = f"a batch token cannot be revoked: revoke its parent, tighten its policies, or wait until {end}"
            return Capability(limits=limits, runbook=capability.runbook, provable=True)
        if self._found.get("policies") == ["root"]:
            return capability._replace(can_reissue=False, limits="a root token is made by generate-root, with a quorum")
        if not str(self._found.get("path", "")).startswith("auth/token/create"):
            login = "its owner logs in again: a token of a login is not made by us"
            return capability._replace(can_reissue=False, limits=f"{capability.limits}; {login}")
        if not self.case.settings.get("role"):
            return capability._replace(can_reissue=False)
        return capability

    def blast_radius(self) -> tuple[tuple[str, str], ...]:
        """See `contracts.Rotator`."""
        return (("also ends", "all child tokens and leases of it; no call lists them"),)

    def preconditions(self) -> Handles:
        """The server, the namespace that the token lives in, what the token is, and what may outlive it."""
        found = self._look_up_leaked() or {}
        known = {
            "cluster": vault.read_cluster(self.case.settings),
            "namespace": self.case.handles.get("before.namespace", ""),
            "token": json.dumps(vault_tokens.describe(found), sort_keys=True),
        }
        if accessor := found.get("accessor"):
            known["powers"] = vault_tokens.find_powers(self._settings, accessor)
        return known

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        handle = self.case.handles.get("handle", "")
        revoke = (f"auth/token/revoke-accessor {handle}",)
        return {
            StepKind.MINT: (f"auth/token/create/{self.case.settings.get('role')}",),
            StepKind.PROVE_NEW: ("auth/token/lookup-self with the new token",),
            StepKind.CONTAIN: revoke,
            StepKind.DISABLE: revoke,
            StepKind.PROVE_DEAD: ("auth/token/lookup",),
        }.get(kind, ())

    def preflight(self) -> None:
        """See `contracts.Rotator`."""
        path = f"auth/token/create/{self.case.settings['role']}"
        with vault.translate_errors("capabilities"):
            answer = self._vault_client().sys.get_capabilities([path])
        if not set(answer.get("data", answer).get(path, ())) & {"update", "create", "root"}:
            raise UnexpectedState(f"the operator's token may not write {path}")
        if (self._look_up_leaked() or {}).get("num_uses") and not self.case.settings.get("num_uses"):
            raise UnexpectedState("the uses of the token are limited, and only those left are shown: set num_uses")
        with vault.translate_errors("token role"):
            role = self._vault_client().read(f"auth/token/roles/{self.case.settings['role']}")
        if not role or not role["data"].get("orphan"):
            raise UnexpectedState(
                f"token role {self.case.settings['role']} makes no orphans: the new token would end with the operator's"
            )

    def create(self, values: Values) -> NewCredential:
        """Make a token of the token role that is as the old one was, marked with this run."""
        old = self._describe_old()
        wanted = {"creation_ttl": "ttl", "explicit_max_ttl": "explicit_max_ttl"}
        limits = {theirs: f"{old[ours]}s" for ours, theirs in wanted.items() if old.get(ours)}
        with vault.translate_errors("token create"):
            answer = self._vault_client().auth.token.create(
                role_name=self.case.settings["role"],
                policies=old.get("policies"),
                meta={**old.get("meta", {}), RUN: self.case.run},
                display_name=str(old.get("display_name", "")).removeprefix("token").lstrip("-") or None,
                num_uses=int(self.case.settings.get("num_uses", 0)) or None,
                **limits,
            )["auth"]
        return NewCredential({"value": Secret(answer["client_token"].encode())}, {"new_handle": answer["accessor"]})

    def strays(self) -> tuple[str, ...]:
        """Find tokens that carry this run's mark."""
        path = f"auth/token/create/{self.case.settings['role']}"
        return tuple(vault.find_accessors(self._settings, path, {RUN: self.case.run}))

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        vault.revoke_accessors(self._settings, [handle])

    def verify_new(self, values: Values) -> Proof:
        """See `contracts.Rotator`."""
        with vault.translate_errors("token lookup-self"):
            found = vault.make_client(self._settings, values["value"]).auth.token.lookup_self()["data"]
        accepted = self.case.settings.get("accept_differences", ())
        if told := vault_tokens.find_differences(self._describe_old(), vault_tokens.describe(found), accepted):
            raise UnexpectedState(f"the new token is not as the old one: {'; '.join(told)} (accept_differences)")
        return Proof(ProofState.ALIVE, f"is {found['display_name']}")

    def disable(self) -> Handles:
        """Revoke by accessor; a token that is gone already is fine."""
        vault.check_cluster(self.case)
        vault.revoke_accessors(self._settings, [self.case.handles["handle"]])
        return {}

    def verify_dead(self) -> Proof:
        """Both the token and its accessor must be unknown."""
        return vault.prove_dead(self.case, self._look_up_both, "token")

    def report_rest(self) -> tuple[FacetReport, ...]:
        """Report leases and orphans, which may outlive the token."""
        powers = self.case.handles.get("before.powers")
        if powers is None:
            why = "leases that a batch token opened end with its parent, and are not listed"
            return (FacetReport(Facet.SESSIONS, FacetState.UNKNOWN, why),)
        return vault_tokens.report_rest(self._settings, powers)

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        return {"value": self.case.leak.secret}

    def _describe_old(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.case.handles.get("before.token", "{}"))
        return found

    @property
    def _settings(self) -> Mapping[str, Any]:
        """The settings, for the namespace that the token lives in: its accessor is known there alone."""
        namespace = self.case.handles.get("before.namespace") or self.case.settings.get("namespace")
        return {**self.case.settings, "namespace": namespace}

    def _vault_client(self) -> Any:
        return vault.make_client(self._settings)

    def _look_up_leaked(self) -> dict[str, Any] | None:
        return vault.look_up_token(self.case.settings, self.case.leak.secret)

    def _look_up_both(self) -> dict[str, Any] | None:
        """Look up by the token, then by its accessor, which finds one that the lookup may not see."""
        found = self._look_up_leaked()
        accessor = self.case.handles.get("handle", "")
        if found is not None or not self.case.handles.get("before.cluster"):
            return found
        return vault.look_up_accessor(self._settings, accessor)


def _to_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value in (None, 0, False) else str(value)
