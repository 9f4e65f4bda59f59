"""Database passwords: sign in with the real driver, ask who one is, sign out.

The address stands in the line that holds the password. It is asked when the
operator names the host (`--host`, `--allow-internal`) or when it belongs to
one of the hosting services below. The driver never picks the address: the
guard resolves and checks the name, and the connection goes to that address.
TLS is demanded and checked unless the host was named as an internal one.
A failed sign-in (the negative control, or a dead password) may count towards
a lock-out that the server has configured.
"""

from __future__ import annotations

import re
from types import ModuleType
from urllib.parse import parse_qsl, unquote

from detector.probes import _mongodb, _mysql, _postgresql, _redis
from detector.probes._server import Server
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, ProbeInput, ProbeResult, ProbeSettings
from detector.probes.core.hosts import HostAddress, is_allowed

SERVES = ("uri.database", "uri.jdbc")

HOSTERS = (
    "*.mongodb.net",
    "*.rds.amazonaws.com",
    "*.cache.amazonaws.com",
    "*.database.azure.com",
    "*.redis.cache.windows.net",
    "*.neon.tech",
    "*.supabase.co",
    "*.supabase.com",
    "*.aivencloud.com",
    "*.cockroachlabs.cloud",
    "*.psdb.cloud",
    "*.redislabs.com",
    "*.redis-cloud.com",
    "*.upstash.io",
    "*.render.com",
    "*.db.ondigitalocean.com",
    "*.railway.app",
    "*.rlwy.net",
    "*.elephantsql.com",
)

DRIVERS: dict[str, ModuleType] = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "redshift", "cockroachdb"), _postgresql),
    **dict.fromkeys(("mysql", "mysql2", "mariadb"), _mysql),
    **dict.fromkeys(("mongodb", "mongodb+srv"), _mongodb),
    **dict.fromkeys(("redis", "rediss", "valkey"), _redis),
}
_MARK = "\x00"
_URI = re.compile(
    rf"([a-z0-9+]{{3,24}})://([^\s:/@]{{0,64}}):{_MARK}@([^\s/?#\"'`<>,]+)[^\s/?#\"'`<>]*([^\s\"'`<>]*)", re.I
)
_JDBC = re.compile(r"jdbc:([a-z0-9]{2,16})://([^\s/?#;\"'`<>,]+)([^\s\"'`<>]*)", re.I)


async def check(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    """Sign in at the server that the line names."""
    server = find_server(credential)
    _require_allowed(server, client.settings)
    return await _choose_driver(server).sign_in(server, client)  # type: ignore[no-any-return]


def plan(credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
    """Name the server."""
    server = find_server(credential)
    _require_allowed(server, settings)
    _choose_driver(server)
    note = "a refused password may count towards a lock-out"
    return PlannedRequest(f"{server.host}:{server.port}", f"sign in to {server.kind} and ask who one is", note)


def find_server(credential: ProbeInput) -> Server:
    """Read the address around the password. Raises `NoVerdict`."""
    for line in credential.lines:
        marked = line.replace(credential.secret.redacted, _MARK)
        if found := _URI.search(marked):
            kind, user, place, rest = found.groups()
            password = unquote(credential.text())
            kind = kind.lower() if kind.lower() in DRIVERS else kind.lower().partition("+")[0]
            return _make_server(kind, place, unquote(user), password, rest)
        if found := _JDBC.search(marked):
            kind, place, rest = found.groups()
            options = dict(parse_qsl(rest.partition("?")[2].replace(";", "&")))
            return _make_server(kind.lower(), place, options.get("user", ""), credential.text(), rest)
    raise NoVerdict("no address of a server that can be asked stands around it")


def _make_server(kind: str, place: str, user: str, password: str, rest: str) -> Server:
    host, _, port = place.rpartition(":") if re.search(r":\d+$", place) else (place, "", "")
    driver = DRIVERS.get(kind)
    path, _, query = rest.partition("?")
    return Server(
        kind=kind,
        host=host.strip("[]").lower(),
        port=int(port) if port else driver.PORT if driver else 0,
        user=user,
        password=password,
        database=unquote(path.strip("/").partition(";")[0]),
        options=tuple(sorted(parse_qsl(query))),
    )


def _choose_driver(server: Server) -> ModuleType:
    driver = DRIVERS.get(server.kind)
    if driver is None:
        raise NoVerdict(f"no driver for {server.kind}")
    return driver


def _require_allowed(server: Server, settings: ProbeSettings) -> None:
    if not is_allowed(HostAddress("", server.host, server.port), settings, HOSTERS):
        raise NoVerdict(
            f"{server.host} is named in the address alone; name it with --host or --allow-internal to ask it"
        )
