"""Slack tokens: they revoke themselves.

Slack answers 200 to everything; `ok` in the body is the answer, and its errors
mean what detector/probes/core/answers.py says: `invalid_auth` also comes for a
token that is good from another address. Webhook URLs have no revocation call,
and a new bot token comes from reinstalling the app.
"""

from __future__ import annotations

from typing import Any

from detector.probes.core import answers
from detector.probes.core.answers import Meaning
from detector.secret import Secret
from rotators.core.contracts import Handles
from rotators.core.http import ApiReply
from rotators.core.model import Capability, Identity, Proof, ProofState, StepKind, UnexpectedState
from rotators.core.provider import TokenProvider

SERVES = ("slack.bot-token", "slack.user-token", "slack.legacy-token", "slack.rotating-token")

CAPABILITY = Capability(
    can_contain=True,
    limits="about 50 calls per minute; the app must be reinstalled for a new token",
    runbook="https://api.slack.com/apps",
)

REVOKE = ("POST /api/auth.revoke (with the token itself)",)


class Rotator(TokenProvider):
    """Settings: endpoint."""

    service = "slack"
    base = "https://slack.com"
    who = "/api/auth.test"
    acts = ((StepKind.CONTAIN, REVOKE), (StepKind.DISABLE, REVOKE))

    def ask(self, secret: Secret) -> Any | None:
        """See `TokenProvider`."""
        reply = self.api(secret).call("POST", self.who)
        answer = _judge(reply)
        if answer.means == Meaning.LIVE:
            return reply.data
        if answer.means == Meaning.DEAD:
            return None
        raise UnexpectedState(answer.why)

    def verify_dead(self) -> Proof:
        """A token that Slack refuses for a reason that can pass is not proven dead."""
        answer = _judge(self.api(self.case.leak.secret).call("POST", self.who))
        if answer.means in (Meaning.LIVE, Meaning.DEAD):
            return Proof(ProofState.ALIVE if answer.means == Meaning.LIVE else ProofState.DEAD, answer.why)
        if answer.means in (Meaning.REFUSED, Meaning.SUSPENDED):
            return Proof(ProofState.UNVERIFIABLE, answer.why)
        raise UnexpectedState(answer.why)

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        facts = (("workspace", found.get("team", "")),)
        return Identity(self.case.leak.fingerprint, self.label(found["team_id"]), found.get("user", ""), facts=facts)

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        reply = self.api(self.case.leak.secret).call("POST", "/api/auth.revoke")
        if isinstance(reply.data, dict) and reply.data.get("revoked"):
            return {}
        answer = _judge(reply)
        if answer.means != Meaning.DEAD:
            raise UnexpectedState(f"Slack did not revoke it: {answer.why}")
        return {}


def _judge(reply: ApiReply) -> answers.Answer:
    return answers.judge(answers.SLACK, reply.status, answers.read_slack(reply.content))
