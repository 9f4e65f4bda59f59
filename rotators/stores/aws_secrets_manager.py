"""AWS Secrets Manager: the new value waits as AWSPENDING, then AWSCURRENT moves.

The run's token is the version id, so a repeated write is the same version.
The move names the version that it takes the label from: that is the
compare-and-set. AWSPENDING on another version means that somebody else's
rotation is under way, or stuck.
"""

from __future__ import annotations

import uuid
from typing import Any

from rotators.core import aws, contracts, field_mapping, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Case, StepKind, UnexpectedState

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
TRIAL = "LEAKFIRST_PREFLIGHT"


class Store(contracts.Store):
    """Settings: secret (name or ARN), fields, plain, profile, region, endpoint."""

    staged = True

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._secret = operator_credentials.require_setting(case.settings, "secret")

    guess_account = staticmethod(aws.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Store`."""
        return aws.describe_access(self.case.settings)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        return {
            StepKind.STORE: (f"secretsmanager:PutSecretValue {self._secret} {PENDING}",),
            StepKind.PROMOTE: (f"secretsmanager:UpdateSecretVersionStage {self._secret} {CURRENT}",),
            StepKind.TIDY: (f"secretsmanager:UpdateSecretVersionStage {self._secret} remove {PENDING}",),
        }.get(kind, ())

    def preflight(self) -> None:
        """Write the present value once more under a label of ours: rights and key are proven."""
        secret = self._describe()
        if secret.get("RotationEnabled"):
            raise UnexpectedState(f"{self._secret} rotates itself: use --rotator aws-rotate-secret")
        stages = secret.get("VersionIdsToStages", {})
        for version, labels in stages.items():
            if PENDING in labels and CURRENT not in labels:
                raise UnexpectedState(
                    f"{self._secret} has {PENDING} on {version}: another rotation is under way or stuck"
                )
        trial = str(uuid.uuid4())
        document = self._read_label(CURRENT)
        with aws.translate_errors():
            self._secrets_client().put_secret_value(
                SecretId=self._secret, ClientRequestToken=trial, SecretString=document, VersionStages=[TRIAL]
            )
            self._secrets_client().update_secret_version_stage(
                SecretId=self._secret, VersionStage=TRIAL, RemoveFromVersionId=trial
            )

    def put_pending(self, token: str, values: Values) -> Handles:
        """See `contracts.Store`."""
        document = field_mapping.merge_values(self._read_label(CURRENT), self.case.settings, values)
        with aws.translate_errors():
            self._secrets_client().put_secret_value(
                SecretId=self._secret,
                ClientRequestToken=token,
                SecretString=document,
                VersionStages=[PENDING],
            )
        return {}

    def pending(self, token: str) -> Values | None:
        """See `contracts.Store`."""
        labels = self._list_labels(token)
        if PENDING not in labels and CURRENT not in labels:
            return None
        return field_mapping.read_values(self._read_version(token), self.case.settings)

    def promote(self, token: str, values: Values) -> Handles:
        """Move AWSCURRENT; edits to other fields since the pending write stop it."""
        current = self._find_version(CURRENT)
        if current == token:
            return {}
        ours = field_mapping.read_other_fields(self._read_version(token), self.case.settings)
        if ours != field_mapping.read_other_fields(self._read_version(current), self.case.settings):
            raise UnexpectedState(f"somebody changed other fields of {self._secret} meanwhile; undo and plan again")
        self._move_label(token, current)
        return {}

    def read_back(self) -> Values | None:
        """See `contracts.Store`."""
        return field_mapping.read_values(self._read_label(CURRENT), self.case.settings)

    def restore(self, token: str, old: Values) -> Handles:
        """Move AWSCURRENT back to the version it came from."""
        if self._find_version(CURRENT) == token:
            self._move_label(self._find_version(PREVIOUS), token)
        return {}

    def settle(self, token: str) -> Handles:
        """Take AWSPENDING off, which nobody else does and which blocks the next rotation."""
        if PENDING in self._list_labels(token):
            with aws.translate_errors():
                self._secrets_client().update_secret_version_stage(
                    SecretId=self._secret, VersionStage=PENDING, RemoveFromVersionId=token
                )
        return {}

    # -- calls ---------------------------------------------------------------

    def _secrets_client(self) -> Any:
        return aws.make_client("secretsmanager", self.case.settings)

    def _describe(self) -> dict[str, Any]:
        with aws.translate_errors():
            found: dict[str, Any] = self._secrets_client().describe_secret(SecretId=self._secret)
        if found.get("DeletedDate"):
            raise UnexpectedState(f"{self._secret} is scheduled for deletion")
        return found

    def _list_labels(self, version: str) -> list[str]:
        return list(self._describe().get("VersionIdsToStages", {}).get(version, ()))

    def _find_version(self, label: str) -> str:
        for version, labels in self._describe().get("VersionIdsToStages", {}).items():
            if label in labels:
                return str(version)
        raise UnexpectedState(f"no version of {self._secret} has {label}")

    def _read_label(self, label: str) -> str:
        with aws.translate_errors():
            answer = self._secrets_client().get_secret_value(SecretId=self._secret, VersionStage=label)
        return str(answer["SecretString"])

    def _read_version(self, version: str) -> str:
        with aws.translate_errors():
            answer = self._secrets_client().get_secret_value(SecretId=self._secret, VersionId=version)
        return str(answer["SecretString"])

    def _move_label(self, to: str, away_from: str) -> None:
        with aws.translate_errors():
            self._secrets_client().update_secret_version_stage(
                SecretId=self._secret, VersionStage=CURRENT, MoveToVersionId=to, RemoveFromVersionId=away_from
            )
