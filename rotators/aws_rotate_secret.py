"""A leaked value that sits in a secret with its own rotation: AWS is asked to rotate it now."""

from __future__ import annotations

import uuid
from typing import Any

from rotators.core import aws, contracts, field_mapping, operator_credentials
from rotators.core.contracts import Handles
from rotators.core.model import Capability, Identity, Proof, ProofState, StepKind, UnexpectedState

SERVES = ()

CAPABILITY = Capability(
    can_contain=True,
    renews_itself=True,
    limits="the secret's own rotation decides what becomes of the old value",
)

TESTED = "moto"


class Rotator(contracts.Rotator):
    """Settings: secret, field, profile, region, endpoint."""

    guess_account = staticmethod(aws.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return aws.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        found = self._describe()
        if not found.get("RotationEnabled"):
            raise UnexpectedState(f"{self._secret} has no rotation of its own")
        arn = found["ARN"]
        return Identity(arn, f"aws:{arn.split(':')[4]}", last_used=str(found.get("LastAccessedDate", "")))

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        return {"current": self._find_current()}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        rotate = (f"secretsmanager:RotateSecret {self._secret}",)
        return {
            StepKind.CONTAIN: rotate,
            StepKind.DISABLE: rotate,
            StepKind.PROVE_DEAD: ("secretsmanager:DescribeSecret",),
        }.get(kind, ())

    def disable(self) -> Handles:
        """Start the rotation; the run's token makes a repeated call the same one."""
        if self._find_current() != self.case.handles["before.current"]:
            return {}
        with aws.translate_errors():
            self._secrets_client().rotate_secret(
                SecretId=self._secret, ClientRequestToken=str(uuid.UUID(self.case.run))
            )
        return {}

    def verify_dead(self) -> Proof:
        """The current version must be another one, with another value."""
        if self._find_current() == self.case.handles["before.current"]:
            return Proof(ProofState.ALIVE, "the rotation has not finished")
        answer: dict[str, Any] = {}
        with aws.translate_errors(gone=("ResourceNotFoundException",)):
            answer = self._secrets_client().get_secret_value(SecretId=self._secret, VersionStage="AWSCURRENT")
        if "SecretString" not in answer:
            return Proof(ProofState.ALIVE, "the rotation has not written its value")
        field = str(self.case.settings.get("field", "password"))
        wanted = {"fields": {"value": field}, "plain": self.case.settings.get("plain")}
        if field_mapping.read_values(answer["SecretString"], wanted).get("value") in self.case.leak.values():
            return Proof(ProofState.ALIVE, "the rotation kept the leaked value")
        return Proof(ProofState.DEAD, "the secret has another value; its rotation has set it")

    @property
    def _secret(self) -> str:
        return operator_credentials.require_setting(self.case.settings, "secret")

    def _secrets_client(self) -> Any:
        return aws.make_client("secretsmanager", self.case.settings)

    def _describe(self) -> dict[str, Any]:
        with aws.translate_errors():
            found: dict[str, Any] = self._secrets_client().describe_secret(SecretId=self._secret)
        return found

    def _find_current(self) -> str:
        stages = self._describe().get("VersionIdsToStages", {})
        return next((str(version) for version, labels in stages.items() if "AWSCURRENT" in labels), "")
