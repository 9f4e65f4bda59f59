"""Transit keys: a new version encrypts, and later the old ones stop decrypting.

Rotation alone protects new data. Old ciphertexts must be rewrapped by their
owners (`transit/rewrap`), which is why raising `min_decryption_version` comes
after the grace period and only with `delete` in the policy.
"""

from __future__ import annotations

import base64
from typing import Any

from rotators.core import contracts, operator_credentials, vault
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, Proof, ProofState, StepKind

SERVES = ("vault.transit*",)

CAPABILITY = Capability(
    renews_itself=True,
    reversible_disable=True,
    can_contain=True,
    can_delete=True,
    limits="old ciphertexts must be rewrapped during the grace period, or they are lost",
    runbook="https://developer.hashicorp.com/vault/docs/secrets/transit",
)

TESTED = "OpenBao"

TRIAL = base64.b64encode(b"leakfirst trial").decode()


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, mount, key."""

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        found = self._read_key()
        facts = (
            ("type", str(found["type"])),
            ("latest version", str(found["latest_version"])),
            ("decrypts from version", str(found["min_decryption_version"])),
        )
        return Identity(f"{self._mount}/{self._key}", vault.account_name(self.case.settings), facts=facts)

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        found = self._read_key()
        return {"latest": str(found["latest_version"]), "from": str(found["min_decryption_version"])}

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return ("whether every old ciphertext was rewrapped: Vault does not keep them",)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        key = f"{self._mount}/keys/{self._key}"
        decrypt = (f"{self._mount}/decrypt/{self._key} with a trial ciphertext of the old version",)
        return {
            StepKind.DISABLE: (f"{self._mount}/encrypt/{self._key} (trial)", f"{key}/rotate"),
            StepKind.DELETE: (f"{key}/config min_decryption_version",),
            StepKind.PROVE_DEAD: decrypt,
            StepKind.PROVE_GONE: decrypt,
        }.get(kind, ())

    def disable(self) -> Handles:
        """Keep a trial ciphertext of the leaked version, then rotate once."""
        before = int(self.case.handles["before.latest"])
        trial = self._encrypt_trial(before)
        if int(self._read_key()["latest_version"]) == before:
            with vault.translate_errors("transit rotate"):
                self._transit().rotate_key(self._key, mount_point=self._mount)
        return {"trial": trial}

    def verify_dead(self) -> Proof:
        """Decrypt the trial; before `delete` it opens by design."""
        import hvac.exceptions as hv

        with vault.translate_errors("transit decrypt"):
            try:
                self._transit().decrypt_data(self._key, self.case.handles["trial"], mount_point=self._mount)
            except hv.InvalidRequest:
                return Proof(ProofState.DEAD, "ciphertexts of the leaked version do not open any more")
        if "deleted" in self.case.handles:
            return Proof(ProofState.ALIVE, "ciphertexts of the leaked version still open")
        return Proof(ProofState.UNVERIFIABLE, "new data is safe; old ciphertexts open until they are rewrapped")

    def delete(self) -> Handles:
        """Refuse to decrypt anything older than the version that we made."""
        least = int(self.case.handles["before.latest"]) + 1
        with vault.translate_errors("transit config"):
            self._transit().update_key_configuration(self._key, min_decryption_version=least, mount_point=self._mount)
        return {"deleted": f"versions before {least}"}

    def undo(self, kind: StepKind) -> None:
        """The new version stays: it does no harm, and data may be encrypted with it already."""

    @property
    def _mount(self) -> str:
        return str(self.case.settings.get("mount", "transit"))

    @property
    def _key(self) -> str:
        return operator_credentials.require_setting(self.case.settings, "key")

    def _transit(self) -> Any:
        return vault.make_client(self.case.settings).secrets.transit

    def _read_key(self) -> dict[str, Any]:
        with vault.translate_errors("transit read"):
            found: dict[str, Any] = self._transit().read_key(self._key, mount_point=self._mount)["data"]
        return found

    def _encrypt_trial(self, version: int) -> str:
        with vault.translate_errors("transit encrypt"):
            answer = self._transit().encrypt_data(
                self._key, plaintext=TRIAL, key_version=version, mount_point=self._mount
            )
        return str(answer["data"]["ciphertext"])
