"""PostgreSQL and what speaks like it."""

from __future__ import annotations

from detector.model import VerdictState
from detector.net.http_client import Wire
from detector.probes._contract import Answer
from detector.probes._server import Reached, Server, at_server, missing

PORT = 5432

_REFUSED = ("password authentication failed", "authentication failed for user", "does not exist")
_REACH = "select rolsuper, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = current_user"
_RIGHTS = ("superuser", "creates roles", "creates databases", "replicates")


async def sign_in(server: Server, wire: Wire) -> Answer:
    """Connect, ask who one is, and on request what the role may do."""
    try:
        import psycopg
    except ImportError:
        raise missing("psycopg") from None

    def work(reached: Reached) -> Answer:
        # Over a channel that is not proven, a password is never handed over in clear.
        if reached.internal:
            channel = {"sslmode": "prefer", "require_auth": "scram-sha-256,md5,none"}
        else:
            channel = {"sslmode": "verify-full", "sslrootcert": "system"}
        answer = Answer(VerdictState.UNKNOWN, "the server broke the connection off, or speaks another language")
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
                rights = connection.execute(_REACH).fetchone() if wire.settings.reach else None
                held = ", ".join(name for name, has in zip(_RIGHTS, rights or (), strict=False) if has)
                facts = (("rights", held or "none beyond its own"),) if rights else ()
                return Answer(VerdictState.LIVE, "the server let it sign in", user, facts)
        except psycopg.OperationalError as error:
            answer = _judged(str(error))
        except psycopg.Error:
            answer = Answer(VerdictState.UNKNOWN, "the server answered with an error")
        return answer

    return await at_server(server, wire, work)


def _judged(said: str) -> Answer:
    """Read what the server said on refusing; only the words below are passed on."""
    said = said.lower()
    if "database" in said and "does not exist" in said:
        return Answer(VerdictState.LIVE, "the server took the password; the database of the address does not exist")
    if "role" in said and "does not exist" in said:
        return Answer(VerdictState.DEAD, "the server does not know the user")
    if any(words in said for words in _REFUSED[:2]):
        return Answer(VerdictState.DEAD, "the server refused the password")
    if "pg_hba.conf" in said:
        return Answer(VerdictState.UNKNOWN, "the server does not let this machine sign in")
    if "timeout" in said or "timed out" in said:
        return Answer(VerdictState.UNKNOWN, "the server did not answer in time")
    if "ssl" in said or "certificate" in said:
        return Answer(VerdictState.UNKNOWN, "the server has no TLS that can be checked")
    if "authentication method" in said or "cleartext" in said:
        return Answer(VerdictState.UNKNOWN, "the server wants the password in clear over a channel that is not proven")
    return Answer(VerdictState.UNKNOWN, "the server could not be reached, or broke the connection off")
