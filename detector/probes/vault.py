"""Vault and OpenBao tokens look themselves up.

A lookup uses up one use of a token that has a limited number of them, and the
last use ends the token: that cannot be known before. Where the server is has
to come from the operator: a host that the line names is asked only when the
operator names it too, else the operator's own `VAULT_ADDR`.
"""

from __future__ import annotations

import os

from detector.model import VerdictState
from detector.net.http_client import Request
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.declarative import read_text
from detector.probes.core.hosts import HostAddress, choose_host, parse_host, require_tls

SERVES = ("vault.service-token", "vault.batch-token", "vault.token-legacy")

PATH = "/v1/auth/token/lookup-self"
_FACTS = {"policies": "data.policies", "expires": "data.expire_time", "uses left": "data.num_uses", "type": "data.type"}


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Ask the server to look the token up."""
    place = _choose_server(credential, client.settings)
    headers = (("X-Vault-Token", credential.text()), ("X-Vault-Request", "true"))
    reply = await client.send(Request("GET", f"{place.scheme}://{place.netloc}{PATH}", headers))
    if reply.status == 200 and read_text(reply, "data.id"):
        facts = tuple((name, text) for name, path in _FACTS.items() if (text := read_text(reply, path)))
        owner = read_text(reply, "data.display_name")
        return ProbeResult(
            VerdictState.LIVE, "the server knows the token", owner, facts if client.settings.reach else ()
        )
    if reply.status == 403 and ("bad token" in reply.text or "invalid token" in reply.text):
        return ProbeResult(VerdictState.DEAD, "the server does not know the token")
    if reply.status == 403 and "permission denied" in reply.text:
        return ProbeResult(
            VerdictState.UNKNOWN, "permission denied: unknown to the server, or not allowed to look itself up"
        )
    if reply.status in (503, 473, 472):
        return ProbeResult(VerdictState.UNKNOWN, f"the server is sealed or on standby (HTTP {reply.status})")
    return ProbeResult(VerdictState.UNKNOWN, f"the answer means neither live nor dead (HTTP {reply.status})")


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the server."""
    place = _choose_server(credential, settings)
    note = "a lookup uses up one use of a token whose uses are limited"
    return PlannedRequest(place.netloc, f"GET {place.scheme}://{place.netloc}{PATH}", note)


def _choose_server(credential: ProbeInput, settings: ProbeSettings) -> HostAddress:
    try:
        place = choose_host(credential, settings)
    except NoVerdict:
        own = parse_host(os.environ.get("VAULT_ADDR", "")) if os.environ.get("VAULT_ADDR") else None
        if own is None:
            raise
        return own
    require_tls(place.scheme, place, settings)
    return place
