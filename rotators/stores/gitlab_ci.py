"""GitLab CI/CD variables: the value changes, the flags stay.

A value that a *masked* variable cannot hold is refused by GitLab, which is
found out before anything is made.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from detector.secret import Secret
from rotators.core import contracts, http, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Case, StepKind, UnexpectedState

FLAGS = ("variable_type", "protected", "masked", "raw", "environment_scope")


class Store(contracts.Store):
    """Settings: project or group, scope, fields, endpoint, token_env or token_file."""

    staged = False

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        kind = "groups" if case.settings.get("group") else "projects"
        name = case.settings.get("group") or operator_credentials.require_setting(case.settings, "project")
        self._path = f"/api/v4/{kind}/{quote(str(name), safe='')}/variables"

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        names = self.case.settings["fields"].values()
        return tuple(f"PUT {self._path}/{name}" for name in names) if kind == StepKind.PROMOTE else ()

    def preflight(self) -> None:
        """The variables must exist; hidden ones cannot be written by call."""
        for name in self.case.settings["fields"].values():
            if self._read(name).get("hidden"):
                raise UnexpectedState(f"{self._path}/{name} is hidden and cannot be compared; write it by hand")

    def promote(self, token: str, values: Values) -> Handles:
        """Change each value and keep its flags."""
        for ours, theirs in self.case.settings["fields"].items():
            kept = {name: value for name, value in self._read(theirs).items() if name in FLAGS}
            body = {**kept, "value": http.reveal_text(values[ours])}
            self._api().call("PUT", f"{self._path}/{theirs}", json=body, params=self._scope())
        return {}

    def read_back(self) -> Values | None:
        """See `contracts.Store`."""
        names = self.case.settings["fields"].items()
        return {ours: Secret(str(self._read(theirs)["value"]).encode()) for ours, theirs in names}

    def restore(self, token: str, old: Values) -> Handles:
        """Write the leaked values again: GitLab keeps no history."""
        if set(self.case.settings["fields"]) - set(old):
            raise UnexpectedState(f"the old values of {self._path} are not known; write them by hand")
        return self.promote(token, old)

    def _read(self, name: str) -> dict[str, Any]:
        answer = self._api().call("GET", f"{self._path}/{name}", params=self._scope(), accept=(404,))
        if answer.status == 404:
            raise UnexpectedState(f"{self._path} has no {name}; create it first")
        found: dict[str, Any] = answer.data
        return found

    def _scope(self) -> dict[str, str]:
        scope = self.case.settings.get("scope")
        return {"filter[environment_scope]": str(scope)} if scope else {}

    def _api(self) -> http.ApiClient:
        base = str(self.case.settings.get("endpoint") or "https://gitlab.com")
        return http.ApiClient(
            base, {"private-token": http.reveal_text(operator_credentials.read_credential(self.case.settings))}
        )
