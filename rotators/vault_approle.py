"""AppRole secret-ids, and the tokens that were issued for them.

Destroying a secret-id leaves its tokens alive, so they are swept: those that
carry the secret-id's own metadata, or all of the role's old ones when the
settings say `sweep = "role"`. The new secret-id carries this run's mark in
its metadata, so its tokens are told apart.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import contracts, vault
from rotators.core.contracts import Handles, Values
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

SERVES = ("hashicorp.vault-approle*", "vault.approle*", "openbao.approle*")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="tokens that were issued for a secret-id outlive it and are swept on their own",
    runbook="https://developer.hashicorp.com/vault/docs/auth/approle",
)

TESTED = "OpenBao"

RUN = "leakfirst_run"

BOUNDS = ("cidr_list", "token_bound_cidrs")
"""Where a secret-id and its tokens may be used from."""

MOST_LOOK_UPS = 2000
"""Tokens of a server up to which a plan looks each one up; more would take minutes, and nobody waits for a plan."""


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, mount, role, sweep."""

    fields = ("secret_id",)

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """Find the role that knows the secret-id."""
        for role in self._list_roles():
            if found := self._look_up(role):
                self.case.handles["before.role"] = role
                self.case.handles["before.cluster"] = vault.read_cluster(self.case.settings)
                self.case.handles["before.metadata"] = _to_text(found.get("metadata"))
                told = ("secret_id_num_uses", "secret_id_ttl", "expiration_time")
                facts = [("role", role), *((name, str(found[name])) for name in told if found.get(name))]
                return Identity(
                    handle=found["secret_id_accessor"],
                    account=vault.account_name(self.case.settings),
                    principal=f"approle {role}",
                    created=str(found.get("creation_time", "")),
                    facts=tuple(facts),
                )
        raise UnexpectedState("no AppRole knows this secret-id: it is used up, dead, or of another mount")

    def blast_radius(self) -> tuple[tuple[str, str], ...]:
        """Count the role's other secret-ids and the tokens that will be swept."""
        others = len(self._list_accessors()) - 1
        tokens = str(len(self._list_tokens())) if (total := self._count_tokens()) <= MOST_LOOK_UPS else ""
        tokens = tokens or f"not counted: the server has {total}, and each is looked up when the secret-id is ended"
        return (("other secret-ids of the role", str(others)), ("tokens to sweep", tokens))

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        if self._find_metadata() is None:
            return ("which of the role's tokens were issued for this secret-id: it has no metadata of its own",)
        return ()

    def report_rest(self) -> tuple[FacetReport, ...]:
        """Report the tokens of the secret-id: swept, unless nothing tells them from others of the role."""
        if self._find_metadata() is None:
            others = len(self._list_accessors())
            why = f"which tokens of the role were issued for this secret-id: {others} others of it have metadata alike"
            return (FacetReport(Facet.SESSIONS, FacetState.UNKNOWN, why),)
        left = len(self._list_tokens())
        state = FacetState.OPEN if left else FacetState.CLOSED
        return (FacetReport(Facet.SESSIONS, state, f"{left} tokens with its metadata are left"),)

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        role, metadata = self.case.handles["before.role"], self.case.handles["before.metadata"]
        found = self._look_up(role) or {}
        bounds = {name: " ".join(sorted(found.get(name) or ())) for name in BOUNDS}
        return {"role": role, "metadata": metadata, "cluster": vault.read_cluster(self.case.settings), **bounds}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        base = f"auth/{self._mount}/role/{self.case.handles.get('before.role')}"
        end = (f"{base}/secret-id/destroy", "auth/token/revoke-accessor for each of its tokens")
        return {
            StepKind.MINT: (f"{base}/secret-id",),
            StepKind.PROVE_NEW: (f"auth/{self._mount}/login with the new secret-id, then auth/token/revoke-self",),
            StepKind.CONTAIN: end,
            StepKind.DISABLE: end,
            StepKind.PROVE_DEAD: (f"{base}/secret-id/lookup",),
        }.get(kind, ())

    def preflight(self) -> None:
        """See `contracts.Rotator`."""
        path = f"auth/{self._mount}/role/{self._role}/secret-id"
        with vault.translate_errors("capabilities"):
            answer = self._vault_client().sys.get_capabilities([path])
        if not set(answer.get("data", answer).get(path, ())) & {"update", "create", "root"}:
            raise UnexpectedState(f"the operator's token may not write {path}")

    def create(self, values: Values) -> NewCredential:
        """Make a secret-id with the old one's metadata and this run's mark."""
        metadata = {**_from_text(self.case.handles["before.metadata"]), RUN: self.case.run}
        handles = self.case.handles
        bounds = {name: handles[f"before.{name}"].split() for name in BOUNDS if handles.get(f"before.{name}")}
        with vault.translate_errors("secret-id"):
            data = self._approle().generate_secret_id(self._role, metadata, mount_point=self._mount, **bounds)["data"]
        return NewCredential(
            {"secret_id": Secret(data["secret_id"].encode())}, {"new_handle": data["secret_id_accessor"]}
        )

    def strays(self) -> tuple[str, ...]:
        """Find secret-ids that carry this run's mark."""
        marks = {one: (self._read_accessor(one).get("metadata") or {}).get(RUN) for one in self._list_accessors()}
        return tuple(accessor for accessor, mark in marks.items() if mark == self.case.run)

    def discard(self, handle: str) -> None:
        """Destroying an unknown accessor is a server error, so look first."""
        if handle in self._list_accessors():
            with vault.translate_errors("secret-id destroy"):
                self._approle().destroy_secret_id_accessor(self._role, handle, mount_point=self._mount)

    def verify_new(self, values: Values) -> Proof:
        """Sign in, and sign out again."""
        with vault.translate_errors("approle login"):
            role_id = self._approle().read_role_id(self._role, mount_point=self._mount)["data"]["role_id"]
            answer = self._approle().login(
                role_id, values["secret_id"].reveal().decode(), use_token=False, mount_point=self._mount
            )["auth"]
            vault.make_client(self.case.settings, Secret(answer["client_token"].encode())).auth.token.revoke_self()
        self._check_equal()
        return Proof(ProofState.ALIVE, f"signs in with {', '.join(answer['policies'])}")

    def _check_equal(self) -> None:
        """Raise `UnexpectedState` unless the new secret-id is bound as the old one was."""
        if "new_handle" not in self.case.handles:
            return
        found = self._read_accessor(self.case.handles["new_handle"])
        for name in BOUNDS:
            now, before = " ".join(sorted(found.get(name) or ())), self.case.handles.get(f"before.{name}", "")
            if now != before:
                raise UnexpectedState(
                    f"{name} of the new secret-id is {now or 'nothing'} instead of {before or 'nothing'}"
                )

    def disable(self) -> Handles:
        """Destroy the secret-id, then revoke what was issued for it."""
        vault.check_cluster(self.case)
        if self._look_up(self._role) is not None:
            with vault.translate_errors("secret-id destroy"):
                self._approle().destroy_secret_id(
                    self._role, self.case.leak.secret.reveal().decode(), mount_point=self._mount
                )
        tokens = self._list_tokens()
        vault.revoke_accessors(self.case.settings, tokens)
        return {"swept": str(len(tokens))}

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        proof = vault.prove_dead(self.case, lambda: self._look_up(self._role), "secret-id")
        if proof.state != ProofState.DEAD:
            return proof
        if left := self._list_tokens():
            return Proof(ProofState.ALIVE, f"{len(left)} of its tokens are alive")
        mine = "no token of it is left" if self._find_metadata() is not None else "its tokens cannot be told apart"
        return Proof(ProofState.DEAD, f"the role does not know the secret-id, and {mine}")

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        return {"secret_id": self.case.leak.secret}

    # -- calls ---------------------------------------------------------------

    @property
    def _mount(self) -> str:
        return str(self.case.settings.get("mount", "approle"))

    @property
    def _role(self) -> str:
        return self.case.handles["before.role"]

    def _vault_client(self) -> Any:
        return vault.make_client(self.case.settings)

    def _approle(self) -> Any:
        return self._vault_client().auth.approle

    def _count_tokens(self) -> int:
        return 0 if self._find_metadata() is None else vault.count_tokens(self.case.settings)

    def _list_roles(self) -> list[str]:
        if role := self.case.settings.get("role"):
            return [str(role)]
        with vault.translate_errors("role list"):
            return list(self._approle().list_roles(mount_point=self._mount)["data"]["keys"])

    def _look_up(self, role: str) -> dict[str, Any] | None:
        """Return what the role knows of the leaked secret-id; unknown is an answer without a body."""
        path = f"auth/{self._mount}/role/{role}/secret-id/lookup"
        reply = vault.ask(self.case.settings, path, {"secret_id": self.case.leak.secret.reveal().decode()})
        if reply.status == 204:
            return None
        if reply.said != "found":
            raise UnexpectedState(f"secret-id lookup: no answer that means anything (HTTP {reply.status})")
        return dict(reply.data)

    def _list_accessors(self) -> list[str]:
        import hvac.exceptions as hv

        with vault.translate_errors("secret-id list"):
            try:
                answer = self._approle().list_secret_id_accessors(self._role, mount_point=self._mount)
            except hv.InvalidPath:
                return []
        return list(answer["data"]["keys"])

    def _find_metadata(self) -> dict[str, str] | None:
        """Return the metadata that tells the leaked secret-id's tokens apart, or None."""
        metadata = _from_text(self.case.handles["before.metadata"])
        if self.case.settings.get("sweep") == "role" or len(self._list_accessors()) <= 1:
            return metadata
        return metadata if metadata and not self._shares_metadata(metadata) else None

    def _shares_metadata(self, metadata: dict[str, str]) -> bool:
        """Tell whether another secret-id of the role has the same metadata: its tokens look the same."""
        mine, accessors = self.case.handles.get("handle"), self._list_accessors()
        if len(accessors) > MOST_LOOK_UPS:
            return True
        for accessor in accessors:
            data = self._read_accessor(accessor)
            found = _from_text(_to_text(data.get("metadata")))
            ours = (data.get("metadata") or {}).get(RUN) == self.case.run
            if accessor != mine and not ours and found == metadata:
                return True
        return False

    def _read_accessor(self, accessor: str) -> dict[str, Any]:
        with vault.translate_errors("secret-id accessor"):
            data = self._approle().read_secret_id_accessor(self._role, accessor, mount_point=self._mount)
        return dict(data["data"]) if isinstance(data, dict) else {}

    def _list_tokens(self) -> list[str]:
        mine = self._find_metadata()
        if mine is None:
            return []
        path = f"auth/{self._mount}/login"
        settings = self.case.settings
        old = vault.find_accessors(settings, path, {"role_name": self._role, **mine})
        new = set(vault.find_accessors(settings, path, {"role_name": self._role, RUN: self.case.run}))
        return [accessor for accessor in old if accessor not in new]


def _to_text(metadata: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted((metadata or {}).items()) if name != RUN)


def _from_text(text: str) -> dict[str, str]:
    return dict(item.split("=", 1) for item in text.split(" ") if "=" in item)
