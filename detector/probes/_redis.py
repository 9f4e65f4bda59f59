"""Redis and Valkey."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from detector.model import VerdictState
from detector.probes._server import Reached, Server, report_missing, run_at_server
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, ProbeResult

PORT = 6379


async def sign_in(server: Server, client: ProbeClient) -> ProbeResult:
    """Connect, sign in, ask who one is."""
    try:
        import redis
    except ImportError:
        raise report_missing("redis") from None

    def work(reached: Reached) -> ProbeResult:
        tls = server.kind == "rediss"
        if not tls and not reached.internal:
            raise NoVerdict("its address asks for a connection without TLS, which is made to internal hosts alone")

        class Checked(redis.Connection):
            """Connects to the approved address; with TLS the host's name is still what is checked."""

            def _connect(self) -> socket.socket:
                plain = reached.connect()
                return reached.tls.wrap_socket(plain, server_hostname=server.host) if tls else plain

        pool = redis.ConnectionPool(
            connection_class=Checked,
            username=server.user or None,
            password=server.password,
            socket_timeout=reached.timeout,
            retry=None,
            client_name="leakfirst",
        )
        driver: Any = redis.Redis(connection_pool=pool)
        answer = ProbeResult()
        try:
            owner = server.user or "default"
            try:
                driver.ping()
                with contextlib.suppress(redis.ResponseError):
                    told = driver.acl_whoami()
                    owner = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
            except redis.exceptions.NoPermissionError:
                pass  # signed in, but this user may not even ping
            answer = ProbeResult(VerdictState.LIVE, "the server let it sign in", owner)
        except redis.RedisError as error:
            answer = _interpret_error(str(error), isinstance(error, redis.exceptions.AuthenticationError))
        finally:
            driver.close()
            pool.disconnect()
        return answer

    return await run_at_server(server, client, work)


def _interpret_error(message: str, about_password: bool) -> ProbeResult:
    """Read what the server said on refusing; only the words below are passed on."""
    if "without any password configured" in message:
        return ProbeResult(VerdictState.UNKNOWN, "the server has no password at all: it is open to everybody")
    if about_password or "WRONGPASS" in message or "invalid password" in message:
        return ProbeResult(VerdictState.DEAD, "the server refused the password")
    return ProbeResult(VerdictState.UNKNOWN, "the server could not be reached, or answered with an error")
