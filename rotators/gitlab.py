"""GitLab personal, project and group access tokens.

`rotate` looks like the obvious call and is a trap: the old token dies at
once, the new one lives a week unless told otherwise, and rotating a second
time with the old token revokes the *new* one. So the operator's token makes a new
project or group token beside the old one where it can; `rotate = true` in
the settings asks for the other way, once and never again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from detector.secret import Secret
from rotators.core.contracts import Handles, Values
from rotators.core.model import Capability, Identity, NewCredential, Overlap, StepKind, UnexpectedState
from rotators.core.provider import TokenProvider

SERVES = ("gitlab.pat*",)

CAPABILITY = Capability(
    can_contain=True,
    can_reissue=True,
    limits="revoking cannot be taken back",
    runbook="https://gitlab.com/-/user_settings/personal_access_tokens",
)

SELF = "/api/v4/personal_access_tokens/self"


class Rotator(TokenProvider):
    """Settings: endpoint, project or group, scopes, access_level, days, rotate, token_env or token_file."""

    service = "gitlab"
    base = "https://gitlab.com"
    who = SELF

    def describe(self, found: Any) -> Identity:
        """See `TokenProvider`."""
        host = self.endpoint.partition("://")[2]
        return Identity(
            handle=str(found["id"]),
            account=self.label(host),
            principal=f"user {found['user_id']}",
            created=str(found.get("created_at") or ""),
            last_used=str(found.get("last_used_at") or ""),
            facts=(("scopes", ", ".join(found.get("scopes", ()))), ("expires", str(found.get("expires_at")))),
        )

    def narrow(self, capability: Capability) -> Capability:
        """Without a project, a group or `rotate`, there is no call for a new one."""
        if self._resource_path():
            return capability
        if self.case.settings.get("rotate"):
            return capability._replace(overlap=Overlap.NONE, limits="rotate: the old token ends at once, and no retry")
        return capability._replace(can_reissue=False)

    def calls(self, kind: StepKind) -> tuple[str, ...]:
        """See `TokenProvider`."""
        if kind == StepKind.MINT:
            return (
                (f"POST {self._resource_path()}/access_tokens",)
                if self._resource_path()
                else (f"POST {SELF}/rotate (once)",)
            )
        return (f"DELETE {SELF}",) if kind in (StepKind.CONTAIN, StepKind.DISABLE) else super().calls(kind)

    def preflight(self) -> None:
        """See `TokenProvider`; `rotate` is done by the token itself."""
        if self._resource_path():
            super().preflight()
        elif "mint.started" in self.case.handles:
            raise UnexpectedState(
                "it was rotated already and the new value is lost; rotating again would kill that one too"
            )

    def create(self, values: Values) -> NewCredential:
        """Make a token beside the old one, or rotate once."""
        if not self._resource_path():
            answer = self.api(self.case.leak.secret).call(
                "POST", f"{SELF}/rotate", params={"expires_at": self._expiry_date()}
            )
        else:
            body = {
                "name": self.name,
                "scopes": list(self.case.settings.get("scopes", ("api",))),
                "access_level": int(self.case.settings.get("access_level", 30)),
                "expires_at": self._expiry_date(),
            }
            answer = self.api().call("POST", f"{self._resource_path()}/access_tokens", json=body)
        return NewCredential({"value": Secret(answer.get("token").encode())}, {"new_handle": str(answer.get("id"))})

    def strays(self) -> tuple[str, ...]:
        """See `contracts.Rotator`."""
        if not self._resource_path():
            return ()
        listed = self.api().call("GET", f"{self._resource_path()}/access_tokens").data
        return tuple(str(t["id"]) for t in listed if t["name"] == self.name and not t.get("revoked"))

    def discard(self, handle: str) -> None:
        """See `contracts.Rotator`."""
        self.api().call("DELETE", f"{self._resource_path()}/access_tokens/{handle}", accept=(404,))

    def disable(self) -> Handles:
        """The token revokes itself; one that is dead already is fine."""
        self.api(self.case.leak.secret).call("DELETE", SELF, accept=(401,))
        return {}

    def _resource_path(self) -> str:
        for kind in ("project", "group"):
            if name := self.case.settings.get(kind):
                from urllib.parse import quote

                return f"/api/v4/{kind}s/{quote(str(name), safe='')}"
        return ""

    def _expiry_date(self) -> str:
        today = datetime.fromtimestamp(self.case.clock.now(), UTC).date()
        end: date = today + timedelta(days=int(self.case.settings.get("days", 90)))
        return end.isoformat()
