"""Vault KV version 2: a new version, written only on top of the one we read.

KV has no pending value (a write is live at once), so the new one waits in
escrow. Compare-and-set names the version; a mismatch is somebody else's write.
"""

from __future__ import annotations

import json
from typing import Any

from rotators.core import contracts, field_mapping, operator_credentials, vault
from rotators.core.contracts import Handles, Values
from rotators.core.model import Case, StepKind, UnexpectedState


class Store(contracts.Store):
    """Settings: address, token_env or token_file, namespace, mount, path, fields."""

    staged = False

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._path = operator_credentials.require_setting(case.settings, "path")
        self._mount = str(case.settings.get("mount", "secret"))

    guess_account = staticmethod(vault.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Store`."""
        return vault.describe_access(self.case.settings)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        return (f"vault write {self._mount}/data/{self._path} (cas)",) if kind == StepKind.PROMOTE else ()

    def preflight(self) -> None:
        """Ask the server what the operator's token may do with the path."""
        self._read()
        path = f"{self._mount}/data/{self._path}"
        with vault.translate_errors("capabilities"):
            answer = vault.make_client(self.case.settings).sys.get_capabilities([path])
        may = set(answer.get("data", answer).get(path, ()))
        if not may & {"update", "root"}:
            raise UnexpectedState(f"the operator's token may not write {path}")

    def promote(self, token: str, values: Values) -> Handles:
        """Write a new version on top of the one just read, unless that holds the values already."""
        import hvac.exceptions as hv

        document, version = self._read()
        if field_mapping.read_values(document, self.case.settings) == self.kept(values):
            return {}
        fresh = json.loads(field_mapping.merge_values(document, self.case.settings, values))
        with vault.translate_errors("kv write"):
            try:
                answer = vault.make_client(self.case.settings).secrets.kv.v2.create_or_update_secret(
                    self._path, fresh, cas=version, mount_point=self._mount
                )
            except hv.InvalidRequest as error:
                if "check-and-set" in str(error):
                    raise UnexpectedState(f"somebody else wrote {self._path} at the same time") from None
                raise
        return {"version": str(answer["data"]["version"])}

    def read_back(self) -> Values | None:
        """See `contracts.Store`."""
        return field_mapping.read_values(self._read()[0], self.case.settings)

    def restore(self, token: str, old: Values) -> Handles:
        """Write the version before ours again."""
        _, version = self._read()
        document, _ = self._read(version - 1) if version > 1 else (None, 0)
        previous = field_mapping.read_values(document, self.case.settings) if document else old
        return self.promote(token, previous)

    def _read(self, version: int | None = None) -> tuple[str, int]:
        import hvac.exceptions as hv

        kv: Any = vault.make_client(self.case.settings).secrets.kv.v2
        with vault.translate_errors("kv read"):
            try:
                data = kv.read_secret_version(
                    self._path, version=version, mount_point=self._mount, raise_on_deleted_version=True
                )["data"]
            except hv.InvalidPath:
                raise UnexpectedState(f"{self._mount}/{self._path} has no readable version") from None
        return json.dumps(data["data"]), int(data["metadata"]["version"])
