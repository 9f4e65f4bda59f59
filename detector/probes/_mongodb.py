"""MongoDB.

Its driver opens connections by itself, to every server that the first one
names. So it is given a socket file in a private folder, behind which a relay
holds the one connection that the guard approved, and TLS is spoken there.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from detector.model import VerdictState
from detector.probes._server import Reached, Server, report_missing, run_at_server
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, ProbeResult

PORT = 27017


async def sign_in(server: Server, client: ProbeClient) -> ProbeResult:
    """Connect, sign in, ask who one is."""
    try:
        import pymongo
        import pymongo.errors
    except ImportError:
        raise report_missing("pymongo") from None
    seeds = server.kind == "mongodb+srv"
    tls = seeds or server.option("tls", "ssl").lower() == "true"
    if seeds:
        server = await _resolve_srv(server, client)

    def work(reached: Reached) -> ProbeResult:
        if not tls and not reached.internal:
            raise NoVerdict("its address asks for a connection without TLS, which is made to internal hosts alone")
        answer = ProbeResult()
        with _open_relay(reached, server.host if tls else "") as path:
            driver: Any = pymongo.MongoClient(
                f"mongodb://{quote(path, safe='')}",
                username=server.user,
                password=server.password,
                authSource=server.option("authSource") or "admin",
                directConnection=True,
                serverSelectionTimeoutMS=int(reached.timeout * 1000),
                connectTimeoutMS=int(reached.timeout * 1000),
                socketTimeoutMS=int(reached.timeout * 1000),
                retryReads=False,
                maxPoolSize=1,
                appname="leakfirst",
            )
            try:
                told = driver.admin.command("connectionStatus", showPrivileges=False)["authInfo"]
                user = "; ".join(f"{who['user']}@{who['db']}" for who in told["authenticatedUsers"])
                roles = ", ".join(f"{role['role']}@{role['db']}" for role in told["authenticatedUserRoles"])
                facts = (("roles", roles[:160]),) if client.settings.reach and roles else ()
                answer = ProbeResult(VerdictState.LIVE, "the server let it sign in", user, facts)
            except pymongo.errors.OperationFailure as error:
                if error.code in (18, 8000):  # 8000: the hosted service's own word for it
                    answer = ProbeResult(VerdictState.DEAD, "the server refused the password")
                else:
                    answer = ProbeResult(VerdictState.UNKNOWN, f"the server answered with an error ({error.code})")
            except pymongo.errors.PyMongoError:
                answer = ProbeResult(VerdictState.UNKNOWN, "no connection to the server, or it was lost")
            finally:
                driver.close()
        return answer

    return await run_at_server(server, client, work)


async def _resolve_srv(server: Server, client: ProbeClient) -> Server:
    """Return the first server that the name's SRV record lists; it must be of the same domain."""
    try:
        import dns.resolver
    except ImportError:
        raise report_missing("dnspython") from None

    def look_up() -> list[tuple[str, int]]:
        try:
            records = dns.resolver.resolve(f"_mongodb._tcp.{server.host}", "SRV", lifetime=client.settings.timeout)
            return [(str(record.target).rstrip(".").lower(), int(record.port)) for record in records]
        except Exception:  # no such name, no answer, no network: all the same here
            return []

    domain = "." + server.host.partition(".")[2]
    for host, port in sorted(await client.run_in_thread(look_up)):
        if host.endswith(domain):
            return server._replace(host=host, port=port)
    raise NoVerdict(f"{server.host} lists no server of its own domain")


@contextmanager
def _open_relay(reached: Reached, tls_name: str) -> Iterator[str]:
    """Listen on a socket file and carry every connection to the approved address."""
    with tempfile.TemporaryDirectory(prefix="leakfirst-") as folder:
        path = os.path.join(folder, "mongodb.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(4)
            threading.Thread(target=_accept, args=(listener, reached, tls_name), daemon=True).start()
            yield path


def _accept(listener: socket.socket, reached: Reached, tls_name: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            try:
                far = reached.connect()
                if tls_name:
                    far = reached.tls.wrap_socket(far, server_hostname=tls_name)
            except OSError:
                near.close()
                continue
            threading.Thread(target=_carry, args=(near, far), daemon=True).start()


def _carry(near: socket.socket, far: socket.socket) -> None:
    """Carry both ways in one thread: a TLS connection must not be used by two."""
    with contextlib.suppress(OSError), near, far:
        while True:
            pending = far.pending() if isinstance(far, ssl.SSLSocket) else 0
            ready = [far] if pending else select.select([near, far], [], [])[0]
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (far if source is near else near).sendall(data)
