"""A state in each of the databases, empty for each test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import servers

KEY = b"k" * 32
_numbers = itertools.count()


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[int]:
    with servers.postgresql("unused") as port:
        yield port


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a state may be made: a file, or a schema of its own on a server."""
    if request.param == "sqlite":
        return str(tmp_path / "state" / "sweep.db")
    port = request.getfixturevalue("_postgresql")
    import psycopg

    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"postgresql://open@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute(f"create schema {name}")
    return f"postgresql://open@127.0.0.1:{port}/postgres?options=-csearch_path%3D{name}"
