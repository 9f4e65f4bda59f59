"""Temporary AWS credentials (ASIA…): all older sessions of their role or user are denied.

A single session cannot be ended. The deny names an issue time, so sessions
opened afterwards work and consumers simply assume their role again. Sessions
of the root user cannot be restricted, and permission sets of Identity Center
are revoked there.
"""

from __future__ import annotations

from typing import Any

from rotators.core import aws, contracts, operator_credentials
from rotators.core.contracts import Handles
from rotators.core.journal import format_time
from rotators.core.model import Capability, Identity, NotPropagated, Proof, ProofState, StepKind, UnexpectedState

SERVES = ("aws.temporary-key", "aws.session-token")

CAPABILITY = Capability(
    can_contain=True,
    reversible_disable=True,
    renews_itself=True,
    limits="ends all older sessions of the same role or user; takes a few minutes to spread",
    runbook="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html",
)

POLICY = "AWSRevokeOlderSessions"


class Rotator(contracts.Rotator):
    """Settings: profile, region, endpoint, prove_by_use; role or user where the finding does not tell."""

    def identify(self) -> Identity:
        """Ask the session who it is (that call needs no right), or take the policy's word for it."""
        key = aws.find_key_id(self.case.leak)
        kind, name, account = self._read_principal() or self._ask_principal()
        self.case.handles.update({"before.kind": kind, "before.name": name})
        return Identity(key, f"aws:{account}", f"{kind} {name}")

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        return {name: self.case.handles[f"before.{name}"] for name in ("kind", "name")}

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return ("whether every service has seen the deny: it takes a few minutes",)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        put = (f"iam:Put{self.case.handles.get('before.kind', '').title()}Policy {POLICY}",)
        ask = ("iam:ListAccountAliases, denied to the old session",)
        return {StepKind.CONTAIN: put, StepKind.DISABLE: put, StepKind.PROVE_DEAD: ask}.get(kind, ())

    def disable(self) -> Handles:
        """Deny everything to sessions issued before now."""
        if "sessions_denied" in self.case.handles:
            return {}
        now = format_time(self.case.clock.now()).replace("+00:00", "Z")
        document = aws.make_deny_policy({"DateLessThan": {"aws:TokenIssueTime": now}})
        iam = aws.make_client("iam", self.case.settings)
        with aws.translate_errors():
            if self._kind == "role":
                iam.put_role_policy(RoleName=self._name, PolicyName=POLICY, PolicyDocument=document)
            else:
                iam.put_user_policy(UserName=self._name, PolicyName=POLICY, PolicyDocument=document)
        return {"sessions_denied": now}

    def verify_dead(self) -> Proof:
        """Ask for something harmless with the old session: it must be denied."""
        secret, token = aws.find_key_secret(self.case.leak), aws.find_session_token(self.case.leak)
        if secret is None or token is None or not self.case.settings.get("prove_by_use", True):
            return Proof(ProofState.UNVERIFIABLE, "the deny is in place; the session was not tried")
        from botocore.exceptions import ClientError

        iam = aws.make_client("iam", self.case.settings, keys=(self.case.handles["handle"], secret, token))
        try:
            iam.list_account_aliases()
        except ClientError as error:
            code = aws.get_error_code(error)
            if code in aws.UNKNOWN_KEY or code in ("ExpiredToken", "AccessDenied", "AccessDeniedException"):
                return Proof(ProofState.DEAD, f"AWS refuses it ({code})")
            return Proof(ProofState.UNVERIFIABLE, f"AWS answered {code}")
        return Proof(ProofState.ALIVE, "the session may still list account aliases")

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        iam = aws.make_client("iam", self.case.settings)
        with aws.translate_errors(gone=("NoSuchEntity",)):
            if self._kind == "role":
                iam.delete_role_policy(RoleName=self._name, PolicyName=POLICY)
            else:
                iam.delete_user_policy(UserName=self._name, PolicyName=POLICY)

    @property
    def _kind(self) -> str:
        return self.case.handles["before.kind"]

    @property
    def _name(self) -> str:
        return self.case.handles["before.name"]

    def _read_principal(self) -> tuple[str, str, str] | None:
        settings: Any = self.case.settings
        for kind in ("role", "user"):
            if name := settings.get(kind):
                return kind, str(name), operator_credentials.require_setting(settings, "account")
        return None

    def _ask_principal(self) -> tuple[str, str, str]:
        secret = aws.find_key_secret(self.case.leak)
        if secret is None:
            raise UnexpectedState("the finding has no secret for this session; name its role or user in the policy")
        try:
            found = aws.get_caller_identity(
                self.case.settings, aws.find_key_id(self.case.leak), secret, aws.find_session_token(self.case.leak)
            )
        except (NotPropagated, PermissionError):
            raise UnexpectedState(
                "AWS does not accept the session: it has ended, or its values do not belong together"
            ) from None
        what = found["arn"].split(":", 5)[5].split("/")
        if what[0] == "assumed-role" and not what[1].startswith("AWSReservedSSO_"):
            return "role", what[1], found["account"]
        if what[0] == "user":
            return "user", what[-1], found["account"]
        raise UnexpectedState(f"sessions of {found['arn']} cannot be ended by a policy; a person has to")
