"""Vault tokens look themselves up."""

from __future__ import annotations

import pytest

from detector.model import VerdictState
from detector.probes.core.contract import ProbeSettings
from detector.rules.shapes import expand
from tests.detector.probes.conftest import finding, verdict
from tests.fakes.provider import Authority, Heard, Provider, Say, by_credential, client_to

TOKEN = expand("hvs.{alnum:24}", 1)
LINE = "VAULT_ADDR=https://vault.acme.test:8200 VAULT_TOKEN=SECRET"
SELF = {"data": {"id": TOKEN, "display_name": "token-ci", "policies": ["ci", "default"], "num_uses": 3, "ttl": 60}}
BAD = {"errors": ["1 error occurred:\n\t* bad token\n\n"]}
NAMED = ProbeSettings(timeout=60, hosts=("vault.acme.test",), reach=True)


@pytest.mark.parametrize(
    ("say", "state"),
    [
        (Say(200, SELF), VerdictState.LIVE),
        (Say(403, BAD), VerdictState.DEAD),
        (Say(403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}), VerdictState.DEAD),
        (Say(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}), VerdictState.UNKNOWN),
        (Say(503, {"errors": ["Vault is sealed"]}), VerdictState.UNKNOWN),
        (Say(200, "<html>"), VerdictState.UNKNOWN),
    ],
)
def test_what_the_server_says_means(say: Say, state: str, acme: Provider, authority: Authority) -> None:
    acme.answer = by_credential(TOKEN, say, Say(403, BAD))
    told = verdict(finding("vault.service-token", TOKEN, LINE), client=lambda: client_to(acme, authority, NAMED))
    assert told.state == state, told
    first: Heard = acme.heard[0]
    assert (first.method, first.host, first.target) == ("GET", "vault.acme.test:8200", "/v1/auth/token/lookup-self")
    assert first.headers["x-vault-token"] == TOKEN
    if state == VerdictState.LIVE:
        assert told.owner == "token-ci"
        assert dict(told.facts) == {"policies": "ci, default", "uses left": "3"}
        assert TOKEN not in repr(told)


def test_the_operators_own_server_is_asked_where_the_line_names_none(
    acme: Provider, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.answer = by_credential(TOKEN, Say(200, SELF), Say(403, BAD))
    found = finding("vault.service-token", TOKEN, "token: SECRET")
    assert verdict(found, client=lambda: client_to(acme, authority)).state == VerdictState.UNKNOWN
    monkeypatch.setenv("VAULT_ADDR", "https://main.vault.test")
    assert verdict(found, client=lambda: client_to(acme, authority)).state == VerdictState.LIVE
    assert {heard.host for heard in acme.heard} == {"main.vault.test"}
