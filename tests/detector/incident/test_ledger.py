"""The log in both databases: chained, written once, readable by the next one."""

from __future__ import annotations

import multiprocessing
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, update

from detector.errors import UsageError
from detector.fleet.state import open_state
from detector.incident import ledger
from detector.incident.ledger import Busy, Ledger, SentMessages, alone, check, known, named, open_incident
from detector.incident.model import Note
from detector.incident.notify._event import IncidentEvent
from detector.incident.tables import incident_log, incidents, metadata
from rotators.core.model import Clock
from tests.detector.fleet.conftest import KEY

CLOCK = Clock(lambda: 1_700_000_000.0, lambda _: None)


@pytest.fixture
def state(place):
    with open_state(place, KEY) as opened:
        yield opened


@pytest.fixture
def incident(state) -> str:
    return open_incident(state, "something leaked", {"due_at": "2030-01-01T00:00:00+00:00"}, CLOCK, "ada")


def test_the_migrations_make_our_tables(state) -> None:
    with state.read() as db:
        ours = {"include_object": lambda _, name, kind, found, to: not (kind == "table" and found and to is None)}
        assert compare_metadata(MigrationContext.configure(db, opts=ours), metadata) == []


def test_what_says_nothing_new_is_not_written(state, incident) -> None:
    log = Ledger(state, incident, CLOCK, "ada")
    assert log.note("verdict", "lf1:1", state="live")
    assert not log.note("verdict", "lf1:1", state="live")
    assert log.note("verdict", "lf1:1", state="dead")
    assert log.note("verdict", "lf1:1", state="live"), "it is another truth than the last"
    again = Ledger(state, incident, CLOCK, "grace")
    assert not again.note("verdict", "lf1:1", state="live"), "whoever said it"
    assert [line.by for line in again.lines] == ["ada"] * 4
    assert check(state, incident) == []


def test_two_writers_make_one_chain(state, incident) -> None:
    logs = [Ledger(state, incident, CLOCK, name) for name in ("ada", "grace")]
    threads = [
        threading.Thread(target=lambda log=log, n=n: [log.note("place", f"{n}/{i}", there=True) for i in range(20)])
        for n, log in enumerate(logs * 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check(state, incident) == []
    assert [line.n for line in logs[0].lines] == list(range(1, 82))


def test_a_batch_is_written_whole(state, incident) -> None:
    log = Ledger(state, incident, CLOCK, "ada")
    assert log.note_all([Note("place", str(n), {"there": True}) for n in range(50)]) == 50
    with pytest.raises(TypeError):
        log.note_all([Note("place", "x", {"there": True}), Note("place", "y", {"there": object()})])
    assert len(log.lines) == 51


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (update(incident_log).where(incident_log.c.n == 2).values(facts='{"state":"dead"}'), "was changed"),
        (update(incident_log).where(incident_log.c.n == 2).values(who="mallory"), "was changed"),
        (delete(incident_log).where(incident_log.c.n == 2), "line 2 is missing"),
        (delete(incident_log).where(incident_log.c.n == 3), "1 line(s) were cut"),
    ],
)
def test_an_edit_and_a_cut_show(state, incident, harm, said) -> None:
    log = Ledger(state, incident, CLOCK, "ada")
    log.note("verdict", "lf1:1", state="live")
    log.note("verdict", "lf1:2", state="live")
    with state.write() as db:
        db.execute(harm)
    assert any(said in problem for problem in check(state, incident)), check(state, incident)


def test_an_incident_is_called_by_a_part_of_its_name(state, incident) -> None:
    assert named(state, "") == named(state, incident[-6:]) == incident
    other = open_incident(state, "another", {}, CLOCK, "ada")
    assert set(known(state)) == {incident, other}
    with pytest.raises(UsageError, match="no incident is called 'x'; known: ") as wrong:
        named(state, "x")
    assert incident in str(wrong.value) and other in str(wrong.value)


def test_where_several_are_open_those_are_named_and_no_closed_one(state, incident) -> None:
    other = open_incident(state, "another", {}, CLOCK, "ada")
    over = open_incident(state, "a drill", {}, CLOCK, "ada")
    Ledger(state, over, CLOCK, "ada").note("closed", reason="drill")
    with pytest.raises(UsageError, match="2 incidents are open; name one: ") as unclear:
        named(state, "")
    assert f"{incident} (something leaked)" in str(unclear.value) and f"{other} (another)" in str(unclear.value)
    assert over not in str(unclear.value)
    for name in (incident, other):
        Ledger(state, name, CLOCK, "ada").note("closed", reason="done")
    with pytest.raises(UsageError, match="no incident is open; name one: "):
        named(state, "")
    with pytest.raises(UsageError, match=r"3 incidents are called '20.*'; name one: "):
        named(state, incident[:3])


def test_no_incident_is_a_clear_line(state) -> None:
    with pytest.raises(UsageError, match="leakfirst respond open"):
        named(state, "")


def _hold(place: str, incident: str, held, done) -> None:
    with open_state(place, KEY) as state, alone(state, incident):
        held.set()
        done.wait(30)


def test_one_person_at_a_time(place, state, incident) -> None:
    start = multiprocessing.get_context("spawn")
    held, done = start.Event(), start.Event()
    other = start.Process(target=_hold, args=(place, incident, held, done))
    other.start()
    assert held.wait(30)
    with pytest.raises(Busy), alone(state, incident):
        pass
    other.kill()
    other.join()
    for _ in range(200):  # PostgreSQL notices a moment later
        try:
            with alone(state, incident):
                break
        except Busy:
            threading.Event().wait(0.05)
    else:
        raise AssertionError("the lock outlived its process")


def test_another_name_of_the_state_is_no_other_lock(tmp_path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "state.db")
    there, link = str(tmp_path / "state.db"), str(tmp_path / "link.db")
    with open_state(there, KEY) as one, open_state(link, KEY) as other, alone(one, "i"):  # noqa: SIM117
        with pytest.raises(Busy), alone(other, "i"):
            pass


def test_what_was_told_is_remembered(place) -> None:
    first = IncidentEvent("i", "opened", "s", "key-1")
    with open_state(place, KEY) as state:
        SentMessages(state).record("room", first, "thread-1", 100.0)
        SentMessages(state).record("room", first, "thread-1", 100.0)
        SentMessages(state).record("room", first._replace(key="key-2"), "", 200.0)
    with open_state(place, KEY) as state:
        kept = SentMessages(state)
        assert kept.was_delivered("room", "key-1") and not kept.was_delivered("other", "key-1")
        assert kept.find_thread("room", "i") == "thread-1" and kept.find_thread("other", "i") == ""
        assert (kept.count_since("room", 0), kept.count_since("room", 150)) == (2, 1)


def test_the_hash_covers_every_field(state, incident) -> None:
    line = Ledger(state, incident, CLOCK, "ada").lines[0]
    for field, other in {"n": 2, "at": "x", "kind": "x", "subject": "x", "facts": {}, "by": "x", "prev": "x"}.items():
        assert ledger.digest(line._replace(**{field: other})) != line.hash, field
    assert incidents.c.head is not None
