"""Vault and OpenBao tokens look themselves up.

A lookup uses up one use of a token that has a limited number of them, and the
last use ends the token: that cannot be known before. Where the server is has
to come from the operator: a host that the line names is asked only when the
operator names it too, else the operator's own `VAULT_ADDR`.
"""

from __future__ import annotations

import os

from detector.model import VerdictState
from detector.net.http_client import Request, Wire
from detector.probes._contract import Answer, Asked, Question, Settings, Unclear
from detector.verify.declarative_probe import said
from detector.verify.hosts import Place, check_scheme, place_for, place_of

SERVES = ("vault.service-token", "vault.batch-token", "vault.token-legacy")

PATH = "/v1/auth/token/lookup-self"
_FACTS = {"policies": "data.policies", "expires": "data.expire_time", "uses left": "data.num_uses", "type": "data.type"}


async def check(question: Question, wire: Wire) -> Answer:
    """Ask the server to look the token up."""
    place = _server(question, wire.settings)
    headers = (("X-Vault-Token", question.text()), ("X-Vault-Request", "true"))
    reply = await wire.ask(Request("GET", f"{place.scheme}://{place.netloc}{PATH}", headers))
    if reply.status == 200 and said(reply, "data.id"):
        facts = tuple((name, text) for name, path in _FACTS.items() if (text := said(reply, path)))
        owner = said(reply, "data.display_name")
        return Answer(VerdictState.LIVE, "the server knows the token", owner, facts if wire.settings.reach else ())
    if reply.status == 403 and ("bad token" in reply.text or "invalid token" in reply.text):
        return Answer(VerdictState.DEAD, "the server does not know the token")
    if reply.status == 403 and "permission denied" in reply.text:
        return Answer(
            VerdictState.UNKNOWN, "permission denied: unknown to the server, or not allowed to look itself up"
        )
    if reply.status in (503, 473, 472):
        return Answer(VerdictState.UNKNOWN, f"the server is sealed or on standby (HTTP {reply.status})")
    return Answer(VerdictState.UNKNOWN, f"the answer means neither live nor dead (HTTP {reply.status})")


def plan(question: Question, settings: Settings) -> Asked:
    """Name the server."""
    place = _server(question, settings)
    note = "a lookup uses up one use of a token whose uses are limited"
    return Asked(place.netloc, f"GET {place.scheme}://{place.netloc}{PATH}", note)


def _server(question: Question, settings: Settings) -> Place:
    try:
        place = place_for(question, settings)
    except Unclear:
        own = place_of(os.environ.get("VAULT_ADDR", "")) if os.environ.get("VAULT_ADDR") else None
        if own is None:
            raise
        return own
    check_scheme(place.scheme, place, settings)
    return place
