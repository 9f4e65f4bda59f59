"""A value whose only home is Vault KV version 2: a signing secret, say.

Nobody issues it, so we make the new one; the destination (usually the same
path) takes it as a new version. The leaked versions are first deleted, which
can be taken back, and destroyed after the grace period.
"""

from __future__ import annotations

import secrets
from typing import Any

from detector.secret import Secret
from rotators.core import contracts, operator_credentials, vault
from rotators.core.contracts import Handles, Values
from rotators.core.model import (
    Capability,
    Identity,
    NewCredential,
    Proof,
    ProofState,
    StepKind,
    UnexpectedState,
    ValueSource,
)

SERVES = ()

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    reversible_disable=True,
    can_delete=True,
    value_source=ValueSource.CLIENT,
    limits="consumers that have read the value keep it until they read again",
)

TESTED = "OpenBao"


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, mount, path, field, length."""

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """Find the versions that hold the leaked value."""
        versions = self._list_leaked_versions()
        if not versions:
            raise UnexpectedState(f"no version of {self._name} holds the leaked value")
        self.case.handles["before.versions"] = " ".join(map(str, versions))
        return Identity(
            handle=f"{self._name}#{self._field}",
            account=vault.account_name(self.case.settings),
            principal=self._name,
            facts=(("leaked versions", ", ".join(map(str, versions))),),
        )

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        return {"versions": " ".join(map(str, self._list_leaked_versions()))}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        versions = self.case.handles.get("before.versions")
        return {
            StepKind.DISABLE: (f"{self._mount}/delete/{self._path} versions {versions}",),
            StepKind.DELETE: (f"{self._mount}/destroy/{self._path} versions {versions}",),
            StepKind.PROVE_DEAD: (f"{self._mount}/metadata/{self._path}",),
            StepKind.PROVE_GONE: (f"{self._mount}/metadata/{self._path}",),
        }.get(kind, ())

    def generate(self) -> Values:
        """See `contracts.Rotator`."""
        return {"value": Secret(secrets.token_urlsafe(int(self.case.settings.get("length", 32))).encode())}

    def create(self, values: Values) -> NewCredential:
        """Nothing is set anywhere but at the destinations."""
        return NewCredential(values)

    def disable(self) -> Handles:
        """Delete the leaked versions; they can be undeleted."""
        current = int(self._read_metadata()["current_version"])
        leaked = self._list_versions()
        if current in leaked:
            raise UnexpectedState(f"{self._name} still has the leaked value as its current version")
        with vault.translate_errors("kv delete"):
            self._kv().delete_secret_versions(self._path, leaked, mount_point=self._mount)
        return {}

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        listed = self._read_metadata()["versions"]
        for version in map(str, self._list_versions()):
            state = listed.get(version)
            if state and not state["destroyed"] and not state["deletion_time"]:
                return Proof(ProofState.ALIVE, f"version {version} can be read")
        return Proof(ProofState.DEAD, "no leaked version can be read")

    def delete(self) -> Handles:
        """Destroy the leaked versions for good."""
        with vault.translate_errors("kv destroy"):
            self._kv().destroy_secret_versions(self._path, self._list_versions(), mount_point=self._mount)
        return {}

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        if kind == StepKind.DISABLE:
            with vault.translate_errors("kv undelete"):
                self._kv().undelete_secret_versions(self._path, self._list_versions(), mount_point=self._mount)

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        return {"value": self.case.leak.secret}

    # -- calls ---------------------------------------------------------------

    @property
    def _mount(self) -> str:
        return str(self.case.settings.get("mount", "secret"))

    @property
    def _path(self) -> str:
        return operator_credentials.require_setting(self.case.settings, "path")

    @property
    def _name(self) -> str:
        return f"{self._mount}/{self._path}"

    @property
    def _field(self) -> str:
        return str(self.case.settings.get("field", "value"))

    def _list_versions(self) -> list[int]:
        return [int(version) for version in self.case.handles["before.versions"].split()]

    def _kv(self) -> Any:
        return vault.make_client(self.case.settings).secrets.kv.v2

    def _read_metadata(self) -> dict[str, Any]:
        with vault.translate_errors("kv metadata"):
            found: dict[str, Any] = self._kv().read_secret_metadata(self._path, mount_point=self._mount)["data"]
        return found

    def _list_leaked_versions(self) -> list[int]:
        leaked = self.case.leak.secret.reveal().decode("utf-8", "replace")
        found = []
        for version, state in sorted(self._read_metadata()["versions"].items(), key=lambda item: int(item[0])):
            if state["destroyed"] or state["deletion_time"]:
                continue
            with vault.translate_errors("kv read"):
                data = self._kv().read_secret_version(
                    self._path, version=int(version), mount_point=self._mount, raise_on_deleted_version=True
                )["data"]["data"]
            if data.get(self._field) == leaked:
                found.append(int(version))
        return found
