"""Vault and OpenBao tokens look themselves up.

A lookup uses up one use of a token that has a limited number of them, and the
last use ends the token: that cannot be known before. Where the server is has
to come from the operator: a host that the line names is asked only when the
operator names it too, else the operator's own `VAULT_ADDR`. OpenBao refuses a
token that ended and one that is bound to other addresses with the same words:
the difference is known only to somebody else, who asks with `VAULT_TOKEN`.
"""

from __future__ import annotations

import json
import os

from detector.model import VerdictState
from detector.net.http_client import Request
from detector.probes.core import answers
from detector.probes.core.answers import Meaning
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.declarative import read_text
from detector.probes.core.hosts import HostAddress, choose_host, parse_host, require_tls

SERVES = ("vault.service-token", "vault.batch-token", "vault.token-legacy")

SELF, LOOKUP = "/v1/auth/token/lookup-self", "/v1/auth/token/lookup"
_FACTS = {"policies": "data.policies", "expires": "data.expire_time", "uses left": "data.num_uses", "type": "data.type"}


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Ask the server to look the token up; where that proves nothing, ask as the operator."""
    place = _choose_server(credential, client.settings)
    base = f"{place.scheme}://{place.netloc}"
    reply = await client.send(_make_request("GET", base + SELF, credential.text()))
    answer = answers.judge(answers.VAULT_LOOKUP_SELF, reply.status, answers.read_vault(reply.status, reply.body))
    refused = answer.means in (Meaning.REFUSED, Meaning.DEAD)
    if answer.means == Meaning.REFUSED:
        answer = await _ask_as_operator(credential, client, base) or answer
    if answer.means == Meaning.LIVE:
        facts = tuple((name, text) for name, path in _FACTS.items() if (text := read_text(reply, path)))
        owner = read_text(reply, "data.display_name")
        return ProbeResult(VerdictState.LIVE, answer.why, owner, facts if client.settings.reach else ())
    state = VerdictState.DEAD if answer.means == Meaning.DEAD else VerdictState.UNKNOWN
    return ProbeResult(state, answer.why, refused=refused)


async def _ask_as_operator(credential: ProbeInput, client: ProbeClient, base: str) -> answers.Answer | None:
    """Ask about the token with the operator's own, at the operator's own server and nowhere else.

    Only this tells a token that ended from one that is good from another
    address. None where there is no such token, or the server does not know it.
    """
    own, token = parse_host(os.environ.get("VAULT_ADDR", "")), os.environ.get("VAULT_TOKEN", "")
    if not token or own is None or f"{own.scheme}://{own.netloc}" != base:
        return None
    about = json.dumps({"token": credential.text()}).encode()
    me, asked = _make_request("GET", base + SELF, token), _make_request("POST", base + LOOKUP, token, about)
    found = None
    for request in (me, asked, me):
        reply = await client.send(request)
        said = answers.read_vault(reply.status, reply.body)
        if request is asked:
            found = answers.judge(answers.VAULT_LOOKUP, reply.status, said)
        elif answers.judge(answers.VAULT_LOOKUP_SELF, reply.status, said).means != Meaning.LIVE:
            return None
    return found if found and found.means in (Meaning.LIVE, Meaning.DEAD) else None


def _make_request(method: str, url: str, token: str, body: bytes = b"") -> Request:
    return Request(method, url, (("X-Vault-Token", token), ("X-Vault-Request", "true")), body)


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the server."""
    place = _choose_server(credential, settings)
    note = "a lookup uses up one use of a token whose uses are limited"
    return PlannedRequest(place.netloc, f"GET {place.scheme}://{place.netloc}{SELF}", note)


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
