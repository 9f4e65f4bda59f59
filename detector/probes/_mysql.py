"""MySQL and MariaDB."""

from __future__ import annotations

from typing import Any

from detector.model import VerdictState
from detector.probes._server import Reached, Server, report_missing, run_at_server
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import ProbeResult

PORT = 3306

_REFUSED = {1045, 1698}
_LET_IN = {1044: "may not use that database", 1049: "that database does not exist", 1820: "must be changed first"}


async def sign_in(server: Server, client: ProbeClient) -> ProbeResult:
    """Connect, ask who one is, and on request which rights that brings."""
    try:
        import pymysql
    except ImportError:
        raise report_missing("PyMySQL") from None

    def work(reached: Reached) -> ProbeResult:
        connection: Any = pymysql.connect(
            host=server.host,
            user=server.user,
            password=server.password,
            ssl=None if reached.internal else reached.tls,
            connect_timeout=max(int(reached.timeout), 1),
            read_timeout=max(int(reached.timeout), 1),
            read_default_file=None,
            local_infile=False,
            defer_connect=True,
        )
        answer = ProbeResult()
        try:
            connection.connect(reached.connect())
            with connection.cursor() as cursor:
                cursor.execute("select current_user()")
                user = str(cursor.fetchone()[0])
                facts = _list_grants(cursor) if client.settings.reach else ()
            answer = ProbeResult(VerdictState.LIVE, "the server let it sign in", user, facts)
        except pymysql.err.MySQLError as error:
            answer = _interpret_error(error.args[0] if error.args else 0)
        finally:
            if connection.open:
                connection.close()
        return answer

    return await run_at_server(server, client, work)


def _list_grants(cursor: Any) -> tuple[tuple[str, str], ...]:
    cursor.execute("select distinct privilege_type from information_schema.user_privileges")
    held = ", ".join(sorted(str(row[0]) for row in cursor.fetchall()))
    return (("rights", held[:160]),) if held else ()


def _interpret_error(code: object) -> ProbeResult:
    if code in _REFUSED:
        return ProbeResult(VerdictState.DEAD, "the server refused the password")
    if isinstance(code, int) and code in _LET_IN:
        return ProbeResult(VerdictState.LIVE, f"the server took the password; it {_LET_IN[code]}")
    if code == 1130:
        return ProbeResult(VerdictState.UNKNOWN, "the server does not let this machine sign in")
    if code in (2026, 3159):
        return ProbeResult(VerdictState.UNKNOWN, "the server has no TLS that can be checked")
    return ProbeResult(
        VerdictState.UNKNOWN, f"the server could not be asked (error {code if isinstance(code, int) else 'unnamed'})"
    )
