"""The root key of Vault's AWS engine: Vault replaces it itself.

`rotate-root` makes a new key for the same user, keeps it, and deletes the
old one; nobody else ever sees it. The user needs a free key slot.
"""

from __future__ import annotations

from typing import Any

from rotators.core import aws, contracts, vault
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, Proof, ProofState, StepKind, UnexpectedState

SERVES = ()

CAPABILITY = Capability(
    renews_itself=True,
    can_contain=True,
    limits="the engine's user needs a free slot for a second key; leases it issued live on",
    runbook="https://developer.hashicorp.com/vault/docs/secrets/aws",
)


class Rotator(contracts.Rotator):
    """Settings: address, token_env or token_file, namespace, mount."""

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return vault.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        key = aws.find_key_id(self.case.leak)
        if self._root() != key:
            raise UnexpectedState(f"the engine {self._mount} uses another root key")
        return Identity(key, vault.account_name(self.case.settings), f"root key of {self._mount}")

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        return {"root": self._root()}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        rotate = (f"{self._mount}/config/rotate-root",)
        return {
            StepKind.CONTAIN: rotate,
            StepKind.DISABLE: rotate,
            StepKind.PROVE_DEAD: (f"{self._mount}/config/root",),
        }.get(kind, ())

    def disable(self) -> Handles:
        """Rotate, unless it has been."""
        if self._root() == self.case.handles["handle"]:
            with vault.translate_errors("rotate-root"):
                self._engine().rotate_root_iam_credentials(mount_point=self._mount)
        return {}

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        if self._root() == self.case.handles["handle"]:
            return Proof(ProofState.ALIVE, "the engine still uses the key")
        return Proof(ProofState.DEAD, "the engine has replaced and deleted the key")

    @property
    def _mount(self) -> str:
        return str(self.case.settings.get("mount", "aws"))

    def _engine(self) -> Any:
        return vault.make_client(self.case.settings).secrets.aws

    def _root(self) -> str:
        with vault.translate_errors("config/root"):
            answer = vault.make_client(self.case.settings).read(f"{self._mount}/config/root")
        return str(answer["data"]["access_key"])
