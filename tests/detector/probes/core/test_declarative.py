"""Probe tables: what is asked, and what each answer proves."""

import asyncio

import pytest

from detector.model import Companion, Rule, VerdictState
from detector.probes.core import declarative
from detector.probes.core.contract import NoVerdict, ProbeInput, ProbeResult, ProbeSettings
from detector.secret import Secret
from tests.fakes.provider import Authority, Provider, Say, by_credential, client_to

TOKEN = "acme_live_" + "k3J9" * 8


def credential(probe: dict, parts: dict | None = None, lines: tuple[str, ...] = ()) -> ProbeInput:
    companions = tuple(Companion(name, "x") for name in parts or {})
    rule = Rule("acme.key", "Acme key", probe=probe, companions=companions)
    values = {name: Secret(value.encode()) for name, value in (parts or {}).items()}
    return ProbeInput(rule, Secret(TOKEN.encode()), values, lines)


def ask(asked: ProbeInput, acme: Provider, authority: Authority, settings: ProbeSettings | None = None) -> ProbeResult:
    async def work() -> ProbeResult:
        client = client_to(acme, authority, settings)
        try:
            return await declarative.check(asked, client)
        except NoVerdict as unclear:
            return ProbeResult(VerdictState.UNKNOWN, str(unclear))
        finally:
            await client.close()

    return asyncio.run(work())


BEARER = {"get": "https://api.acme.test/me", "bearer": "{secret}", "live": 200, "dead": 401}


@pytest.mark.parametrize(
    ("say", "state", "word"),
    [
        (Say(200, {"login": "ada"}), VerdictState.LIVE, "accepted"),
        (Say(401, {"message": "Bad credentials"}), VerdictState.DEAD, "refused"),
        (Say(401, "<html>login</html>"), VerdictState.UNKNOWN, "web page"),
        (Say(403, {"message": "scope"}), VerdictState.UNKNOWN, "neither"),
        (Say(429, {}), VerdictState.UNKNOWN, "rate"),
        (Say(200, "<!DOCTYPE html><p>Welcome to the hotel"), VerdictState.UNKNOWN, "web page"),
        (Say(200, "\x00\x01garbage"), VerdictState.UNKNOWN, "no JSON"),
        (Say(200, b""), VerdictState.UNKNOWN, "empty"),
        (Say(503, "down"), VerdictState.UNKNOWN, "trouble"),
        (Say(302, b"", (("Location", "http://169.254.169.254/latest/meta-data"),)), VerdictState.UNKNOWN, "redirects"),
        (Say(302, b"", (("Location", "https://api.acme.test/other"),)), VerdictState.UNKNOWN, "redirects"),
        (Say(407, b""), VerdictState.UNKNOWN, "proxy"),
        (Say(200, b"x" * 65536, forever=True), VerdictState.UNKNOWN, "longer than"),
        (Say(200, b"{}", delay=30), VerdictState.UNKNOWN, "did not answer"),
        (Say(200, b"\x1f\x8b", (("Content-Encoding", "gzip"),)), VerdictState.UNKNOWN, "compressed"),
    ],
)
def test_an_answer_means(say: Say, state: str, word: str, acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: say
    answer = ask(credential(BEARER), acme, authority, ProbeSettings(timeout=1 if say.delay else 60))
    assert (answer.state, word in answer.why) == (state, True), answer
    assert len(acme.heard) == 1
    assert TOKEN not in repr(answer)


def test_it_sends_what_the_table_says(acme: Provider, authority: Authority) -> None:
    ask(credential(BEARER | {"headers": {"Acme-Version": "7"}}), acme, authority)
    (heard,) = acme.heard
    assert (heard.method, heard.host, heard.target) == ("GET", "api.acme.test", "/me")
    assert heard.headers["authorization"] == f"Bearer {TOKEN}"
    assert heard.headers["acme-version"] == "7"
    assert heard.headers["user-agent"].startswith("leakfirst/")
    assert "cookie" not in heard.headers


def test_basic_joins_the_parts(acme: Provider, authority: Authority) -> None:
    probe = {"get": "https://api.acme.test/{account}/x?k={secret}", "basic": "{account}:{secret}", "dead": [401, 403]}
    ask(credential(probe, {"account": "AC/é?"}), acme, authority)
    (heard,) = acme.heard
    assert heard.target == f"/AC%2F%C3%A9%3F/x?k={TOKEN}"
    import base64

    assert base64.b64decode(heard.headers["authorization"].removeprefix("Basic ")).decode() == f"AC/é?:{TOKEN}"


def test_forms_and_json_are_encoded(acme: Provider, authority: Authority) -> None:
    ask(credential({"post": "https://api.acme.test/", "form": "a=1&token={secret}"}), acme, authority)
    ask(credential({"post": "https://api.acme.test/", "json": {"q": ['"{secret}"']}}), acme, authority)
    ask(credential({"post": "https://api.acme.test/", "body": "{{x {secret}}}"}), acme, authority)
    form, document, text = acme.heard
    assert (form.body, form.headers["content-type"]) == (
        f"a=1&token={TOKEN}".encode(),
        "application/x-www-form-urlencoded",
    )
    assert document.body == f'{{"q": ["\\"{TOKEN}\\""]}}'.encode()
    assert text.body == f"{{x {TOKEN}}}".encode()


def test_the_body_decides_where_the_status_does_not(acme: Provider, authority: Authority) -> None:
    probe = {
        "post": "https://slack.test/api/auth.test",
        "bearer": "{secret}",
        "live": 200,
        "dead": 200,
        "live_body": "$.ok == true",
        "dead_body": "$.error ~ ^(invalid_auth|token_revoked)$",
    }
    for read_text, state in (
        ({"ok": True}, VerdictState.LIVE),
        ({"ok": False, "error": "invalid_auth"}, VerdictState.DEAD),
        ({"ok": False, "error": "ratelimited"}, VerdictState.UNKNOWN),
    ):
        acme.answer = lambda _, read_text=read_text: Say(200, read_text)
        assert ask(credential(probe), acme, authority).state == state


def test_owner_and_reach_only_where_asked(acme: Provider, authority: Authority) -> None:
    probe = BEARER | {
        "owner": ["login", "org.name"],
        "scopes": "header:X-Scopes",
        "reach": [{"get": "https://api.acme.test/orgs", "facts": {"organisations": "names"}}],
    }

    def answer(heard: object) -> Say:
        if heard.target == "/orgs":
            return Say(200, {"names": ["one", "two"]})
        return Say(200, {"login": "ada\x1b[31m", "org": {"name": "Acme"}}, (("X-Scopes", "repo"),))

    acme.answer = answer
    plain = ask(credential(probe), acme, authority)
    assert (plain.owner, plain.facts) == ("ada [31m / Acme", ())
    wide = ask(credential(probe), acme, authority, ProbeSettings(reach=True))
    assert wide.facts == (("scopes", "repo"), ("organisations", "one, two"))
    assert [heard.target for heard in acme.heard] == ["/me", "/me", "/orgs"]
    assert acme.heard[-1].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_redirect_is_followed_on_the_same_host_alone_and_only_if_the_table_says(
    acme: Provider, authority: Authority
) -> None:
    def answer(heard: object) -> Say:
        return Say(200) if heard.target == "/b" else Say(302, b"", (("Location", "/b"),))

    acme.answer = answer
    assert ask(credential(BEARER | {"follow": True}), acme, authority).state == VerdictState.LIVE
    acme.answer = lambda _: Say(302, b"", (("Location", "https://evil.test/b"),))
    assert ask(credential(BEARER | {"follow": True}), acme, authority).state == VerdictState.UNKNOWN
    assert {heard.host for heard in acme.heard} == {"api.acme.test"}


def test_every_site_is_asked_until_one_knows_it(acme: Provider, authority: Authority) -> None:
    probe = {
        "get": "https://api.{site}/v",
        "headers": {"K": "{secret}"},
        "sites": ["a.acme.test", "b.acme.test", "c.acme.test"],
    }
    acme.answer = lambda heard: Say(200 if heard.host == "api.b.acme.test" else 401)
    assert ask(credential(probe), acme, authority).state == VerdictState.LIVE
    assert [heard.host for heard in acme.heard] == ["api.a.acme.test", "api.b.acme.test"]


SELF_HOSTED = {"get": "https://{host}/api/me", "bearer": "{secret}", "host": "line"}


@pytest.mark.parametrize(
    ("line", "settings", "asked"),
    [
        ("//git.acme.test/:_authToken=…", ProbeSettings(), None),
        ("//git.acme.test/:_authToken=…", ProbeSettings(hosts=("*.acme.test",)), "git.acme.test"),
        ("https://u:p@git.acme.test:8443/x", ProbeSettings(hosts=("git.acme.test",)), "git.acme.test:8443"),
        ("http://git.acme.test/x", ProbeSettings(hosts=("git.acme.test",)), None),
        ("https://git.evil.test/x", ProbeSettings(hosts=("*.acme.test",)), None),
        ("token = …", ProbeSettings(host_for=(("acme.*", "main.acme.test"),)), "main.acme.test"),
        ("https://git.evil.test/x", ProbeSettings(host_for=(("acme.*", "main.acme.test"),)), "main.acme.test"),
        ("token = …", ProbeSettings(), None),
        ("https://127.0.0.1:9/x", ProbeSettings(hosts=("*",)), None),
        ("https://169.254.169.254/x", ProbeSettings(hosts=("*",)), None),
        ("https://[::ffff:10.0.0.1]/x", ProbeSettings(hosts=("*",)), None),
    ],
)
def test_a_host_from_the_line_is_asked_only_if_the_operator_names_it(
    line: str, settings: ProbeSettings, asked: str | None, acme: Provider, authority: Authority
) -> None:
    answer = ask(credential(SELF_HOSTED, lines=(line,)), acme, authority, settings)
    assert [heard.host for heard in acme.heard] == ([asked] if asked else [])
    assert (answer.state == VerdictState.UNKNOWN) is (asked is None)


@pytest.mark.parametrize(
    ("tenant", "asked"),
    [
        ("north.okta.test", True),
        ("evil.test", False),
        ("evil.test/x.okta.test", False),
        ("u@north.okta.test", False),
        ("evil.test#.okta.test", False),
        ("evil.test:443?.okta.test", False),
        ("evil.test\\.okta.test", False),
    ],
)
def test_a_part_may_not_lead_to_another_host(tenant: str, asked: bool, acme: Provider, authority: Authority) -> None:
    probe = {"get": "https://{domain}/me", "bearer": "{secret}", "hosts": ["*.okta.test"]}
    ask(credential(probe, {"domain": tenant}), acme, authority)
    assert [heard.host for heard in acme.heard] == ([tenant] if asked else [])


def test_a_missing_part_is_no_verdict(acme: Provider, authority: Authority) -> None:
    asked = credential(BEARER | {"basic": "{account-id}:{secret}"}, {"account-id": "x"})._replace(parts={})
    answer = ask(asked, acme, authority)
    assert (answer.state, answer.why) == (VerdictState.UNKNOWN, "its account id was not found beside it")
    assert not acme.heard


def test_a_credential_that_fits_no_header_is_not_sent_nor_quoted(acme: Provider, authority: Authority) -> None:
    asked = credential(BEARER)._replace(secret=Secret(b"abc\r\nX-Evil: 1"))
    answer = ask(asked, acme, authority)
    assert answer.state == VerdictState.UNKNOWN and "X-Evil" not in answer.why
    assert not acme.heard


def test_an_unknown_certificate_is_refused(acme: Provider, authority: Authority) -> None:
    import ssl

    async def work() -> ProbeResult:
        client = client_to(acme, authority)
        client._http._tls = ssl.create_default_context()
        try:
            with pytest.raises(NoVerdict, match="no valid certificate"):
                await declarative.check(credential(BEARER), client)
        finally:
            await client.close()

    asyncio.run(work())
    assert not acme.heard


def test_http2_is_spoken_where_offered(authority: Authority) -> None:
    from tests.fakes.provider import provider

    with provider(authority, http2=True) as modern:
        modern.answer = by_credential(TOKEN, Say(200), Say(401))
        assert ask(credential(BEARER), modern, authority).state == VerdictState.LIVE
    assert [heard.protocol for heard in modern.heard] == ["h2"]
