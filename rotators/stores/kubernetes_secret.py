"""A Kubernetes Secret: patched on top of the version that was read.

Pods read environment variables once: without a restart they keep the old
value. `restart` names the workloads to roll, which happens after the new value
was proven, so no pod starts into a wrong one.
"""

from __future__ import annotations

import base64
from typing import Any

from detector.secret import Secret
from rotators.core import contracts, http, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.journal import format_time
from rotators.core.model import Case, StepKind, UnexpectedState

MERGE = {"content-type": "application/merge-patch+json"}


class Store(contracts.Store):
    """Settings: server, namespace, name, fields, restart (["deployment/web"]), ca_file, token_env or token_file."""

    staged = False

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._space = str(case.settings.get("namespace", "default"))
        self._path = (
            f"/api/v1/namespaces/{self._space}/secrets/{operator_credentials.require_setting(case.settings, 'name')}"
        )

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        rolls = tuple(f"PATCH {self._workload(name)}" for name in self.case.settings.get("restart", ()))
        return (f"PATCH {self._path} (resourceVersion)", *rolls) if kind == StepKind.PROMOTE else ()

    def preflight(self) -> None:
        """Ask the server for a patch that it only pretends to make."""
        found = self._read()
        if found.get("immutable"):
            raise UnexpectedState(f"{self._path} is immutable: make another Secret and point to it")
        body = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}}
        self._api().call("PATCH", f"{self._path}?dryRun=All", json=body, headers=MERGE)

    def promote(self, token: str, values: Values) -> Handles:
        """Patch our keys, then roll the workloads that read them at start."""
        version = self._read()["metadata"]["resourceVersion"]
        data = {
            theirs: base64.b64encode(values[ours].reveal()).decode()
            for ours, theirs in self.case.settings["fields"].items()
        }
        body: dict[str, Any] = {"metadata": {"resourceVersion": version}, "data": data}
        answer = self._api().call("PATCH", self._path, json=body, headers=MERGE, accept=(409,))
        if answer.status == 409:
            raise UnexpectedState(f"somebody else wrote {self._path} at the same time")
        mark = {"kubectl.kubernetes.io/restartedAt": format_time(self.case.clock.now())}
        roll = {"spec": {"template": {"metadata": {"annotations": mark}}}}
        for name in self.case.settings.get("restart", ()):
            self._api().call("PATCH", self._workload(name), json=roll, headers=MERGE)
        return {}

    def read_back(self) -> Values | None:
        """See `contracts.Store`."""
        data = self._read().get("data") or {}
        wanted = self.case.settings["fields"].items()
        return {ours: Secret(base64.b64decode(data[theirs])) for ours, theirs in wanted if theirs in data}

    def restore(self, token: str, old: Values) -> Handles:
        """Write the leaked values again: a Secret has no history."""
        if set(self.case.settings["fields"]) - set(old):
            raise UnexpectedState(f"the old values of {self._path} are not known; write them by hand")
        return self.promote(token, old)

    def _workload(self, name: str) -> str:
        kind, _, which = name.partition("/")
        return f"/apis/apps/v1/namespaces/{self._space}/{kind}s/{which}"

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = self._api().call("GET", self._path).data
        return found

    def _api(self) -> http.ApiClient:
        settings = self.case.settings
        return http.ApiClient(
            operator_credentials.require_setting(settings, "server"),
            http.bearer_header(operator_credentials.read_credential(settings)),
            ca_file=str(settings.get("ca_file") or ""),
        )
