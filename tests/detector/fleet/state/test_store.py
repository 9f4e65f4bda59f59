"""The state, in SQLite and in PostgreSQL."""

import multiprocessing
import os
import signal
import stat
import time

import pytest
from sqlalchemy import select

from detector.errors import StateError, UsageError
from detector.fleet.lifecycle import FindingLocation, FindingState, ObservedFinding
from detector.fleet.state import default_place, open_state
from detector.fleet.state.store import RepositoryRecord, count_rows
from detector.fleet.state.tables import events, findings, locations, repositories
from tests.detector.fleet.conftest import KEY

AT = FindingLocation(
    "blob", "config/app.env", "1" * 40, "2" * 40, 3, 7, "Ada <ada@example.test>", "2026-01-02T03:04:05+00:00", True
)


def finding(name: str, **changes: object) -> ObservedFinding:
    return ObservedFinding(
        f"lf1:{name:0>32}", "github.pat-classic", "high", "high", "ghp_…9f2k (40)", True, (AT,)
    )._replace(**changes)


def record(
    ruleset: int, *found: ObservedFinding, after: int = 0, key: str = "file:/a", **changes: object
) -> RepositoryRecord:
    return RepositoryRecord(key, key, after, ruleset, f"digest{after}", True, found)._replace(**changes)


@pytest.fixture
def state(place):
    with open_state(place, KEY) as opened:
        yield opened


def states_of(state) -> dict[str, str]:
    with state.read() as db:
        return {row.fingerprint[-1]: row.state for row in db.execute(select(findings).order_by(findings.c.id))}


def test_a_result_is_written_with_its_locations_and_read_back(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    written = state.record_result(
        record(rules, finding("1"), finding("2", at_head=False), packs=b"p", listed={"url": "u"}), run
    )
    assert [what for what, _ in written.events] == ["opened", "opened"]
    assert states_of(state) == {"1": "open", "2": "history"}
    with state.read() as db:
        where = db.execute(select(locations)).first()
        assert (where.path, where.line, where.column, where.commit_id, where.at_head) == (AT.path, 3, 7, "2" * 40, True)
    row = state.list_repositories()["file:/a"]
    assert (row.url, row.revision, row.complete) == ("u", 1, True)
    assert state.load_checkpoint("file:/a") == (b"p", b"", b"")


def test_a_result_is_not_written_if_another_one_came_first(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    assert not state.record_result(record(rules, finding("1")), run).superseded
    assert state.record_result(record(rules, finding("1"), finding("2")), run).superseded
    assert states_of(state) == {"1": "open"}


def test_a_credential_that_was_not_found_is_absent_only_if_everything_was_read(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    state.record_result(record(rules, finding("1"), finding("2")), run)
    state.record_result(record(rules, finding("1"), after=1, complete=False), run)
    assert states_of(state) == {"1": "open", "2": "open"}
    broken = {"skipped": (("1" * 40, "compressed data is corrupt"),)}
    assert state.record_result(record(rules, finding("1"), after=2, **broken), run).events == ()
    absent = (("absent", finding("2").fingerprint),)
    assert state.record_result(record(rules, finding("1"), after=3, **broken), run).events == absent


def test_a_repository_that_fails_keeps_its_findings_and_counts_its_failures(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    state.record_result(record(rules, finding("1")), run)
    state.record_failure("file:/a", "a", "unreachable", run)
    state.record_failure("file:/a", "a", "unreachable", run)
    row = state.list_repositories()["file:/a"]
    assert (row.failures, row.failure, states_of(state)) == (2, "unreachable", {"1": "open"})
    state.mark_unchanged(["file:/a"], run)
    assert state.list_repositories()["file:/a"].failures == 0


def test_closing_and_reopening_by_fingerprint(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    for key in ("file:/a", "file:/b"):
        state.record_result(record(rules, finding("1"), key=key), run)
    assert state.resolve(finding("1").fingerprint, FindingState.CLOSED, "false-positive", "ada") == 2
    assert state.resolve(finding("1").fingerprint, FindingState.CLOSED, "false-positive", "ada") == 0
    assert state.reopen(finding("1").fingerprint, "no", "ada", repository="file:/b") == 1
    with pytest.raises(UsageError, match="no such finding"):
        state.resolve("lf1:nothing", FindingState.CLOSED, "x", "ada")


def test_names_that_no_database_accepts_are_made_storable(state):
    rules = state.save_ruleset({"a": "1"})
    run = state.begin_run(rules)
    odd = AT._replace(path="caf\udce9/\0x", author="A\0da \udcff")
    state.record_result(record(rules, finding("1", locations=(odd,)), skipped=(("\udcff", "b\0ad"),)), run)
    with state.read() as db:
        assert db.execute(select(locations.c.path)).scalar() == "caf?/\N{REPLACEMENT CHARACTER}x"


def test_another_key_is_refused(state, place):
    with pytest.raises(StateError, match="another key"):
        open_state(place, b"j" * 32)
    with open_state(place, KEY):
        pass


def test_the_state_does_not_contain_the_key(tmp_path):
    place = str(tmp_path / "sweep.db")
    with open_state(place, KEY) as state:
        state.begin_run(state.save_ruleset({"a": "1"}))
    assert KEY not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_only_the_owner_can_read_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    with open_state(key=KEY) as state, state.write():
        files = os.listdir(tmp_path / "home")
        assert "sweep.db" in files
        assert {stat.S_IMODE(os.stat(tmp_path / "home" / name).st_mode) for name in files} == {0o600}
    assert default_place() == str(tmp_path / "home" / "sweep.db")


# -- several processes -------------------------------------------------------


def _write_many(place: str, keys: list[str], times: int) -> None:
    with open_state(place, KEY) as state:
        rules = state.save_ruleset({"a": "1"})
        run = state.begin_run(rules)
        for after in range(times):
            for key in keys:
                state.record_result(record(rules, finding("1"), finding("2"), after=after, key=key), run)


def spawn(target, *args):
    process = multiprocessing.get_context("spawn").Process(target=target, args=args)
    process.start()
    return process


def test_two_coordinators_at_once_duplicate_nothing(place):
    keys = [f"file:/{number}" for number in range(8)]
    both = [spawn(_write_many, place, order, 3) for order in (keys, keys[::-1])]  # both make the schema, too
    for process in both:
        process.join()
        assert process.exitcode == 0
    with open_state(place, KEY) as state, state.read() as db:
        assert count_rows(db, findings) == count_rows(db, events) == count_rows(db, locations) == 16
        assert {row.revision for row in db.execute(select(repositories))} == {3}


def _write_for_ever(place: str) -> None:
    with open_state(place, KEY) as state:
        rules = state.save_ruleset({"a": "1"})
        run = state.begin_run(rules)
        number = 0
        while True:
            number += 1
            many = [finding(f"{number}-{which}") for which in range(20)]
            state.record_result(record(rules, *many, key=f"file:/{number}"), run)


def test_a_writer_that_is_killed_leaves_whole_results(place):
    open_state(place, KEY).close()
    for _ in range(3):
        process = spawn(_write_for_ever, place)
        with open_state(place, KEY) as state:
            before = len(state.list_repositories())
            while len(state.list_repositories()) < before + 5:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            with state.read() as db:
                whole = len(state.list_repositories())
                assert count_rows(db, findings) == count_rows(db, locations) == count_rows(db, events) == 20 * whole


# -- what may go wrong -------------------------------------------------------


def test_a_locked_file_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("detector.fleet.state.schema.LOCK_SECONDS", 0.1)
    place = str(tmp_path / "sweep.db")
    locked = pytest.raises(StateError, match=r"sweep\.db: is locked by another process")
    with open_state(place, KEY) as one, open_state(place, KEY) as other, one.write(), locked:
        other.begin_run(1)


def test_a_file_that_is_not_a_database_is_one_line(tmp_path):
    place = tmp_path / "sweep.db"
    place.write_bytes(b"not a database, " * 100)
    with pytest.raises(StateError, match="is not a state of leakfirst"):
        open_state(str(place), KEY)


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match="cannot be written"):
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


def test_an_unreachable_server_is_one_line_without_the_password():
    with pytest.raises(StateError, match="cannot be reached") as caught:
        open_state("postgresql://ada:hunter2hunter2@127.0.0.1:1/leaks", KEY)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["mysql://a/b", "postgresql://[", "://", "sqlite://"])
def test_an_invalid_address_is_one_line(place):
    with pytest.raises(StateError):
        open_state(place, KEY)


def _fill(place: str) -> None:
    import resource

    with open_state(place, KEY) as state:
        rules = state.save_ruleset({"a": "1"})
        run = state.begin_run(rules)
        state.record_result(record(rules, finding("1")), run)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

        def write_on() -> None:
            for number in range(100):
                state.record_result(record(rules, finding("2"), key=f"file:/{number}", packs=b"x" * 50_000), run)

        with pytest.raises(StateError, match="disk is full"):
            write_on()


def test_a_full_disk_loses_no_written_results(tmp_path):
    place = str(tmp_path / "sweep.db")
    process = spawn(_fill, place)
    process.join()
    assert process.exitcode == 0
    with open_state(place, KEY) as state:
        assert "1" in states_of(state)
        with state.read() as db:
            assert count_rows(db, findings) == len(state.list_repositories())


def test_a_server_whose_disk_is_full_is_one_line(small_disk):
    with open_state(small_disk, KEY) as state:
        rules = state.save_ruleset({"a": "1"})
        run = state.begin_run(rules)
        state.record_result(record(rules, finding("1")), run)

        def write_on() -> None:
            for number in range(200):
                state.record_result(record(rules, finding("2"), key=f"file:/{number}", packs=os.urandom(500_000)), run)

        with pytest.raises(StateError, match="disk of the server is full; earlier results are kept"):
            write_on()
        with state.read() as db:
            assert count_rows(db, findings) == len(state.list_repositories()) > 1


def test_a_lost_connection_is_one_line(small_disk):
    with open_state(small_disk, KEY) as state:
        rules = state.save_ruleset({"a": "1"})
        run = state.begin_run(rules)

        def lose_it() -> None:
            with state.write() as db:
                number = db.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                with state.write() as other:
                    other.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
                db.execute(select(repositories))

        with pytest.raises(StateError, match=r"^postgresql://127\.0\.0\.1:.*: "):
            lose_it()
        assert not state.record_result(record(rules, finding("1")), run).superseded
