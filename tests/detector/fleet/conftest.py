"""A state in each of the databases, empty for each test."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.detector.fleet import synthetic
from tests.fakes import servers

KEY = b"k" * 32
_numbers = itertools.count()


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[int]:
    with servers.postgresql("unused") as port:
        yield port


@pytest.fixture
def small_disk(_postgresql: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A schema on a disk of 24 MB; skipped where no file system can be mounted."""
    import psycopg

    place = Path("/var/tmp") / f"leakfirst-test-{os.getpid()}"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], capture_output=True)
    try:
        if mounted.returncode:
            pytest.skip("no file system can be mounted here")
        shutil.chown(place, "postgres", "postgres")
        name = f"small{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(f"postgresql://admin@127.0.0.1:{_postgresql}/postgres", autocommit=True) as connection:
            connection.execute(f"create tablespace {name} owner open location '{place}'")
            connection.execute(f"create schema {name} authorization open")
            options = f"-csearch_path%3D{name}%20-cdefault_tablespace%3D{name}"
            yield f"postgresql://open@127.0.0.1:{_postgresql}/postgres?options={options}"
            connection.execute(f"drop schema {name} cascade")
            connection.execute(f"drop tablespace {name}")
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


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


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven repositories that nobody changes."""
    folder = tmp_path_factory.mktemp("made") / "fleet"
    synthetic.make_fleet(folder, 7)
    return folder
