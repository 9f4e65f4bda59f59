"""Redis and Valkey."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from detector.model import VerdictState
from detector.net.http_client import Wire
from detector.probes._contract import Answer, Unclear
from detector.probes._server import Reached, Server, at_server, missing

PORT = 6379


async def sign_in(server: Server, wire: Wire) -> Answer:
    """Connect, sign in, ask who one is."""
    try:
        import redis
    except ImportError:
        raise missing("redis") from None

    def work(reached: Reached) -> Answer:
        tls = server.kind == "rediss"
        if not tls and not reached.internal:
            raise Unclear("its address asks for a connection without TLS, which is made to internal hosts alone")

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
        client: Any = redis.Redis(connection_pool=pool)
        answer = Answer()
        try:
            owner = server.user or "default"
            try:
                client.ping()
                with contextlib.suppress(redis.ResponseError):
                    told = client.acl_whoami()
                    owner = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
            except redis.exceptions.NoPermissionError:
                pass  # signed in, but this user may not even ping
            answer = Answer(VerdictState.LIVE, "the server let it sign in", owner)
        except redis.RedisError as error:
            answer = _judged(str(error), isinstance(error, redis.exceptions.AuthenticationError))
        finally:
            client.close()
            pool.disconnect()
        return answer

    return await at_server(server, wire, work)


def _judged(said: str, about_password: bool) -> Answer:
    """Read what the server said on refusing; only the words below are passed on."""
    if "without any password configured" in said:
        return Answer(VerdictState.UNKNOWN, "the server has no password at all: it is open to everybody")
    if about_password or "WRONGPASS" in said or "invalid password" in said:
        return Answer(VerdictState.DEAD, "the server refused the password")
    return Answer(VerdictState.UNKNOWN, "the server could not be reached, or answered with an error")
