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
from rotators.core.model import (
    Capability,
    Identity,
    Measure,
    NotPropagated,
    OutcomeUnknown,
    Proof,
    ProofState,
    RateLimited,
    StepKind,
    UnexpectedState,
)

SERVES = ("aws.temporary-key", "aws.session-token")

CAPABILITY = Capability(
    can_contain=True,
    reversible_disable=True,
    renews_itself=True,
    limits="ends all older sessions of the same role or user; takes a few minutes to spread",
    runbook="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html",
)

TESTED = "ministack"

SESSIONS = "sessions"

DENIALS = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")

HARMLESS = (
    ("iam", "list_account_aliases", "iam:ListAccountAliases"),
    ("s3", "list_buckets", "s3:ListAllMyBuckets"),
    ("ec2", "describe_regions", "ec2:DescribeRegions"),
    ("sqs", "list_queues", "sqs:ListQueues"),
    ("dynamodb", "list_tables", "dynamodb:ListTables"),
    ("lambda", "list_functions", "lambda:ListFunctions"),
)
"""Reads that a session is tried with: client, method, action. One that works before the deny proves it afterwards."""

LONGEST_SESSION = 37 * 3600
"""Seconds after which no session of a user is left: 36 hours, and one for what spreads late. Roles' end after 12."""


class Rotator(contracts.Rotator):
    """Settings: profile, region, endpoint, prove_by_use, probe; role or user where the finding does not tell.

    `probe` names the one action of `HARMLESS` to try the session with.
    """

    guess_account = staticmethod(aws.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Rotator`."""
        return aws.describe_access(self.case.settings)

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
        put = (f"iam:Put{self.case.handles.get('before.kind', '').title()}Policy {self._policy}",)
        ask = ("an action that the old session had been allowed, which must be denied now",)
        return {StepKind.CONTAIN: put, StepKind.DISABLE: put, StepKind.PROVE_DEAD: ask}.get(kind, ())

    def measures(self, kind: StepKind) -> tuple[Measure, ...]:
        """Deny the older sessions; the deny is lifted when none of them can be left."""
        title = f"deny all sessions of the {self._kind} that were opened before"
        lift = (f"iam:Delete{self._kind.title()}Policy {self._policy}",)
        return (Measure(SESSIONS, title, self.calls(StepKind.CONTAIN), lasts=LONGEST_SESSION, lift_calls=lift),)

    def look_at(self, measure: str) -> Handles:
        """Find an action that the session is allowed: only that one proves later that it is denied."""
        return {"sessions.policy": self._policy, "sessions.allowed": self._find_allowed_action()}

    def take(self, measure: str) -> Handles:
        """Deny everything to sessions issued before now, by AWS's clock."""
        if "sessions_denied" in self.case.handles and self._policy in self._list_policies():
            return {}
        before = int(self._read_server_time()) + 1
        text = format_time(before).replace("+00:00", "Z")
        document = aws.make_deny_policy({"DateLessThan": {"aws:TokenIssueTime": text}})
        self._change_policy("put", PolicyDocument=document)
        return {"sessions_denied": text}

    def lift(self, measure: str) -> None:
        """Remove this run's policy, and no other one."""
        with aws.translate_errors(gone=("NoSuchEntity",)):
            self._change_policy("delete")
        for wait in (1, 2, 4, 0):
            if self._policy not in self._list_policies():
                return
            self.case.clock.sleep(wait)
        raise UnexpectedState(f"{self._policy} is still there")

    def describe_now(self) -> str:
        """See `contracts.Rotator`."""
        there = "has" if self._policy in self._list_policies() else "has no"
        return f"{self._kind} {self._name} {there} policy {self._policy}"

    def disable(self) -> Handles:
        """Deny everything to sessions issued before now."""
        for name, value in self.look_at(SESSIONS).items():
            self.case.handles.setdefault(name, value)
        return self.take(SESSIONS)

    def verify_dead(self) -> Proof:
        """Try what the session was allowed before the deny: now it must be denied, explicitly."""
        if "sessions_denied" not in self.case.handles:
            return Proof(ProofState.UNVERIFIABLE, "nothing was denied to the session yet")
        allowed = self.case.handles.get("sessions.allowed", "")
        if not allowed:
            why = "the deny is in place; before it the session was not seen to be allowed anything that we try"
            return Proof(ProofState.UNVERIFIABLE, why)
        code, message = self._try_action(allowed)
        if not code:
            return Proof(ProofState.ALIVE, f"the session may still call {allowed}")
        if code in ("ExpiredToken", "ExpiredTokenException"):
            return Proof(ProofState.DEAD, "the session has expired")
        if code in DENIALS and "explicit deny" in message:
            return Proof(ProofState.DEAD, f"AWS denies it {allowed}, which it was allowed before ({code})")
        return Proof(ProofState.UNVERIFIABLE, f"AWS answered {code} to {allowed}")

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        self.lift(SESSIONS)

    @property
    def _policy(self) -> str:
        """The name of our policy; it carries the run, so that it is never another run's or a person's."""
        return f"leakfirst-{self.case.run[:12]}-Sessions"

    def _change_policy(self, verb: str, **document: str) -> None:
        iam = aws.make_client("iam", self.case.settings)
        who = {f"{self._kind.title()}Name": self._name}
        with aws.translate_errors():
            getattr(iam, f"{verb}_{self._kind}_policy")(**who, PolicyName=self._policy, **document)

    def _list_policies(self) -> list[str]:
        iam = aws.make_client("iam", self.case.settings)
        with aws.translate_errors():
            who = {f"{self._kind.title()}Name": self._name}
            pages = iam.get_paginator(f"list_{self._kind}_policies").paginate(**who)
            return [name for page in pages for name in page["PolicyNames"]]

    def _read_server_time(self) -> float:
        iam = aws.make_client("iam", self.case.settings)
        with aws.translate_errors():
            answer = getattr(iam, f"get_{self._kind}")(**{f"{self._kind.title()}Name": self._name})
        return aws.read_server_time(answer) or self.case.clock.now()

    def _find_allowed_action(self) -> str:
        wanted = self.case.settings.get("probe")
        if not self.case.settings.get("prove_by_use", True):
            return ""
        for _, _, action in HARMLESS:
            if wanted in (None, action) and self._try_action(action)[0] == "":
                return action
        return ""

    def _try_action(self, action: str) -> tuple[str, str]:
        """Call *action* with the old session; return the error's code and message, empty if it is allowed."""
        from botocore.exceptions import ClientError

        secret, token = aws.find_key_secret(self.case.leak), aws.find_session_token(self.case.leak)
        if secret is None or token is None:
            return "NotTried", "the finding has no secret and token"
        service, method = next((one, two) for one, two, name in HARMLESS if name == action)
        key = aws.find_key_id(self.case.leak)
        client = aws.make_client(service, self.case.settings, keys=(key, secret, token))
        try:
            with aws.translate_errors():
                getattr(client, method)()
        except ClientError as error:
            return aws.get_error_code(error), str(error.response.get("Error", {}).get("Message", ""))
        except (OutcomeUnknown, RateLimited) as error:
            return type(error).__name__, str(error)
        return "", ""

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
