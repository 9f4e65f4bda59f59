"""The schema is created by its migrations."""

import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from detector.errors import StateError
from detector.fleet.state import open_state, schema
from detector.fleet.state.tables import metadata
from tests.detector.fleet.conftest import KEY


def test_the_migrations_create_the_tables_of_the_queries(place):
    with open_state(place, KEY) as state, state.read() as db:
        ours = {
            "include_object": lambda _, name, kind, reflected, to: not (kind == "table" and reflected and to is None)
        }
        assert compare_metadata(MigrationContext.configure(db, opts=ours), metadata) == []
        assert schema.read_version(db) == schema.list_versions()[-1]


def test_the_versions_have_no_gap():
    versions = schema.list_versions()
    assert versions == [f"{number:04}" for number in range(1, len(versions) + 1)]


def test_a_newer_schema_is_refused(place):
    with open_state(place, KEY) as state, state.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="newer version of leakfirst"):
        open_state(place, KEY)


def test_an_upgrade_that_fails_leaves_the_old_schema_and_one_that_succeeds_keeps_the_rows(place, tmp_path, monkeypatch):
    folder = tmp_path / "migrations" / "versions"
    folder.mkdir(parents=True)
    shipped = schema.versions_folder()
    newest = schema.list_versions()[-1]
    following = f"{int(newest) + 1:04}"
    for name in ("../env.py", *(name for name in os.listdir(shipped) if name[:4].isdecimal())):
        (folder / name).write_text((Path(shipped) / name).read_text())
    monkeypatch.setattr(schema, "versions_folder", lambda: str(folder))
    with open_state(place, KEY) as state, state.read() as db:
        assert schema.read_version(db) == newest
        state.record_failure("file:/a", "a", "is corrupt", state.begin_run(state.save_ruleset({"a": "1"})))
    second = folder / f"{following}_more.py"
    step = (
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '{following}'\ndown_revision = '{newest}'\n"
        "def upgrade():\n    op.create_table('more', sa.Column('id', sa.Integer, primary_key=True))\n"
    )
    second.write_text(step + "    op.execute('nonsense')\n")
    with pytest.raises(StateError):
        open_state(place, KEY)
    second.write_text(step)
    with open_state(place, KEY) as state, state.read() as db:
        assert schema.read_version(db) == following
        assert db.execute(text("SELECT count(*) FROM more")).scalar() == 0
        assert state.list_repositories()["file:/a"].failure == "is corrupt"


@pytest.mark.parametrize("ending", ["", "-wal", "-journal"])
@pytest.mark.parametrize("create", [True, False])
def test_no_link_in_the_place_of_a_state_is_followed(tmp_path: Path, ending: str, create: bool) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    place = tmp_path / "sweep.db"
    (tmp_path / f"sweep.db{ending}").symlink_to(victim)
    with pytest.raises(StateError, match="is a symbolic link"):
        open_state(str(place), KEY, create)
    assert victim.read_text() == "mine"


def test_a_pipe_in_the_place_of_a_state_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sweep.db")
    with pytest.raises(StateError, match="is a pipe"):
        open_state(str(tmp_path / "sweep.db"), KEY)
