"""Keys of Google Cloud service accounts: disabled first, deleted later.

Access tokens that the key has fetched live on for up to an hour. A key is
proven dead by asking for such a token, always at Google's own address: the
one in a leaked file may be anybody's.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from detector.secret import Secret
from rotators.core import http, lost_creations
from rotators.core.contracts import Handles, Values
from rotators.core.journal import parse_time
from rotators.core.model import (
    Capability,
    Identity,
    NewCredential,
    Proof,
    ProofState,
    Refused,
    StepKind,
    UnexpectedState,
)
from rotators.core.provider import TokenProvider

SERVES = ("google.service-account-key", "gcp.service-account*")

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    reversible_disable=True,
    can_delete=True,
    limits="ten keys per account; access tokens fetched with the key live for up to an hour",
    runbook="https://console.cloud.google.com/iam-admin/serviceaccounts",
)

TOKEN_URL = "https://oauth2.googleapis.com"  # noqa: S105

REFUSALS = (400, 401, 403, 404, 409, 412)
"""Answers to a request for a key that come before anything is made."""


class Rotator(TokenProvider):
    """Settings: endpoint, token_endpoint, token_env or token_file (roles/iam.serviceAccountKeyAdmin)."""

    service = "google"
    base = "https://iam.googleapis.com"

    def identify(self) -> Identity:
        """The file says which key it is; the API says whether that is so."""
        leaked = self._parse_leaked()
        name = f"projects/-/serviceAccounts/{leaked['client_email']}/keys/{leaked['private_key_id']}"
        found = self.api().call("GET", f"/v1/{name}")
        project = str(leaked["client_email"]).partition("@")[2].removesuffix(".iam.gserviceaccount.com")
        facts = (("disabled", str(found.data.get("disabled", False)).lower()),)
        created = str(found.data.get("validAfterTime", ""))
        return Identity(name, self.label(project), str(leaked["client_email"]), created=created, facts=facts)

    def unprovable(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        return ("when the access tokens that the key has fetched end: within an hour",)

    def preconditions(self) -> Handles:
        """See `contracts.Rotator`."""
        return {"keys": " ".join(sorted(self._list_keys()))}

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        name = self.case.handles.get("handle", "")
        off, ask = (f"POST /v1/{name}:disable",), ("POST /token with an assertion signed by the key",)
        return {
            StepKind.MINT: (f"POST /v1/{name.rpartition('/')[0]}",),
            StepKind.CONTAIN: off,
            StepKind.DISABLE: off,
            StepKind.DELETE: (f"DELETE /v1/{name}",),
            StepKind.PROVE_NEW: ask,
            StepKind.PROVE_DEAD: ask,
        }.get(kind, ())

    def create(self, values: Values) -> NewCredential:
        """Make a key; its file is the value."""
        answer = self.api().call("POST", f"/v1/{self._account}/keys", json={}, accept=REFUSALS)
        if answer.status in REFUSALS:
            raise Refused(f"Google refused to make a key ({answer.status})")
        return NewCredential(
            {"value": Secret(base64.b64decode(answer.get("privateKeyData")))}, {"new_handle": answer.get("name")}
        )

    def before_create(self) -> Handles:
        """Note the keys that are there."""
        return {"mint.keys": " ".join(sorted(self._list_keys()))}

    def strays(self) -> tuple[str, ...]:
        """Find the only new key, if our call can have made it: Google's keys carry no mark."""
        handles = self.case.handles
        name = lost_creations.choose_only_new(
            self._list_keys(), set(handles["mint.keys"].split()), parse_time(handles["mint.started"])
        )
        return (name,) if name else ()

    def discard(self, handle: str) -> None:
        """Disable first: should it be in use after all, that can be taken back."""
        self.api().call("POST", f"/v1/{handle}:disable", json={}, accept=(404,))
        self.api().call("DELETE", f"/v1/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """See `contracts.Rotator`."""
        self.api().call("POST", f"/v1/{self.case.handles['handle']}:disable", json={})
        return {}

    def delete(self) -> Handles:
        """See `contracts.Rotator`."""
        self.api().call("DELETE", f"/v1/{self.case.handles['handle']}", accept=(404,))
        return {}

    def undo(self, kind: StepKind) -> None:
        """See `contracts.Rotator`."""
        self.api().call("POST", f"/v1/{self.case.handles['handle']}:enable", json={})

    def verify_new(self, values: Values) -> Proof:
        """See `contracts.Rotator`."""
        return self._try_key(json.loads(values["value"].reveal()))

    def verify_dead(self) -> Proof:
        """See `contracts.Rotator`."""
        return self._try_key(self._parse_leaked())

    # -- calls ---------------------------------------------------------------

    def _parse_leaked(self) -> dict[str, Any]:
        for value in self.case.leak.values():
            try:
                data = json.loads(value.reveal())
            except ValueError:
                continue
            if isinstance(data, dict) and "private_key_id" in data:
                return data
        raise UnexpectedState("the finding does not hold the whole key file; rotate it with the file at hand")

    @property
    def _account(self) -> str:
        return self.case.handles["handle"].rpartition("/keys/")[0]

    def _list_keys(self) -> dict[str, float]:
        """Return the names of the account's keys, and when each was made."""
        account = f"projects/-/serviceAccounts/{self._parse_leaked()['client_email']}"
        answer = self.api().call("GET", f"/v1/{account}/keys", params={"keyTypes": "USER_MANAGED"})
        return {key["name"]: parse_time(key["validAfterTime"]) for key in answer.data.get("keys", ())}

    def _try_key(self, key: dict[str, Any]) -> Proof:
        url = str(self.case.settings.get("token_endpoint") or TOKEN_URL)
        body = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": _make_assertion(key, self.case.clock.now()),
        }
        answer = http.ApiClient(url).call("POST", "/token", data=body, accept=(400, 401))
        if answer.status == 200:
            return Proof(ProofState.ALIVE, "it fetches access tokens")
        return Proof(ProofState.DEAD, "no access token for it")


def _make_assertion(key: dict[str, Any], now: float) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    def encode_part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {
        "iss": key["client_email"],
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": f"{TOKEN_URL}/token",
        "iat": int(now),
        "exp": int(now) + 600,
    }
    header = {"alg": "RS256", "typ": "JWT", "kid": key["private_key_id"]}
    signed = encode_part(json.dumps(header).encode()) + b"." + encode_part(json.dumps(claims).encode())
    private = load_pem_private_key(key["private_key"].encode(), None)
    assert isinstance(private, RSAPrivateKey)
    return (signed + b"." + encode_part(private.sign(signed, PKCS1v15(), SHA256()))).decode()
