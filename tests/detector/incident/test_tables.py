"""The tables of incidents in both databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from detector.fleet.state import open_state
from detector.incident.tables import metadata
from tests.detector.fleet.conftest import KEY


@pytest.fixture
def state(place):
    with open_state(place, KEY) as opened:
        yield opened


def test_the_migrations_create_these_tables(state) -> None:
    with state.read() as db:
        ours = {"include_object": lambda _, name, kind, found, to: not (kind == "table" and found and to is None)}
        assert compare_metadata(MigrationContext.configure(db, opts=ours), metadata) == []
