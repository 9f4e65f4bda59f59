"""Vault tokens look themselves up."""

from __future__ import annotations

import json
import shutil

import pytest

from detector.model import VerdictState
from detector.probes.core.contract import ProbeSettings
from detector.rules.shapes import expand
from tests.detector.probes.conftest import finding, verdict
from tests.fakes import servers
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
        (Say(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}), VerdictState.LIVE),
        (Say(403, {"errors": ["permission denied"]}), VerdictState.UNKNOWN),
        (Say(404, {"errors": ["namespace not found"]}), VerdictState.UNKNOWN),
        (Say(400, {"errors": ["missing client token"]}), VerdictState.UNKNOWN),
        (Say(403, "<html>bad token</html>"), VerdictState.UNKNOWN),
        (Say(404, "<html>not here</html>"), VerdictState.UNKNOWN),
        (Say(200, {}), VerdictState.UNKNOWN),
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
    if say.status == 200 and state == VerdictState.LIVE:
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


PLAIN = {"errors": ["permission denied"]}


@pytest.mark.parametrize(
    ("address", "lookup", "me", "state"),
    [
        ("https://vault.acme.test:8200", Say(403, BAD), Say(200, SELF), VerdictState.DEAD),
        ("https://vault.acme.test:8200", Say(200, SELF), Say(200, SELF), VerdictState.LIVE),
        ("https://vault.acme.test:8200", Say(403, BAD), Say(403, PLAIN), VerdictState.UNKNOWN),
        ("https://vault.acme.test:8200", Say(403, PLAIN), Say(200, SELF), VerdictState.UNKNOWN),
        ("https://vault.acme.test:8200", Say(404, "<html>"), Say(200, SELF), VerdictState.UNKNOWN),
        ("https://other.acme.test:8200", Say(403, BAD), Say(200, SELF), VerdictState.UNKNOWN),
    ],
)
def test_a_refusal_is_explained_by_asking_as_the_operator(
    address: str,
    lookup: Say,
    me: Say,
    state: str,
    acme: Provider,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The operator's token goes to the operator's own server alone, and must be good there itself."""
    monkeypatch.setenv("VAULT_ADDR", address)
    monkeypatch.setenv("VAULT_TOKEN", "the-operators")

    def answer(heard: Heard) -> Say:
        if heard.headers["x-vault-token"] != "the-operators":
            return Say(403, PLAIN)
        asked = json.loads(heard.body)["token"] if heard.target.endswith("/lookup") else ""
        if not asked:
            return me
        return lookup if asked == TOKEN else Say(403, BAD)

    acme.answer = answer
    told = verdict(finding("vault.service-token", TOKEN, LINE), client=lambda: client_to(acme, authority, NAMED))
    assert told.state == state, told
    if not address.startswith("https://vault."):
        assert not any(heard.headers["x-vault-token"] == "the-operators" for heard in acme.heard)


@pytest.mark.net
@pytest.mark.skipif(not (shutil.which("bao") or shutil.which("vault")), reason="neither bao nor vault is installed")
def test_a_real_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live and dead are told apart; a token bound to other addresses is not called dead."""
    import hvac

    with servers.vault() as (address, token):
        root = hvac.Client(url=address, token=token)
        monkeypatch.setenv("VAULT_ADDR", address)
        settings = ProbeSettings(allow_internal=("127.0.0.1",), rate=100, reach=True)

        def ask(value: str) -> str:
            return verdict(finding("vault.service-token", value, "token: SECRET"), settings).state

        leaked = root.auth.token.create(policies=["default"])["auth"]["client_token"]
        poor = root.auth.token.create(policies=["nothing"], no_default_policy=True)["auth"]["client_token"]
        root.write_data("auth/token/roles/bound", data={"token_bound_cidrs": "203.0.113.0/24"})
        bound = root.auth.token.create(role_name="bound", policies=["default"])["auth"]["client_token"]
        assert [ask(leaked), ask(poor), ask(bound)] == ["live", "live", "unknown"]
        root.auth.token.revoke(leaked)
        assert ask(leaked) == "unknown"
        monkeypatch.setenv("VAULT_TOKEN", token)
        assert [ask(leaked), ask(bound)] == ["dead", "live"]
