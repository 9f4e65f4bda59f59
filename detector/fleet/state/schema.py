"""Open the database, and bring its schema to our version before anything else is done.

One of several processes does the upgrade, in one transaction under a lock; the
others wait and find it done. A schema that is newer than ours is left alone.
Alembic is imported only where there is something to upgrade.
"""

from __future__ import annotations

import os
import sqlite3  # noqa: TID253  (this module is itself imported late)
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text  # noqa: TID253
from sqlalchemy.engine import URL, make_url  # noqa: TID253
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError  # noqa: TID253

from detector.errors import StateError

WAIT = 20.0
"""Seconds to wait for another process that writes."""

_LOCK = 0x6C656166
"""The advisory lock of an upgrade in PostgreSQL ("leaf")."""


def connect(place: str, create: bool = True) -> tuple[Engine, str]:
    """Return an engine for *place* and what to call it in messages. Raises `StateError`."""
    url, name = _url(place)
    if url.get_backend_name() == "sqlite":
        return _sqlite(str(url.database or ""), create), name
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": int(WAIT)}), name
    except ModuleNotFoundError:
        raise StateError(f'{name}: needs psycopg; install "leakfirst[databases]"') from None


def _url(place: str) -> tuple[URL, str]:
    if "://" not in place:
        return URL.create("sqlite", database=place), place
    try:
        url = make_url(place)
        port = url.port
    except (ArgumentError, ValueError):
        raise StateError("the URL of the state cannot be read: write postgresql://user@host/database") from None
    if url.get_backend_name() in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
        where = f"{url.host or 'local'}{f':{port}' if port else ''}/{url.database or ''}"
        return url, f"postgresql://{where}"
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return url, url.database
    raise StateError(f"{url.drivername}: the state is kept in a file (SQLite) or in PostgreSQL")


def _sqlite(path: str, create: bool) -> Engine:
    """Open a file that nobody else may read."""
    try:
        if create:
            os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        elif not os.path.exists(path):
            raise StateError(f"{path}: there is no state yet; `leakfirst sweep` makes it")
    except OSError as problem:
        raise StateError(f"{path}: the state cannot be opened: {problem.strerror}") from None
    engine = create_engine(URL.create("sqlite", database=path), connect_args={"timeout": WAIT})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not where the driver thinks
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


# -- the schema --------------------------------------------------------------


def versions_folder() -> str:
    """Return the folder with one file for each version of the schema."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations", "versions")


def known_versions() -> list[str]:
    """List the versions that we know, oldest first."""
    names = [name for name in os.listdir(versions_folder()) if name.endswith(".py") and name[:1].isdigit()]
    return sorted(name.partition("_")[0] for name in names)


def version_of(connection: Connection) -> str:
    """Return the version of the schema that is there, or "" where there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def bring_up_to_date(engine: Engine, name: str, target: str = "") -> None:
    """Upgrade the schema to *target*, by default our version, if it is older. Raises `StateError`."""
    target = target or known_versions()[-1]
    with told(name), engine.connect() as connection:
        if _is_current(connection, name, target):
            return
    with told(name), engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if not _is_current(connection, name, target):
            _upgrade(connection, target)


def _is_current(connection: Connection, name: str, target: str) -> bool:
    there = version_of(connection)
    if there and there not in known_versions():
        raise StateError(f"{name}: was written by a newer leakfirst (schema {there}); upgrade this one")
    return there >= target


def _upgrade(connection: Connection, target: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", os.path.dirname(versions_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


# -- what can go wrong -------------------------------------------------------


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turn what the database complains of into one line that says what to do."""
    try:
        yield
    except DBAPIError as problem:
        raise StateError(f"{name}: {_reason(problem)}") from None
    except NoSuchModuleError:
        raise StateError(f"{name}: this kind of database is not supported") from None
    except SQLAlchemyError as problem:
        raise StateError(f"{name}: the state cannot be used ({type(problem).__name__})") from None


_SQLITE = {
    sqlite3.SQLITE_BUSY: f"is locked by another process for more than {WAIT:g} seconds; try again when it is done",
    sqlite3.SQLITE_LOCKED: "is locked by another process; try again when it is done",
    sqlite3.SQLITE_FULL: "the disk is full; what was written before is kept",
    sqlite3.SQLITE_IOERR: "cannot be written (the disk is full or fails); what was written before is kept",
    sqlite3.SQLITE_READONLY: "cannot be written: it is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; look at the folder's permissions",
    sqlite3.SQLITE_NOTADB: "is no state of leakfirst; move it away or name another file",
    sqlite3.SQLITE_CORRUPT: "is damaged; move it away, the next sweep reads everything again",
}

_POSTGRESQL = {
    "53100": "the disk of the server is full; what was written before is kept",
    "53300": "the server has no connection left; try again later",
    "25006": "cannot be written: the server is read-only",
    "42501": "the server refuses: this user may not do that",
    "28P01": "the server refuses user or password",
    "28000": "the server refuses this user",
    "3D000": "there is no such database on the server",
    "55P03": "is locked by another process; try again when it is done",
    "57P03": "the server is starting or stopping; try again",
}


def _reason(problem: DBAPIError) -> str:
    """Say what happened; never the statement or its values."""
    cause = problem.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return _SQLITE.get(code, f"the state cannot be used: {cause}")
    state = getattr(cause, "sqlstate", None)
    if state in _POSTGRESQL:
        return _POSTGRESQL[state]
    if state:
        return f"the server refuses (SQLSTATE {state})"
    if problem.connection_invalidated:
        return "the connection was lost; what was written before is kept"
    said = str(cause).strip().splitlines()
    refused = "authentication" in str(cause) or "role" in str(cause)
    last = said[-1].strip() if said else type(cause).__name__
    return f"the server {'refuses' if refused else 'cannot be reached'}: {last}"
