"""Service-specific credentials of IAM users (CodeCommit, Keyspaces, Bedrock).

`reset` would end the old one at once; a second one beside it is gentler.
"""

from __future__ import annotations

from typing import Any

from detector.secret import Secret
from rotators.core import aws, contracts, lost_creations, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.journal import parse_time
from rotators.core.model import Capability, Identity, NewCredential, Proof, ProofState, StepKind, UnexpectedState

SERVES = ("aws.bedrock-key", "aws.codecommit-*")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    reversible_disable=True,
    can_delete=True,
    limits="two credentials per user and service",
)


class Rotator(contracts.Rotator):
    """Settings: user, service (codecommit.amazonaws.com, …), credential_id, profile, region, endpoint."""

    fields = ("username", "password")
    public = frozenset({"username"})

    guess_account = staticmethod(aws.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return aws.describe_access(self.case.settings)

    def identify(self) -> Identity:
        """Find the credential by its user name or by the policy."""
        mine = self._find_leaked()
        arn = self._iam_client().get_user(UserName=self._user)["User"]["Arn"]
        facts = (("service", mine["ServiceName"]), ("status", mine["Status"]))
        created = str(mine["CreateDate"])
        return Identity(
            mine["ServiceSpecificCredentialId"], f"aws:{arn.split(':')[4]}", self._user, created, facts=facts
        )

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        ids = sorted(entry["ServiceSpecificCredentialId"] for entry in self._list_credentials())
        return {"ids": " ".join(ids), "status": self._find_leaked()["Status"]}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        off = ("iam:UpdateServiceSpecificCredential Inactive",)
        listed = ("iam:ListServiceSpecificCredentials",)
        return {
            StepKind.MINT: ("iam:CreateServiceSpecificCredential (once)",),
            StepKind.CONTAIN: off,
            StepKind.DISABLE: off,
            StepKind.DELETE: ("iam:DeleteServiceSpecificCredential",),
            StepKind.PROVE_DEAD: listed,
            StepKind.PROVE_GONE: listed,
        }.get(kind, ())

    def preflight(self) -> None:
        """See `contracts.Rotator`."""
        if len(self._list_credentials()) >= 2:
            raise UnexpectedState(
                f"{self._user} has two credentials for this service; delete the one that is not in use"
            )

    def create(self, values: Values) -> NewCredential:
        """See `contracts.Rotator`."""
        iam = aws.make_client("iam", self.case.settings, once=True)
        with aws.translate_errors(), aws.tell_refusals():
            made = iam.create_service_specific_credential(UserName=self._user, ServiceName=self._service)
        found = made["ServiceSpecificCredential"]
        password = found.get("ServicePassword") or found.get("ServiceCredentialSecret")
        name = found.get("ServiceUserName") or found.get("ServiceCredentialAlias")
        fresh = {"username": Secret(str(name).encode()), "password": Secret(str(password).encode())}
        return NewCredential(fresh, {"new_handle": found["ServiceSpecificCredentialId"]})

    def before_create(self) -> Handles:
        """Note the credentials that are there."""
        return {"mint.ids": " ".join(entry["ServiceSpecificCredentialId"] for entry in self._list_credentials())}

    def strays(self) -> tuple[str, ...]:
        """Find the only new credential, if our call can have made it: these carry no mark."""
        found = {e["ServiceSpecificCredentialId"]: e["CreateDate"].timestamp() for e in self._list_credentials()}
        handles = self.case.handles
        name = lost_creations.choose_only_new(
            found, set(handles["mint.ids"].split()), parse_time(handles["mint.started"])
        )
        return (name,) if name else ()

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        with aws.translate_errors(gone=("NoSuchEntity",)):
            self._iam_client().delete_service_specific_credential(
                UserName=self._user, ServiceSpecificCredentialId=handle
            )

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self._set_status("Inactive")
        return {}

    def verify_dead(self) -> Proof:
        """Only the list can be asked."""
        listed = {entry["ServiceSpecificCredentialId"]: entry["Status"] for entry in self._list_credentials()}
        status = listed.get(self.case.handles["handle"], "deleted")
        return Proof(
            ProofState.ALIVE if status == "Active" else ProofState.UNVERIFIABLE, f"listed as {status}; not tried"
        )

    def delete(self) -> Handles:
        """See `contracts.Rotator`."""
        self.discard(self.case.handles["handle"])
        return {}

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        self._set_status(self.case.handles["before.status"])

    @property
    def _user(self) -> str:
        return operator_credentials.require_setting(self.case.settings, "user")

    @property
    def _service(self) -> str:
        return operator_credentials.require_setting(self.case.settings, "service")

    def _iam_client(self) -> Any:
        return aws.make_client("iam", self.case.settings)

    def _list_credentials(self) -> list[dict[str, Any]]:
        with aws.translate_errors():
            answer = self._iam_client().list_service_specific_credentials(
                UserName=self._user, ServiceName=self._service
            )
        return list(answer["ServiceSpecificCredentials"])

    def _find_leaked(self) -> dict[str, Any]:
        wanted = self.case.settings.get("credential_id")
        shown = {value.reveal().decode("utf-8", "replace") for value in self.case.leak.values()}
        for entry in self._list_credentials():
            names = {entry.get("ServiceUserName"), entry.get("ServiceCredentialAlias")}
            if entry["ServiceSpecificCredentialId"] == wanted or names & shown:
                return entry
        raise UnexpectedState(f"no credential of {self._user} fits the finding; name its credential_id in the policy")

    def _set_status(self, status: str) -> None:
        with aws.translate_errors():
            self._iam_client().update_service_specific_credential(
                UserName=self._user, ServiceSpecificCredentialId=self.case.handles["handle"], Status=status
            )
