"""It is bounded in time, size and redirects, insists on TLS, and tells failures in its own words."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from detector.errors import UsageError
from detector.net.failures import RequestFailed
from detector.net.http_client import ClientPolicy, HttpClient, Reply, Request, resolve_on_same_host
from detector.net.ssrf_guard import SsrfGuard
from tests.fakes.provider import PUBLIC, Authority, Provider, Say

TOKEN = "acme_MADE_UP_TOKEN_0123456789"


def send(
    made: Provider,
    authority: Authority,
    request: Request = Request("GET", "https://api.acme.test/x"),  # noqa: B008 - a frozen value
    policy: ClientPolicy = ClientPolicy(timeout=2),  # noqa: B008 - a frozen value
) -> Reply:
    async def resolve(host: str, port: int) -> list[str]:
        return [PUBLIC]

    async def work() -> Reply:
        guard = SsrfGuard((), resolve, lambda address, _: ("127.0.0.1", made.port))
        client = HttpClient(policy, guard, authority.client_context())
        try:
            return await client.send(request)
        finally:
            await client.close()

    return asyncio.run(work())


def redirect(target: str, status: int = 302) -> Say:
    return Say(status, b"", (("Location", target),))


def test_a_redirect_is_followed_on_the_same_host(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda heard: redirect("/y?z=1", 307) if heard.target == "/x" else Say(200, {"ok": True})
    request = Request("POST", "https://api.acme.test/x", (("Authorization", TOKEN),), b"body", follow=True)
    assert send(acme, authority, request).json() == {"ok": True}
    assert [(heard.method, heard.target, heard.body) for heard in acme.heard] == [
        ("POST", "/x", b"body"),
        ("POST", "/y?z=1", b"body"),
    ]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/x",
        "//evil.test/x",
        "https://api.acme.test:8443/x",
        "https://user:word@api.acme.test/x",
        "https://api.acme.test.evil.test/x",
        "file:///etc/passwd",
        "https://[bad/x",
    ],
)
def test_no_redirect_takes_a_credential_to_another_host(target: str, acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: redirect(target)
    request = Request("GET", "https://api.acme.test/x", (("Authorization", TOKEN),), follow=True)
    with pytest.raises(RequestFailed, match=r"leads to another host|cannot be read"):
        send(acme, authority, request)
    assert [heard.host for heard in acme.heard] == ["api.acme.test"]


def test_a_redirect_never_leads_from_tls_to_plain_text(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda heard: redirect("http://api.acme.test/y") if heard.target == "/x" else Say(200)
    assert send(acme, authority, Request("GET", "https://api.acme.test/x", follow=True)).status == 200
    assert resolve_on_same_host("http://api.acme.test:80/y", "https://api.acme.test/x") == "https://api.acme.test/y"


def test_redirects_are_not_followed_unless_wanted_and_come_to_an_end(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: redirect("/x")
    assert send(acme, authority).status == 302
    with pytest.raises(RequestFailed, match="redirects have no end"):
        send(acme, authority, Request("GET", "https://api.acme.test/x", follow=True))
    assert len(acme.heard) == 1 + 3


@pytest.mark.parametrize(
    "url", ["http://api.acme.test/x", "ftp://api.acme.test/x", "api.acme.test", "https://", "http://[x"]
)
def test_nothing_is_sent_without_tls(url: str, acme: Provider, authority: Authority) -> None:
    with pytest.raises(RequestFailed, match=r"without TLS|no URL"):
        send(acme, authority, Request("GET", url))
    assert not acme.heard


def test_a_certificate_of_another_authority_is_refused(
    acme: Provider, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(RequestFailed, match="no valid certificate") as failure:
        send(acme, Authority(tmp_path_factory.mktemp("other")))
    assert not failure.value.sent and failure.value.__context__ is None


def test_an_answer_is_read_up_to_the_limit(acme: Provider, authority: Authority) -> None:
    policy = ClientPolicy(timeout=2, max_bytes=1000)
    acme.answer = lambda _: Say(200, b"a" * 1000)
    assert len(send(acme, authority, policy=policy).body) == 1000
    for say in (Say(200, b"a" * 1001), Say(200, b"a" * 100, forever=True)):
        acme.answer = lambda _, say=say: say  # type: ignore[misc]
        with pytest.raises(RequestFailed, match="longer than"):
            send(acme, authority, policy=policy)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_compressed_answer_is_bounded_by_what_it_holds(pack: object, acme: Provider, authority: Authority) -> None:
    name = "gzip" if pack is gzip.compress else "deflate"
    policy = ClientPolicy(timeout=5, max_bytes=1 << 20, compression=True)
    bodies = {"/fits": b"a" * (1 << 20), "/bomb": b"a" * (200 << 20)}
    packed = {target: pack(body) for target, body in bodies.items()}  # type: ignore[operator]
    packed["/torn"], packed["/none"] = packed["/fits"][:-9], b"no such thing"
    acme.answer = lambda heard: Say(200, packed[heard.target], (("Content-Encoding", name),))

    def ask(target: str) -> Reply:
        return send(acme, authority, Request("GET", f"https://api.acme.test{target}"), policy)

    assert ask("/fits").body == bodies["/fits"]
    for target, why in (("/bomb", "longer than 1 MiB"), ("/torn", "breaks off"), ("/none", "cannot be decompressed")):
        with pytest.raises(RequestFailed, match=why):
            ask(target)


def test_compression_that_was_not_asked_for_is_refused(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: Say(200, gzip.compress(b"x"), (("Content-Encoding", "gzip"),))
    with pytest.raises(RequestFailed, match="not asked for"):
        send(acme, authority)
    assert acme.heard[0].headers["accept-encoding"] == "identity"


def test_a_slow_server_ends_with_the_time_for_one_request(acme: Provider, authority: Authority) -> None:
    acme.answer = lambda _: Say(200, delay=30)
    with pytest.raises(RequestFailed, match="did not answer") as failure:
        send(acme, authority, policy=ClientPolicy(timeout=0.3))
    assert failure.value.sent and failure.value.temporary


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", f"https://api.acme.test/{TOKEN}\n"),
        Request("GET", f"https://api.acme.test:99999/{TOKEN}"),
        Request("GET", "https://api.acme.test/", (("Authorization", f"Bearer {TOKEN}\r\nX: y"),)),
        Request(f"GET {TOKEN}", "https://api.acme.test/"),
    ],
)
def test_what_does_not_fit_into_a_request_is_said_without_its_value(
    request_: Request, acme: Provider, authority: Authority
) -> None:
    with pytest.raises(RequestFailed) as failure:
        send(acme, authority, request_)
    assert TOKEN not in f"{failure.value!r} {failure.value.__context__!r}"
    assert not failure.value.sent and not acme.heard


def test_no_file_of_certificates_is_said_in_one_line(acme: Provider, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UsageError, match="no certificates can be read"):
        HttpClient(ClientPolicy(ca_file="/nowhere/ca.pem")).tls  # noqa: B018
