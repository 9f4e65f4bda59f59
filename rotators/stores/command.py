"""One's own store as a program: `read`, `write`, and `preflight`, as JSON on pipes.

The program gets `{"verb": …, "secrets": {field: base64}}` and answers
`{"secrets": …}` to `read`, or `{"mark": …}` when it cannot read back.
"""

from __future__ import annotations

import base64
from typing import Any

from detector.secret import Secret
from rotators.core import contracts, external_program
from rotators.core.contracts import Handles, Values
from rotators.core.model import StepKind, UnexpectedState


class Store(contracts.Store):
    """Settings: command (a list), fields, pass_env, timeout."""

    staged = False

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        return (f"{self._describe_target()} (write)",) if kind == StepKind.PROMOTE else ()

    def preflight(self) -> None:
        """See `contracts.Store`."""
        self._run_verb("preflight")

    def promote(self, token: str, values: Values) -> Handles:
        """See `contracts.Store`."""
        given = {theirs: values[ours] for ours, theirs in self.case.settings["fields"].items()}
        self._run_verb("write", given)
        return {}

    def read_back(self) -> Values | None:
        """See `contracts.Store`."""
        found = self._run_verb("read").get("secrets")
        if found is None:
            return None
        wanted = self.case.settings["fields"].items()
        return {ours: Secret(base64.b64decode(found[theirs])) for ours, theirs in wanted if theirs in found}

    def mark(self) -> str:
        """See `contracts.Store`."""
        return str(self._run_verb("read").get("mark", ""))

    def restore(self, token: str, old: Values) -> Handles:
        """Write the leaked values again."""
        if set(self.case.settings["fields"]) - set(old):
            raise UnexpectedState("the old values are not known; write them by hand")
        return self.promote(token, old)

    def _describe_target(self) -> str:
        return str(self.case.settings["command"][0])

    def _run_verb(self, verb: str, values: Values | None = None) -> dict[str, Any]:
        secrets = {name: base64.b64encode(value.reveal()).decode() for name, value in (values or {}).items()}
        return self._send({"verb": verb, "run": self.case.run, "secrets": secrets})

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        return external_program.run_program(self.case.settings, request)
