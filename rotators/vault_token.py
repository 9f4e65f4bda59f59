"""Vault and OpenBao tokens: service, batch, root and wrapping tokens.

Everything goes by accessor, so neither journal nor audit log sees a token.
Revoking a token revokes its children and its leases too. Batch tokens have
no accessor and cannot be revoked; a root token is never made anew by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.secret import Secret
from rotators.core import contracts, vault
from rotators.core.contracts import Handles, Values
from rotators.core.journal import format_time
from rotators.core.model import Capability, Identity, NewCredential, Proof, ProofState, StepKind, UnexpectedState

SERVES = ("hashicorp.vault-*", "vault.*", "openbao.*")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="children and leases of the token end with it",
    runbook="https://developer.hashicorp.com/vault/docs/concepts/tokens",
)

RUN = "leakfirst_run"


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, role (token role of the new one)."""

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
            limits = "a batch token cannot be revoked: revoke its parent, tighten its policies, or wait for its end"
            return Capability(limits=limits, runbook=capability.runbook)
        if self._found.get("policies") == ["root"]:
            return capability._replace(can_reissue=False, limits="a root token is made by generate-root, with a quorum")
        if not self.case.settings.get("role"):
            return capability._replace(can_reissue=False)
        return capability

    def blast_radius(self) -> tuple[tuple[str, str], ...]:
        """See `contracts.Rotator`."""
        return (("also ends", "all child tokens and leases of it; no call lists them"),)

    def preconditions(self) -> Handles:
        """The server, and the namespace that the token lives in."""
        cluster = vault.read_cluster(self.case.settings)
        return {"cluster": cluster, "namespace": self.case.handles.get("before.namespace", "")}

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

    def create(self, values: Values) -> NewCredential:
        """Make a token of the token role, marked with this run."""
        with vault.translate_errors("token create"):
            answer = self._vault_client().auth.token.create(
                role_name=self.case.settings["role"],
                meta={RUN: self.case.run},
                display_name=f"leakfirst-{self.case.run[:8]}",
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
        return Proof(ProofState.ALIVE, f"is {found['display_name']}")

    def disable(self) -> Handles:
        """Revoke by accessor; a token that is gone already is fine."""
        vault.check_cluster(self.case)
        vault.revoke_accessors(self._settings, [self.case.handles["handle"]])
        return {}

    def verify_dead(self) -> Proof:
        """Both the token and its accessor must be unknown."""
        return vault.prove_dead(self.case, self._look_up_both, "token")

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        return {"value": self.case.leak.secret}

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
