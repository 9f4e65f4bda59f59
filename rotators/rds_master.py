"""The master password of an RDS instance: one user, one password, so old and new cannot overlap.

We make the value: it is kept at the destinations first and then set, so a
crash rolls forward. Where RDS keeps the password in Secrets Manager itself,
it is asked to rotate it, and nothing passes through us.
"""

from __future__ import annotations

import secrets
from typing import Any

from detector.secret import Secret
from rotators.core import aws, contracts, operator_credentials
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
    ValueSource,
)

SERVES = ("aws.rds-*",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    overlap=Overlap.NONE,
    value_source=ValueSource.CLIENT,
    limits="the old password ends when the new one is set; open connections stay open",
)

TESTED = "moto"


class Rotator(contracts.Rotator):
    """Settings: instance, profile, region, endpoint, length."""

    fields = ("username", "password")
    public = frozenset({"username"})

    guess_account = staticmethod(aws.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return aws.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """See `contracts.Rotator`."""
        found = self._read_instance()
        arn = found["DBInstanceArn"]
        facts = (("engine", found["Engine"]), ("managed by RDS", str(self._managed(found)).lower()))
        return Identity(arn, f"aws:{arn.split(':')[4]}", f"master user {found['MasterUsername']}", facts=facts)

    def narrow(self, capability: Capability) -> Capability:
        """RDS hands a managed password to its consumers itself."""
        if self._managed(self._read_instance()):
            return capability._replace(can_reissue=False, renews_itself=True)
        return capability

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        found = self._read_instance()
        return {"status": found["DBInstanceStatus"], "user": found["MasterUsername"]}

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return ("that the old password is refused: only a connection to the database would show it",)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        change = (f"rds:ModifyDBInstance {self._name} MasterUserPassword, at once",)
        return {
            StepKind.MINT: change,
            StepKind.CONTAIN: change,
            StepKind.DISABLE: change,
            StepKind.PROVE_DEAD: ("rds:DescribeDBInstances",),
        }.get(kind, ())

    def preflight(self) -> None:
        """See `contracts.Rotator`."""
        status = self._read_instance()["DBInstanceStatus"]
        if status != "available":
            raise UnexpectedState(f"{self._name} is {status}")

    def generate(self) -> Values:
        """RDS refuses / @ " and spaces; letters and digits are fine everywhere."""
        user = self._read_instance()["MasterUsername"]
        password = secrets.token_hex(int(self.case.settings.get("length", 40)) // 2)
        return {"username": Secret(user.encode()), "password": Secret(password.encode())}

    def create(self, values: Values) -> NewCredential:
        """Set it; setting it twice changes nothing."""
        self._set_password(values["password"])
        return NewCredential(values, {"new_handle": self.case.handles["handle"]})

    def disable(self) -> Handles:
        """Set a password that nobody knows, or let RDS rotate its own."""
        if self._managed(self._read_instance()):
            with aws.translate_errors():
                self._rds_client().modify_db_instance(
                    DBInstanceIdentifier=self._name, RotateMasterUserPassword=True, ApplyImmediately=True
                )
        else:
            self._set_password(Secret(secrets.token_hex(20).encode()))
        return {}

    def verify_dead(self) -> Proof:
        """Wait until nothing is pending; the database itself is not asked."""
        found = self._read_instance()
        if found.get("PendingModifiedValues", {}).get("MasterUserPassword"):
            return Proof(ProofState.ALIVE, "RDS has not taken the new password yet")
        return Proof(ProofState.UNVERIFIABLE, "RDS has taken the new password; no connection was tried")

    def undo(self, kind: StepKind) -> None:
        """Set the leaked password again."""
        self._set_password(self.case.leak.parts.get("password", self.case.leak.secret))

    def old_values(self) -> Values:
        """See `contracts.Rotator`."""
        user = Secret(self._read_instance()["MasterUsername"].encode())
        return {"username": user, "password": self.case.leak.parts.get("password", self.case.leak.secret)}

    @property
    def _name(self) -> str:
        return operator_credentials.require_setting(self.case.settings, "instance")

    def _rds_client(self) -> Any:
        return aws.make_client("rds", self.case.settings)

    def _read_instance(self) -> dict[str, Any]:
        with aws.translate_errors():
            found: dict[str, Any] = self._rds_client().describe_db_instances(DBInstanceIdentifier=self._name)[
                "DBInstances"
            ][0]
        return found

    def _managed(self, instance: dict[str, Any]) -> bool:
        return bool(instance.get("MasterUserSecret"))

    def _set_password(self, password: Secret) -> None:
        with aws.translate_errors():
            self._rds_client().modify_db_instance(
                DBInstanceIdentifier=self._name,
                MasterUserPassword=password.reveal().decode(),
                ApplyImmediately=True,
            )
