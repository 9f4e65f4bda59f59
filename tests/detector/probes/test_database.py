"""Database passwords, against real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from detector.model import VerdictState
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, ProbeSettings
from detector.rules.shapes import expand
from tests.detector.probes.conftest import HERE, finding, verdict
from tests.fakes import servers
from tests.fakes.mongodb import mongodb
from tests.fakes.provider import Authority

RIGHT, WRONG = (expand("{alnum:20}", seed) for seed in (1, 2))


def address(kind: str, port: int, user: str = "app", rest: str = "/") -> str:
    return f"URL={kind}://{user}:SECRET@127.0.0.1:{port}{rest}"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[int]:
    with servers.postgresql(RIGHT) as port:
        yield port


@pytest.mark.net
def test_postgresql(postgresql: int) -> None:
    line = address("postgres", postgresql, rest="/postgres")
    live = verdict(finding("uri.database", RIGHT, line))
    assert (live.state, live.owner) == (VerdictState.LIVE, "app"), live
    assert ("rights", "none beyond its own") in live.facts
    assert verdict(finding("uri.database", WRONG, line)).state == VerdictState.DEAD
    other = verdict(finding("uri.database", RIGHT, address("postgresql+psycopg", postgresql, rest="/missing")))
    assert other.state == VerdictState.LIVE and "does not exist" in other.why
    jdbc = f"jdbc:postgresql://127.0.0.1:{postgresql}/postgres?user=app&password=SECRET"
    assert verdict(finding("uri.jdbc", RIGHT, jdbc)).state == VerdictState.LIVE


@pytest.mark.net
def test_postgresql_that_trusts_everybody_proves_nothing(postgresql: int) -> None:
    told = verdict(finding("uri.database", RIGHT, address("postgres", postgresql, "open", "/postgres")))
    assert told.state == VerdictState.UNKNOWN and "unprovable" in told.why


@pytest.fixture(scope="module")
def mariadb() -> Iterator[int]:
    with servers.mariadb(RIGHT) as port:
        yield port


@pytest.mark.net
def test_mariadb(mariadb: int) -> None:
    line = address("mysql", mariadb, rest="/any")
    live = verdict(finding("uri.database", RIGHT, line))
    assert (live.state, live.owner) == (VerdictState.LIVE, "app@127.0.0.1"), live
    assert dict(live.facts)["rights"] == "PROCESS"
    assert verdict(finding("uri.database", WRONG, line)).state == VerdictState.DEAD


@pytest.mark.net
def test_redis() -> None:
    with servers.redis(RIGHT) as port:
        for user in ("", "app", "mute"):
            line = address("redis", port, user, "/0")
            live = verdict(finding("uri.database", RIGHT, line))
            assert (live.state, live.owner) == (VerdictState.LIVE, user or "default"), live
            assert verdict(finding("uri.database", WRONG, line)).state == VerdictState.DEAD


@pytest.mark.net
def test_redis_that_is_open_proves_nothing() -> None:
    with servers.redis() as port:
        for user in ("", "default"):
            told = verdict(finding("uri.database", RIGHT, address("redis", port, user, "/0")))
            assert told.state == VerdictState.UNKNOWN and ("unprovable" in told.why or "open to everybody" in told.why)


@pytest.mark.net
def test_redis_with_tls_that_is_checked(authority: Authority) -> None:
    with servers.redis(RIGHT, authority.files("127.0.0.1")) as port:
        found = finding("uri.database", RIGHT, address("rediss", port, "app", "/0"))
        assert (
            verdict(found, client=lambda: ProbeClient(HERE, tls=authority.client_context())).state == VerdictState.LIVE
        )
        assert verdict(found).state == VerdictState.UNKNOWN


@pytest.mark.net
def test_mongodb() -> None:
    with mongodb("app", RIGHT) as server:
        line = address("mongodb", server.server_address[1], rest="/app?replicaSet=rs0")
        live = verdict(finding("uri.database", RIGHT, line))
        assert (live.state, live.owner, dict(live.facts)) == (
            VerdictState.LIVE,
            "app@admin",
            {"roles": "readWrite@app"},
        ), live
        assert verdict(finding("uri.database", WRONG, line)).state == VerdictState.DEAD


@pytest.mark.net
def test_mongodb_with_tls_that_is_checked(authority: Authority) -> None:
    with mongodb("app", RIGHT, authority.server_context("127.0.0.1", http2=False)) as server:
        line = address("mongodb", server.server_address[1], rest="/app?tls=true")
        found = finding("uri.database", RIGHT, line)
        assert (
            verdict(found, client=lambda: ProbeClient(HERE, tls=authority.client_context())).state == VerdictState.LIVE
        )
        assert verdict(found, HERE._replace(timeout=3)).state == VerdictState.UNKNOWN
        assert "connectionStatus" in server.heard


@pytest.mark.parametrize("kind", ["postgres", "mysql", "redis", "mongodb"])
def test_a_server_that_is_away_is_no_verdict(kind: str) -> None:
    told = verdict(finding("uri.database", RIGHT, address(kind, servers.free_port())))
    assert told.state == VerdictState.UNKNOWN and RIGHT not in told.why


@pytest.mark.parametrize(
    ("line", "settings", "words"),
    [
        ("postgres://app:SECRET@127.0.0.1/x", ProbeSettings(), "named in the address alone"),
        ("postgres://app:SECRET@127.0.0.1/x", ProbeSettings(hosts=("*",)), "loopback"),
        ("postgres://app:SECRET@db.acme.test/x", ProbeSettings(), "named in the address alone"),
        ("kafka://app:SECRET@127.0.0.1/x", ProbeSettings(hosts=("*",)), "no driver for kafka"),
        ("password = SECRET", ProbeSettings(), "no address"),
    ],
)
def test_nobody_is_asked_who_was_not_named(line: str, settings: ProbeSettings, words: str) -> None:
    told = verdict(finding("uri.database", RIGHT, line), settings)
    assert told.state == VerdictState.UNKNOWN and words in told.why


def test_an_address_is_read_as_its_driver_means_it() -> None:
    from detector.probes.database import find_server
    from detector.verify.run import _list_inputs

    def read(line: str, secret: str = "p%40ss-w0rd-%2F9") -> object:
        (credential,) = _list_inputs(finding("uri.database", secret, line))
        return find_server(credential)

    server = read("'mongodb+srv://us%40er:SECRET@c0.ab.mongodb.net/app?authSource=x&w=1'")
    assert server[:6] == ("mongodb+srv", "c0.ab.mongodb.net", 27017, "us@er", "p@ss-w0rd-/9", "app")
    assert server.option("authSource") == "x"
    assert read("mongodb://u:SECRET@a.test:1,b.test:2/db")[1:3] == ("a.test", 1)
    assert read("mysql+pymysql://u:SECRET@10.0.0.5/app")[0] == "mysql"
    assert "p@ss" not in repr(server)
    with pytest.raises(NoVerdict):
        read("nothing here")
