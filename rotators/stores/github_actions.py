"""GitHub Actions secrets: sealed to the repository's key, and never readable again.

Deletion can be seen, staleness cannot. Jobs that run now keep the old value,
so the old credential must outlive the longest job: set `drain` in the policy.
"""

from __future__ import annotations

import base64

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import contracts, http, operator_credentials
from rotators.core.contracts import Handles, Values
from rotators.core.model import Case, StepKind, UnexpectedState


class Store(contracts.Store):
    """Settings: repository (owner/name), environment, fields, endpoint, token_env or token_file."""

    staged = False

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        repository = operator_credentials.require_setting(case.settings, "repository")
        environment = case.settings.get("environment")
        place = f"environments/{environment}/secrets" if environment else "actions/secrets"
        self._path = f"/repos/{repository}/{place}"

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Store`."""
        names = self.case.settings["fields"].values()
        return tuple(f"PUT {self._path}/{name}" for name in names) if kind == StepKind.PROMOTE else ()

    def preflight(self) -> None:
        """The secrets must exist, so that a typing error makes no new one."""
        self._read_public_key()
        self.mark()

    def promote(self, token: str, values: Values) -> Handles:
        """Seal each value to the repository's key."""
        key_id, key = self._read_public_key()
        for ours, theirs in self.case.settings["fields"].items():
            body = {"encrypted_value": seal(values[ours], key), "key_id": key_id}
            self._api().call("PUT", f"{self._path}/{theirs}", json=body)
        return {}

    def read_back(self) -> Values | None:
        """Write-only."""
        return None

    def mark(self) -> str:
        """Return when our secrets were last written."""
        names = self.case.settings["fields"].values()
        found = [self._api().call("GET", f"{self._path}/{name}", accept=(404,)) for name in names]
        if any(answer.status == 404 for answer in found):
            raise UnexpectedState(f"{self._path} lacks one of {', '.join(names)}; create it first")
        return " ".join(str(answer.get("updated_at")) for answer in found)

    def restore(self, token: str, old: Values) -> Handles:
        """Write the leaked values again: nothing else is known."""
        if set(self.case.settings["fields"]) - set(old):
            raise UnexpectedState(f"the old values of {self._path} are not known; write them by hand")
        return self.promote(token, old)

    def _read_public_key(self) -> tuple[str, str]:
        answer = self._api().call("GET", f"{self._path}/public-key")
        return answer.get("key_id"), answer.get("key")

    def _api(self) -> http.ApiClient:
        base = str(self.case.settings.get("endpoint") or "https://api.github.com")
        headers = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        return http.ApiClient(
            base, {**http.bearer_header(operator_credentials.read_credential(self.case.settings)), **headers}
        )


def seal(value: Secret, key: str) -> str:
    """Return *value* in a sealed box for the public *key* (base64)."""
    try:
        from nacl.public import PublicKey, SealedBox
    except ImportError:
        raise UsageError("GitHub Actions secrets need PyNaCl: install leakfirst with the extra rotate") from None
    box = SealedBox(PublicKey(base64.b64decode(key)))
    return base64.b64encode(box.encrypt(value.reveal())).decode()
