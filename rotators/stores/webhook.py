"""One's own store as a service: the requests of `command`, sent by HTTPS and signed."""

from __future__ import annotations

from typing import Any

from rotators.core import external_program
from rotators.stores import command


class Store(command.Store):
    """Settings: url, key_env or key_file (signs the requests), fields."""

    def _describe_target(self) -> str:
        return str(self.case.settings["url"])

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        return external_program.call_service(self.case.settings, request)
