"""Open the database and upgrade its schema.

One of several processes does the upgrade, in one transaction under a lock; the
others wait and find it done. A newer schema than this version knows is refused.
Alembic is imported only if there is something to upgrade.
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

from detector.errors import StateError, UsageError
from detector.files.writing import check_destination

LOCK_SECONDS = 20.0
"""How long to wait for another process that writes."""

_UPGRADE_LOCK = 0x6C656166
"""The number of the advisory lock for an upgrade in PostgreSQL ("leaf")."""


def connect(place: str, create: bool = True) -> tuple[Engine, str]:
    """Return an engine for *place*, and its name in messages, without the password. Raises `StateError`."""
    url, name = _parse_url(place)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(str(url.database or ""), create), name
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": int(LOCK_SECONDS)}), name
    except ModuleNotFoundError:
        raise StateError(f'{name}: needs psycopg; install "leakfirst[databases]"') from None


def _parse_url(place: str) -> tuple[URL, str]:
    if "://" not in place:
        return URL.create("sqlite", database=place), place
    try:
        url = make_url(place)
        port = url.port
    except (ArgumentError, ValueError):
        raise StateError("the URL of the state is invalid: write postgresql://user@host/database") from None
    if url.get_backend_name() in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
        where = f"{url.host or 'local'}{f':{port}' if port else ''}/{url.database or ''}"
        return url, f"postgresql://{where}"
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return url, url.database
    raise StateError(f"{url.drivername}: the state must be a file (SQLite) or a PostgreSQL database")


def _open_sqlite(path: str, create: bool) -> Engine:
    """Open a file that only its owner may read.

    A link in its place, or in the place of a file of SQLite's beside it, is not followed.
    """
    try:
        for ending in ("", "-wal", "-shm", "-journal"):
            check_destination(path + ending)
    except UsageError as problem:
        raise StateError(str(problem)) from None
    try:
        if create:
            os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        elif not os.path.exists(path):
            raise StateError(f"{path}: there is no state yet; `leakfirst sweep` creates it")
    except OSError as problem:
        raise StateError(f"{path}: the state cannot be opened: {problem.strerror}") from None
    engine = create_engine(URL.create("sqlite", database=path), connect_args={"timeout": LOCK_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # `_begin` begins transactions, not the driver
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


# -- the schema --------------------------------------------------------------


def versions_folder() -> str:
    """Return the folder that has one file for each version of the schema."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations", "versions")


def list_versions() -> list[str]:
    """Return the versions that this program knows, oldest first."""
    names = [name for name in os.listdir(versions_folder()) if name.endswith(".py") and name[:1].isdigit()]
    return sorted(name.partition("_")[0] for name in names)


def read_version(connection: Connection) -> str:
    """Return the version of the schema in the database, or "" if it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def upgrade(engine: Engine, name: str, target: str = "") -> None:
    """Upgrade an older schema to *target*, by default the newest version. Raises `StateError`."""
    target = target or list_versions()[-1]
    with translate_errors(name), engine.connect() as connection:
        if _is_current(connection, name, target):
            return
    with translate_errors(name), engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        if not _is_current(connection, name, target):
            _run_migrations(connection, target)


def _is_current(connection: Connection, name: str, target: str) -> bool:
    found = read_version(connection)
    if found and found not in list_versions():
        raise StateError(f"{name}: was written by a newer version of leakfirst (schema {found}); upgrade this one")
    return found >= target


def _run_migrations(connection: Connection, target: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", os.path.dirname(versions_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


# -- errors ------------------------------------------------------------------


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn errors of the database into a `StateError` of one line that says what to do."""
    try:
        yield
    except DBAPIError as problem:
        raise StateError(f"{name}: {_explain(problem)}") from None
    except NoSuchModuleError:
        raise StateError(f"{name}: this kind of database is not supported") from None
    except SQLAlchemyError as problem:
        raise StateError(f"{name}: the state cannot be used ({type(problem).__name__})") from None


_SQLITE = {
    sqlite3.SQLITE_BUSY: f"is locked by another process for over {LOCK_SECONDS:g} seconds; try again when it is done",
    sqlite3.SQLITE_LOCKED: "is locked by another process; try again when it is done",
    sqlite3.SQLITE_FULL: "the disk is full; earlier results are kept",
    sqlite3.SQLITE_IOERR: "cannot be written (the disk is full or fails); earlier results are kept",
    sqlite3.SQLITE_READONLY: "cannot be written: it is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check the permissions of the folder",
    sqlite3.SQLITE_NOTADB: "is not a state of leakfirst; move it away or name another file",
    sqlite3.SQLITE_CORRUPT: "is damaged; move it away, and the next sweep reads everything again",
}

_POSTGRESQL = {
    "53100": "the disk of the server is full; earlier results are kept",
    "53300": "the server has no connections left; try again later",
    "25006": "cannot be written: the server is read-only",
    "42501": "the server refuses: the user lacks the permission",
    "28P01": "the server refuses user or password",
    "28000": "the server refuses this user",
    "3D000": "there is no such database on the server",
    "55P03": "is locked by another process; try again when it is done",
    "57P03": "the server is starting or stopping; try again",
}


def _explain(problem: DBAPIError) -> str:
    """Return the reason, without the statement and its values."""
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
        return "the connection was lost; earlier results are kept"
    lines = str(cause).strip().splitlines()
    refused = "authentication" in str(cause) or "role" in str(cause)
    last = lines[-1].strip() if lines else type(cause).__name__
    return f"the server {'refuses' if refused else 'cannot be reached'}: {last}"
