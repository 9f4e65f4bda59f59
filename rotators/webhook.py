"""One's own rotator as a service: the requests of `command`, sent by HTTPS and signed.

The signature is HMAC-SHA-256 over the body, in `x-leakfirst-signature`. A
changing request is sent once; a lost answer is looked into, not repeated.
"""

from __future__ import annotations

from typing import Any

from rotators import command
from rotators.core import external_program
from rotators.core.model import Capability

SERVES = ()

CAPABILITY: Capability = command.CAPABILITY

TESTED = "a service"


class Rotator(command.Rotator):
    """Settings: url, key_env or key_file (signs the requests), verbs, values."""

    def _describe_target(self) -> str:
        return str(self.case.settings["url"])

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        return external_program.call_service(self.case.settings, request)
