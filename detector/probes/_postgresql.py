"""PostgreSQL and what speaks like it."""

from __future__ import annotations

from detector.model import VerdictState
from detector.probes._server import Reached, Server, report_missing, run_at_server
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import ProbeResult

PORT = 5432

_REFUSED = ("password authentication failed", "authentication failed for user", "does not exist")
_REACH = "select rolsuper, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = current_user"
_RIGHTS = ("superuser", "creates roles", "creates databases", "replicates")


async def sign_in(server: Server, client: ProbeClient) -> ProbeResult:
    """Connect, ask who one is, and on request what the role may do."""
    try:
        import psycopg
    except ImportError:
        raise report_missing("psycopg") from None

    def work(reached: Reached) -> ProbeResult:
        # Over a channel that is not proven, a password is never handed over in clear.
        if reached.internal:
            channel = {"sslmode": "prefer", "require_auth": "scram-sha-256,md5,none"}
        else:
            channel = {"sslmode": "verify-full", "sslrootcert": "system"}
        answer = ProbeResult(VerdictState.UNKNOWN, "the server broke the connection off, or speaks another language")
        try:
            with psycopg.connect(
                host=server.host,
                hostaddr=reached.address,
                port=reached.port,
                user=server.user or "postgres",
                password=server.password,
                dbname=server.database or "postgres",
                connect_timeout=max(int(reached.timeout), 2),
                application_name="leakfirst",
                passfile="/dev/null",
                options="-c default_transaction_read_only=on -c statement_timeout=3000",
                **channel,  # type: ignore[arg-type]
            ) as connection:
                user = str(connection.execute("select current_user").fetchone()[0])  # type: ignore[index]
                rights = connection.execute(_REACH).fetchone() if client.settings.reach else None
                held = ", ".join(name for name, has in zip(_RIGHTS, rights or (), strict=False) if has)
                facts = (("rights", held or "none beyond its own"),) if rights else ()
                return ProbeResult(VerdictState.LIVE, "the server let it sign in", user, facts)
        except psycopg.OperationalError as error:
            answer = _interpret_error(str(error))
        except psycopg.Error:
            answer = ProbeResult(VerdictState.UNKNOWN, "the server answered with an error")
        return answer

    return await run_at_server(server, client, work)


def _interpret_error(message: str) -> ProbeResult:
    """Read what the server said on refusing; only the words below are passed on."""
    message = message.lower()
    if "database" in message and "does not exist" in message:
        return ProbeResult(VerdictState.LIVE, "the server accepted the password; the database does not exist")
    if "role" in message and "does not exist" in message:
        return ProbeResult(VerdictState.DEAD, "the server does not know the user")
    if any(words in message for words in _REFUSED[:2]):
        return ProbeResult(VerdictState.DEAD, "the server refused the password")
    if "pg_hba.conf" in message:
        return ProbeResult(VerdictState.UNKNOWN, "the server does not let this machine sign in")
    if "timeout" in message or "timed out" in message:
        return ProbeResult(VerdictState.UNKNOWN, "the server did not answer in time")
    if "ssl" in message or "certificate" in message:
        return ProbeResult(VerdictState.UNKNOWN, "the server has no TLS that can be checked")
    if "authentication method" in message or "cleartext" in message:
        return ProbeResult(
            VerdictState.UNKNOWN, "the server asks for the password in clear text, without TLS that can be checked"
        )
    return ProbeResult(VerdictState.UNKNOWN, "no connection to the server, or it was lost")
