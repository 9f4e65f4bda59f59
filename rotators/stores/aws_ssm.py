"""AWS Systems Manager Parameter Store, SecureString parameters.

There is neither staging nor compare-and-set: the version is read before and
compared after, and the new value waits in escrow. Old versions stay readable
in the history for whoever may read it; only deleting the parameter ends that.
"""

from __future__ import annotations

from typing import Any

from rotators.core import aws, contracts, field_mapping, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Case, StepKind, UnexpectedState


class Store(contracts.Store):
    """Settings: parameter, key_id, fields, plain, profile, region, endpoint."""

    staged = False

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._name = operator_credentials.require_setting(case.settings, "parameter")

    guess_account = staticmethod(aws.guess_account)

    def resolve(self) -> Handles:
        """See `contracts.Store`."""
        return aws.describe_access(self.case.settings)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        return (f"ssm:PutParameter {self._name} (overwrite)",) if kind == StepKind.PROMOTE else ()

    def preflight(self) -> None:
        """The parameter must exist, be readable, and be encrypted."""
        if self._read_parameter()["Type"] != "SecureString":
            raise UnexpectedState(
                f"{self._name} is no SecureString: everybody who may list it would read the new value"
            )

    def promote(self, token: str, values: Values) -> Handles:
        """Overwrite, then check that ours was the very next version; nothing is written if it is current already."""
        before = self._read_parameter()
        if field_mapping.read_values(str(before["Value"]), self.case.settings) == self.kept(values):
            return {}
        return self._write(before, values)

    def read_back(self) -> Values | None:
        """See `contracts.Store`."""
        return field_mapping.read_values(str(self._read_parameter()["Value"]), self.case.settings)

    def restore(self, token: str, old: Values) -> Handles:
        """Write the version before ours again; the history keeps both."""
        now = self._read_parameter()
        with aws.translate_errors():
            previous = self._ssm_client().get_parameter(Name=f"{self._name}:{now['Version'] - 1}", WithDecryption=True)
        return self._write(now, field_mapping.read_values(previous["Parameter"]["Value"], self.case.settings))

    def _write(self, before: dict[str, Any], values: Values) -> Handles:
        document = field_mapping.merge_values(before["Value"], self.case.settings, values)
        key = {"KeyId": self.case.settings["key_id"]} if self.case.settings.get("key_id") else {}
        with aws.translate_errors():
            answer = self._ssm_client().put_parameter(
                Name=self._name, Value=document, Type="SecureString", Overwrite=True, **key
            )
        if answer["Version"] != before["Version"] + 1:
            raise UnexpectedState(f"somebody else wrote {self._name} at the same time; compare its last versions")
        return {}

    def _ssm_client(self) -> Any:
        return aws.make_client("ssm", self.case.settings)

    def _read_parameter(self) -> dict[str, Any]:
        with aws.translate_errors():
            answer = self._ssm_client().get_parameter(Name=self._name, WithDecryption=True)
        found: dict[str, Any] = answer["Parameter"]
        return found
