"""The state in SQLite and in PostgreSQL: the same tests for both."""

import multiprocessing
import os
import signal
import stat
import time

import pytest
from sqlalchemy import select

from detector.errors import StateError, UsageError
from detector.fleet.lifecycle import Place, Sight
from detector.fleet.state import default_place, open_state
from detector.fleet.state.store import Result, count
from detector.fleet.state.tables import events, findings, places, repositories
from tests.detector.fleet.conftest import KEY

AT = Place(
    "blob", "config/app.env", "1" * 40, "2" * 40, 3, 7, "Ada <ada@example.test>", "2026-01-02T03:04:05+00:00", True
)


def sight(name: str, **changes: object) -> Sight:
    return Sight(f"lf1:{name:0>32}", "github.pat-classic", "high", "high", "ghp_…9f2k (40)", True, (AT,))._replace(
        **changes
    )


def result(ruleset: int, *sights: Sight, after: int = 0, key: str = "file:/a", **changes: object) -> Result:
    return Result(key, key, after, ruleset, f"mark{after}", True, sights)._replace(**changes)


@pytest.fixture
def state(place):
    with open_state(place, KEY) as opened:
        yield opened


def states_of(state) -> dict[str, str]:
    with state.read() as db:
        return {row.fingerprint[-1]: row.state for row in db.execute(select(findings).order_by(findings.c.id))}


def test_a_result_is_written_with_its_places_and_read_back(state):
    rules = state.ruleset({"a": "1"})
    run = state.begin_run(rules)
    written = state.record(result(rules, sight("1"), sight("2", at_tip=False), packs=b"p", about={"url": "u"}), run)
    assert [what for what, _ in written.events] == ["opened", "opened"]
    assert states_of(state) == {"1": "open", "2": "history"}
    with state.read() as db:
        where = db.execute(select(places)).first()
        assert (where.path, where.line, where.col, where.commit_id, where.tip) == (AT.path, 3, 7, "2" * 40, True)
    row = state.repositories()["file:/a"]
    assert (row.url, row.revision, row.complete) == ("u", 1, True)
    assert state.remembered("file:/a") == (b"p", b"", b"")


def test_a_result_that_was_begun_before_another_came_is_let_go(state):
    rules = state.ruleset({"a": "1"})
    run = state.begin_run(rules)
    assert state.record(result(rules, sight("1")), run).counted
    assert not state.record(result(rules, sight("1"), sight("2")), run).counted
    assert states_of(state) == {"1": "open"}


def test_what_was_not_seen_is_absent_only_when_everything_was_read(state):
    rules = state.ruleset({"a": "1"})
    run = state.begin_run(rules)
    state.record(result(rules, sight("1"), sight("2")), run)
    state.record(result(rules, sight("1"), after=1, complete=False), run)
    assert states_of(state) == {"1": "open", "2": "open"}
    broken = {"skipped": (("1" * 40, "compressed data is corrupt"),)}
    assert state.record(result(rules, sight("1"), after=2, **broken), run).events == ()
    absent = (("absent", sight("2").fingerprint),)
    assert state.record(result(rules, sight("1"), after=3, **broken), run).events == absent


def test_a_repository_that_fails_keeps_its_findings_and_counts_its_failures(state):
    rules = state.ruleset({"a": "1"})
    run = state.begin_run(rules)
    state.record(result(rules, sight("1")), run)
    state.failed("file:/a", "a", "unreachable", run)
    state.failed("file:/a", "a", "unreachable", run)
    row = state.repositories()["file:/a"]
    assert (row.failures, row.failure, states_of(state)) == (2, "unreachable", {"1": "open"})
    state.unchanged(["file:/a"], run)
    assert state.repositories()["file:/a"].failures == 0


def test_closing_and_reopening_by_fingerprint(state):
    rules = state.ruleset({"a": "1"})
    run = state.begin_run(rules)
    for key in ("file:/a", "file:/b"):
        state.record(result(rules, sight("1"), key=key), run)
    assert state.settle(sight("1").fingerprint, "closed", "false-positive", "ada") == 2
    assert state.settle(sight("1").fingerprint, "closed", "false-positive", "ada") == 0
    assert state.reopen(sight("1").fingerprint, "no", "ada", repository="file:/b") == 1
    with pytest.raises(UsageError, match="no such finding"):
        state.settle("lf1:nothing", "closed", "x", "ada")


def test_names_that_no_database_takes_are_made_plain(state):
    rules = state.ruleset({"a": "1"})
    run = state.begin_run(rules)
    odd = AT._replace(path="caf\udce9/\0x", author="A\0da \udcff")
    state.record(result(rules, sight("1", places=(odd,)), skipped=(("\udcff", "b\0ad"),)), run)
    with state.read() as db:
        assert db.execute(select(places.c.path)).scalar() == "caf?/\N{REPLACEMENT CHARACTER}x"


def test_another_key_is_refused(state, place):
    with pytest.raises(StateError, match="another key"):
        open_state(place, b"j" * 32)
    with open_state(place, KEY):
        pass


def test_no_credential_and_no_key_is_in_it(tmp_path):
    place = str(tmp_path / "sweep.db")
    with open_state(place, KEY) as state:
        state.begin_run(state.ruleset({"a": "1"}))
    assert KEY not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_the_file_is_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    with open_state(key=KEY) as state, state.write():
        files = os.listdir(tmp_path / "home")
        assert "sweep.db" in files
        assert {stat.S_IMODE(os.stat(tmp_path / "home" / name).st_mode) for name in files} == {0o600}
    assert default_place() == str(tmp_path / "home" / "sweep.db")


# -- several processes -------------------------------------------------------


def _write_many(place: str, keys: list[str], times: int) -> None:
    with open_state(place, KEY) as state:
        rules = state.ruleset({"a": "1"})
        run = state.begin_run(rules)
        for after in range(times):
            for key in keys:
                state.record(result(rules, sight("1"), sight("2"), after=after, key=key), run)


def spawn(target, *args):
    process = multiprocessing.get_context("spawn").Process(target=target, args=args)
    process.start()
    return process


def test_two_coordinators_at_once_double_nothing(place):
    keys = [f"file:/{number}" for number in range(8)]
    both = [spawn(_write_many, place, order, 3) for order in (keys, keys[::-1])]  # both make the schema, too
    for process in both:
        process.join()
        assert process.exitcode == 0
    with open_state(place, KEY) as state, state.read() as db:
        assert count(db, findings) == count(db, events) == count(db, places) == 16
        assert {row.revision for row in db.execute(select(repositories))} == {3}


def _write_for_ever(place: str) -> None:
    with open_state(place, KEY) as state:
        rules = state.ruleset({"a": "1"})
        run = state.begin_run(rules)
        number = 0
        while True:
            number += 1
            many = [sight(f"{number}-{which}") for which in range(20)]
            state.record(result(rules, *many, key=f"file:/{number}"), run)


def test_a_writer_that_is_killed_leaves_whole_results(place):
    open_state(place, KEY).close()
    for _ in range(3):
        process = spawn(_write_for_ever, place)
        with open_state(place, KEY) as state:
            before = len(state.repositories())
            while len(state.repositories()) < before + 5:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            with state.read() as db:
                whole = len(state.repositories())
                assert count(db, findings) == count(db, places) == count(db, events) == 20 * whole


# -- what may go wrong -------------------------------------------------------


def test_a_locked_file_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("detector.fleet.state.schema.WAIT", 0.1)
    place = str(tmp_path / "sweep.db")
    locked = pytest.raises(StateError, match=r"sweep\.db: is locked by another process")
    with open_state(place, KEY) as one, open_state(place, KEY) as other, one.write(), locked:
        other.begin_run(1)


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    place = tmp_path / "sweep.db"
    place.write_bytes(b"not a database, " * 100)
    with pytest.raises(StateError, match="is no state of leakfirst"):
        open_state(str(place), KEY)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match="cannot be opened"):
        open_state(str(tmp_path / "file" / "sweep.db"), KEY)


def test_a_read_only_state_is_one_line(state, place):
    if place.startswith("postgresql"):
        readonly = place.replace("options=", "options=-cdefault_transaction_read_only%3Don%20")
        opened = open_state(readonly, KEY)
    else:
        opened = open_state(f"sqlite:///{place}", KEY)
        from sqlalchemy import event

        event.listen(opened.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
        opened.engine.dispose()
    with opened, pytest.raises(StateError, match="read-only"):
        opened.begin_run(1)


def test_a_server_that_is_not_there_is_one_line_without_the_password():
    with pytest.raises(StateError, match="cannot be reached") as caught:
        open_state("postgresql://ada:hunter2hunter2@127.0.0.1:1/leaks", KEY)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["mysql://a/b", "postgresql://[", "://", "sqlite://"])
def test_an_address_that_is_none_is_one_line(place):
    with pytest.raises(StateError):
        open_state(place, KEY)


def _fill(place: str) -> None:
    import resource

    with open_state(place, KEY) as state:
        rules = state.ruleset({"a": "1"})
        run = state.begin_run(rules)
        state.record(result(rules, sight("1")), run)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

        def write_on() -> None:
            for number in range(100):
                state.record(result(rules, sight("2"), key=f"file:/{number}", packs=b"x" * 50_000), run)

        with pytest.raises(StateError, match="disk is full"):
            write_on()


def test_a_full_disk_loses_nothing_of_what_was_written(tmp_path):
    place = str(tmp_path / "sweep.db")
    process = spawn(_fill, place)
    process.join()
    assert process.exitcode == 0
    with open_state(place, KEY) as state:
        assert "1" in states_of(state)
        with state.read() as db:
            assert count(db, findings) == len(state.repositories())


def test_a_server_whose_disk_is_full_is_one_line(small_disk):
    with open_state(small_disk, KEY) as state:
        rules = state.ruleset({"a": "1"})
        run = state.begin_run(rules)
        state.record(result(rules, sight("1")), run)

        def write_on() -> None:
            for number in range(200):
                state.record(result(rules, sight("2"), key=f"file:/{number}", packs=os.urandom(500_000)), run)

        with pytest.raises(StateError, match="disk of the server is full; what was written before is kept"):
            write_on()
        with state.read() as db:
            assert count(db, findings) == len(state.repositories()) > 1


def test_a_server_that_goes_away_is_one_line(small_disk):
    with open_state(small_disk, KEY) as state:
        rules = state.ruleset({"a": "1"})
        run = state.begin_run(rules)

        def lose_it() -> None:
            with state.write() as db:
                number = db.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                with state.write() as other:
                    other.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
                db.execute(select(repositories))

        with pytest.raises(StateError, match=r"^postgresql://127\.0\.0\.1:.*: "):
            lose_it()
        assert state.record(result(rules, sight("1")), run).counted
