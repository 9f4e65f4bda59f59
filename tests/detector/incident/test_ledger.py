"""The log in both databases: hash-chained, without repeated lines, shared by several writers."""

from __future__ import annotations

import multiprocessing
import threading
from contextlib import ExitStack

import pytest
from sqlalchemy import delete, update

from detector.errors import UsageError
from detector.fleet.state import open_state
from detector.incident import ledger
from detector.incident.ledger import (
    IncidentLock,
    IncidentLocked,
    Ledger,
    SentMessages,
    list_incidents,
    lock_incident,
    open_incident,
    resolve_incident,
    verify_chain,
)
from detector.incident.messages.event import IncidentEvent
from detector.incident.model import Note
from detector.incident.tables import incident_log, incidents
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


def test_a_repeated_line_is_not_written(state, incident) -> None:
    log = Ledger(state, incident, CLOCK, "ada")
    assert log.add("verdict", "lf1:1", state="live")
    assert not log.add("verdict", "lf1:1", state="live")
    assert log.add("verdict", "lf1:1", state="dead")
    assert log.add("verdict", "lf1:1", state="live"), "it differs from the last one"
    again = Ledger(state, incident, CLOCK, "grace")
    assert not again.add("verdict", "lf1:1", state="live"), "whoever adds it"
    assert [line.by for line in again.lines] == ["ada"] * 4
    assert verify_chain(state, incident) == []


def test_two_writers_make_one_chain(state, incident) -> None:
    logs = [Ledger(state, incident, CLOCK, name) for name in ("ada", "grace")]
    threads = [
        threading.Thread(target=lambda log=log, n=n: [log.add("location", f"{n}/{i}", present=True) for i in range(20)])
        for n, log in enumerate(logs * 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify_chain(state, incident) == []
    assert [line.n for line in logs[0].lines] == list(range(1, 82))


def test_a_batch_is_written_whole(state, incident) -> None:
    log = Ledger(state, incident, CLOCK, "ada")
    assert log.add_all([Note("location", str(n), {"present": True}) for n in range(50)]) == 50
    with pytest.raises(TypeError):
        log.add_all([Note("location", "x", {"present": True}), Note("location", "y", {"present": object()})])
    assert len(log.lines) == 51


@pytest.mark.parametrize(
    ("damage", "problem_text"),
    [
        (update(incident_log).where(incident_log.c.n == 2).values(facts='{"state":"dead"}'), "was changed"),
        (update(incident_log).where(incident_log.c.n == 2).values(who="mallory"), "was changed"),
        (delete(incident_log).where(incident_log.c.n == 2), "line 2 is missing"),
        (delete(incident_log).where(incident_log.c.n == 3), "1 line(s) are missing at the end"),
    ],
)
def test_an_edit_and_a_cut_show(state, incident, damage, problem_text) -> None:
    log = Ledger(state, incident, CLOCK, "ada")
    log.add("verdict", "lf1:1", state="live")
    log.add("verdict", "lf1:2", state="live")
    with state.write() as db:
        db.execute(damage)
    assert any(problem_text in found for found in verify_chain(state, incident)), verify_chain(state, incident)


def test_the_beginning_or_end_of_an_id_is_enough(state, incident) -> None:
    assert resolve_incident(state, "") == resolve_incident(state, incident[-6:]) == incident
    other = open_incident(state, "another", {}, CLOCK, "ada")
    assert set(list_incidents(state)) == {incident, other}
    with pytest.raises(UsageError, match="no incident is named 'x'; known: ") as wrong:
        resolve_incident(state, "x")
    assert incident in str(wrong.value) and other in str(wrong.value)


def test_an_ambiguous_name_lists_the_open_incidents(state, incident) -> None:
    other = open_incident(state, "another", {}, CLOCK, "ada")
    over = open_incident(state, "a drill", {}, CLOCK, "ada")
    Ledger(state, over, CLOCK, "ada").add("closed", reason="drill")
    with pytest.raises(UsageError, match="2 incidents are open; name one: ") as unclear:
        resolve_incident(state, "")
    assert f"{incident} (something leaked)" in str(unclear.value) and f"{other} (another)" in str(unclear.value)
    assert over not in str(unclear.value)
    for name in (incident, other):
        Ledger(state, name, CLOCK, "ada").add("closed", reason="done")
    with pytest.raises(UsageError, match="no incident is open; name one: "):
        resolve_incident(state, "")
    with pytest.raises(UsageError, match=r"3 incidents are named '20.*'; name one: "):
        resolve_incident(state, incident[:3])


def test_without_incidents_the_message_says_how_to_open_one(state) -> None:
    with pytest.raises(UsageError, match="leakfirst respond open"):
        resolve_incident(state, "")


def _hold(place: str, incident: str, held, done) -> None:
    with open_state(place, KEY) as state, lock_incident(state, incident):
        held.set()
        done.wait(30)


def test_the_lock_is_exclusive_and_ends_with_its_process(place, state, incident) -> None:
    start = multiprocessing.get_context("spawn")
    held, done = start.Event(), start.Event()
    other = start.Process(target=_hold, args=(place, incident, held, done))
    other.start()
    assert held.wait(30)
    with pytest.raises(IncidentLocked), lock_incident(state, incident):
        pass
    other.kill()
    other.join()
    for _ in range(200):  # PostgreSQL releases the lock a moment later
        try:
            with lock_incident(state, incident):
                break
        except IncidentLocked:
            threading.Event().wait(0.05)
    else:
        raise AssertionError("the lock outlived its process")


def test_another_name_of_the_folder_has_the_same_lock(tmp_path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "one")
    there, link = str(tmp_path / "one" / "state.db"), str(tmp_path / "other" / "state.db")
    with open_state(there, KEY) as one, open_state(link, KEY) as other, lock_incident(one, "i"):  # noqa: SIM117
        with pytest.raises(IncidentLocked), lock_incident(other, "i"):
            pass


def test_sent_messages_are_remembered(place) -> None:
    first = IncidentEvent("i", "opened", "s", "key-1")
    with open_state(place, KEY) as state:
        SentMessages(state).record("room", first, "thread-1", 100.0)
        SentMessages(state).record("room", first, "thread-1", 100.0)
        SentMessages(state).record("room", first._replace(key="key-2"), "", 200.0)
    with open_state(place, KEY) as state:
        sent = SentMessages(state)
        assert sent.was_delivered("room", "key-1") and not sent.was_delivered("other", "key-1")
        assert sent.find_thread("room", "i") == "thread-1" and sent.find_thread("other", "i") == ""
        assert (sent.count_since("room", 0), sent.count_since("room", 150)) == (2, 1)


def test_the_hash_covers_every_field(state, incident) -> None:
    line = Ledger(state, incident, CLOCK, "ada").lines[0]
    for field, other in {"n": 2, "at": "x", "kind": "x", "subject": "x", "facts": {}, "by": "x", "prev": "x"}.items():
        assert ledger.compute_hash(line._replace(**{field: other})) != line.hash, field
    assert incidents.c.head is not None


def test_an_incident_is_free_while_it_is_searched_elsewhere(state, incident) -> None:
    with IncidentLock(state, incident) as lock:
        with pytest.raises(IncidentLocked), lock_incident(state, incident):
            pass
        with lock.release() as alone:
            assert alone
            with IncidentLock(state, incident) as other, other.release() as also_alone:
                assert not also_alone, "one process searches, the other one may act"
        with pytest.raises(IncidentLocked), lock_incident(state, incident):
            pass
    with lock_incident(state, incident):
        pass


def test_a_search_waits_at_its_end_for_whoever_acts(state, incident, monkeypatch) -> None:
    monkeypatch.setattr(ledger, "RELOCK_SECONDS", 0.0)
    acting = ExitStack()
    with acting, pytest.raises(IncidentLocked), IncidentLock(state, incident) as lock, lock.release():
        acting.enter_context(lock_incident(state, incident))


def test_a_search_remembers_what_it_searched(state, incident) -> None:
    made = Ledger(state, incident, CLOCK, "ada")
    made.record_searched({"a": "1", "b": ""})
    made.record_searched({"a": "2"})
    assert made.load_searched() == {"a": "2"}
    assert verify_chain(state, incident) == []
