"""Static roles of the database engine: Vault sets and keeps the password.

Rotation ends the old password at once, for every consumer; those that read
static-creds get the new one with their next read. A value lost in a crash is
read again, so making it is idempotent.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import contracts, vault
from rotators.core.contracts import Handles, Values
from rotators.core.model import (
    Capability,
    Identity,
    NewCredential,
    Overlap,
    Proof,
    ProofState,
    StepKind,
    UnexpectedState,
)

SERVES = ("hashicorp.vault-database*", "vault.database*")

CAPABILITY = Capability(
    renews_itself=True,
    can_contain=True,
    can_reissue=True,
    overlap=Overlap.NONE,
    limits="the old password ends at once; a consumer that does not read static-creds again breaks",
    runbook="https://developer.hashicorp.com/vault/docs/secrets/databases",
)

TESTED = "OpenBao with PostgreSQL"


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, mount, role."""

    fields = ("username", "password")
    public = frozenset({"username"})

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """Find the static role whose password leaked."""
        for role in self._list_roles():
            found = self._read_credentials(role)
            if self._is_leaked(found):
                self.case.handles["before.role"] = role
                return Identity(
                    handle=f"{self._mount}/{role}",
                    account=vault.account_name(self.case.settings),
                    principal=f"database user {found['username']}",
                    created=str(found.get("last_vault_rotation", "")),
                    facts=(("rotation period", f"{found.get('rotation_period', '?')} s"),),
                )
        raise UnexpectedState("no static role has this password now: it was rotated already, or is of another mount")

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        role = self.case.handles["before.role"]
        return {"role": role, "current": "leaked" if self._is_leaked(self._read_credentials(role)) else "rotated"}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        role = self.case.handles.get("before.role")
        rotate = (f"{self._mount}/rotate-role/{role}", f"{self._mount}/static-creds/{role}")
        return {
            StepKind.MINT: rotate,
            StepKind.CONTAIN: rotate[:1],
            StepKind.DISABLE: rotate[:1],
            StepKind.PROVE_DEAD: rotate[1:],
        }.get(kind, ())

    def create(self, values: Values) -> NewCredential:
        """Rotate if the leaked password is still the current one, then read the new one."""
        self.disable()
        found = self._read_credentials(self._role)
        return NewCredential(
            {name: Secret(str(found[name]).encode()) for name in self.fields},
            {"new_handle": f"{self._mount}/{self._role}"},
        )

    def discard(self, handle: str) -> None:
        """A lost password is no stray: the next attempt reads it again."""

    def verify_new(self, values: Values) -> Proof:
        """Compare with what Vault would hand out; the database itself is not asked."""
        found = self._read_credentials(self._role)
        if found["password"].encode() == values["password"].reveal():
            return Proof(ProofState.ALIVE, "it is what Vault hands out")
        raise UnexpectedState("Vault hands out another password: it was rotated again meanwhile")

    def disable(self) -> Handles:
        """Rotate, unless somebody has."""
        if self._is_leaked(self._read_credentials(self._role)):
            with vault.translate_errors("rotate-role"):
                self._database().rotate_static_role_credentials(self._role, mount_point=self._mount)
        return {}

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        if self._is_leaked(self._read_credentials(self._role)):
            return Proof(ProofState.ALIVE, "it is the current password of the role")
        return Proof(ProofState.DEAD, "the role has another password")

    # -- calls ---------------------------------------------------------------

    @property
    def _mount(self) -> str:
        return str(self.case.settings.get("mount", "database"))

    @property
    def _role(self) -> str:
        return self.case.handles["before.role"]

    def _database(self) -> Any:
        return vault.make_client(self.case.settings).secrets.database

    def _list_roles(self) -> list[str]:
        if role := self.case.settings.get("role"):
            return [str(role)]
        with vault.translate_errors("static role list"):
            return list(self._database().list_static_roles(mount_point=self._mount)["data"]["keys"])

    def _read_credentials(self, role: str) -> dict[str, Any]:
        with vault.translate_errors("static-creds"):
            found: dict[str, Any] = self._database().get_static_credentials(role, mount_point=self._mount)["data"]
        return found

    def _is_leaked(self, found: dict[str, Any]) -> bool:
        return str(found.get("password", "")).encode() in {value.reveal() for value in self.case.leak.values()}
