"""The same client without an event loop: for plain HTTP on this machine alone, directly, silent in the log."""

from __future__ import annotations

import logging

import pytest

from detector.net.blocking_client import BlockingHttpClient
from detector.net.failures import RequestFailed
from detector.net.http_client import ClientPolicy, Request
from tests.fakes.provider import Provider, Say

HERE = ClientPolicy(allow_internal=("127.0.0.1", "localhost"), timeout=2, environment_proxies=True)
TOKEN = "acme_MADE_UP_TOKEN_0123456789"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_may_be_asked_without_tls_and_never_by_a_proxy(
    host: str, acme: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    acme.answer = lambda heard: Say(200, {"heard": heard.headers["authorization"]})
    url = f"http://{host}:{acme.plain_port}/{TOKEN}"
    with BlockingHttpClient(HERE) as client:
        for _ in range(3):
            reply = client.send(Request("GET", url, (("Authorization", f"Bearer {TOKEN}"),)))
            assert reply.json() == {"heard": f"Bearer {TOKEN}"}
    assert TOKEN not in caplog.text


def test_a_server_that_is_not_there_got_nothing() -> None:
    with BlockingHttpClient(HERE) as client, pytest.raises(RequestFailed, match="refused the connection") as failure:
        client.send(Request("POST", "http://127.0.0.1:9/", content=b"x"))
    assert not failure.value.sent and failure.value.temporary


def test_an_internal_host_is_asked_when_the_policy_names_it_alone(acme: Provider) -> None:
    with BlockingHttpClient(ClientPolicy(timeout=60)) as client, pytest.raises(RequestFailed, match="loopback"):
        client.send(Request("GET", f"http://127.0.0.1:{acme.plain_port}/"))
    assert not acme.heard
