"""Credentials whose provider offers no call: a person does it, and the run waits.

The plan says where, so that the clock of the incident, the log and the proof
of completion are the same as for every other credential.
"""

from __future__ import annotations

from rotators.core import contracts
from rotators.core.model import Capability, Identity

SERVES = (
    "aws.appsync-*",
    "aws.bedrock-session-*",
    "aws.mws-*",
    "hashicorp.vault-unseal-*",
    "openbao.unseal-*",
    "vault.recovery-*",
    "vault.unseal-*",
)
"""Kinds that another rotator would take for its own: an unseal key is no token, an AppSync key none of IAM."""

CAPABILITY = Capability(limits="the provider offers no call to end this credential")


class Rotator(contracts.Rotator):
    """Has no settings."""

    def identify(self) -> Identity:
        """All that is known is the finding."""
        return Identity(self.case.leak.fingerprint, "by-hand")

    def narrow(self, capability: Capability) -> Capability:
        """Show the way that the rule describes."""
        return capability._replace(runbook=self.case.leak.runbook)
