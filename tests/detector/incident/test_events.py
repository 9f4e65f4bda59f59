"""Tasks and events: pure functions of the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detector.incident.events import build_events, count_all, list_tasks
from detector.incident.settings import IncidentSettings
from detector.incident.timeline import parse_time
from tests.detector.incident.making import DUE, START, IncidentLog

SETTINGS = IncidentSettings(owners={"*": "On call"})


def list_phases(log: IncidentLog, after: float = 10) -> list[tuple[str, str]]:
    return [(event.phase, event.owner) for event in build_events(log.incident, SETTINGS, START + after)]


def live(log: IncidentLog, name: str = "lf1:a1") -> IncidentLog:
    return log.found(name)("step", "verify", state="done")("verdict", name, state="live", why="", owner="")


def test_a_live_credential_waits_until_it_is_dead() -> None:
    log = live(IncidentLog())("step", "contain", state="done")
    assert [(task.owner, task.due) for task in list_tasks(log.incident)] == [("Ada", DUE)]
    log("hold", "lf1:a1", kind="final", why="somebody has to approve", command="leakfirst respond approve")
    (task,) = list_tasks(log.incident)
    assert (task.why, task.command) == ("STILL LIVE: somebody has to approve", "leakfirst respond approve")
    log("hold", "lf1:a1", why="")("dead", "lf1:a1", at=DUE, result="dead")
    assert list_tasks(log.incident) == []
    log("dead", "lf1:a1", at=None, result="alive", why="signs in")
    assert len(list_tasks(log.incident)) == 1, "it came back"


def test_a_credential_without_a_clear_verdict_is_a_task() -> None:
    log = IncidentLog().found("lf1:b2", "other.key")("step", "verify", state="done")
    log("verdict", "lf1:b2", state="unknown", why="nobody can be asked")
    (task,) = list_tasks(log.incident)
    assert task.owner == "On call" and "nobody can be asked" in task.why
    assert list_tasks(log("accepted", "lf1:b2", reason="was a sample").incident) == []


def test_a_copy_at_a_tip_waits_for_its_owner() -> None:
    log = live(IncidentLog())("dead", "lf1:a1", at=DUE, result="dead")
    place = {"fingerprint": "lf1:a1", "repository": "r1", "path": "x.env", "line": 1, "commit": "c", "owner": "Grace"}
    log("location", "p", **place, at_head=True, present=True)
    assert [task.owner for task in list_tasks(log.incident)] == ["Grace"]
    assert list_tasks(log("location", "p", **place, at_head=False, present=True).incident) == []


def test_events_come_in_the_order_of_time() -> None:
    log = IncidentLog()
    assert list_phases(log) == [("opened", "")]
    live(log)
    assert list_phases(log) == [("opened", ""), ("confirmed", "")]
    log("step", "contain", state="waiting")("hold", "lf1:a1", why="approve")
    assert list_phases(log) == [("opened", ""), ("confirmed", ""), ("contained", ""), ("waiting", "Ada")]
    assert ("escalated", "") in list_phases(log, 47 * 3600)
    log("hold", "lf1:a1", why="")("dead", "lf1:a1", at=DUE, result="dead")("step", "prove", state="done")
    assert list_phases(log, 47 * 3600)[-1] == ("proven", ""), "without a task, nothing is escalated"
    log("closed", "", reason="all dead")
    assert list_phases(log)[-1] == ("closed", "")


def test_an_owner_is_notified_when_the_work_list_is_done() -> None:
    log = live(IncidentLog())("step", "contain", state="waiting")(
        "notified", "board x", destination="board", owner="Ada", phase="waiting"
    )
    log("dead", "lf1:a1", at=DUE, result="dead")
    (last,) = [event for event in build_events(log.incident, SETTINGS, START) if event.owner]
    assert last.owner == "Ada" and "no more tasks" in last.summary
    log("closed", "", reason="r")
    closings = [event for event in build_events(log.incident, SETTINGS, START) if event.phase == "closed"]
    assert [(event.owner, event.only_owner) for event in closings] == [("", False), ("Ada", True)]


def test_the_key_of_an_event_changes_only_with_its_content() -> None:
    log = live(IncidentLog())("step", "contain", state="waiting")
    before = {event.key for event in build_events(log.incident, SETTINGS, START)}
    assert {event.key for event in build_events(log.incident, SETTINGS, START + 3600)} == before, (
        "time alone changes no key"
    )
    live(log, "lf1:c3")
    assert {event.key for event in build_events(log.incident, SETTINGS, START)} - before


@given(st.integers(0, 60 * 3600), st.integers(0, 60 * 3600))
def test_at_most_one_escalation_is_due(first: int, later: int) -> None:
    log = live(IncidentLog())("step", "contain", state="waiting")
    escalations = [
        {event.key for event in build_events(log.incident, SETTINGS, START + at) if event.phase == "escalated"}
        for at in sorted((first, first + later))
    ]
    assert all(len(keys) <= 1 for keys in escalations)
    assert bool(escalations[1]) >= bool(escalations[0])
    assert not escalations[0] or START + first >= parse_time(DUE) - 24 * 3600


def test_the_counts_add_up() -> None:
    log = live(live(IncidentLog()), "lf1:c3")("contained", "lf1:a1", at=DUE)("dead", "lf1:a1", at=DUE, result="dead")
    found = dict(count_all(log.incident))
    assert (found["credentials"], found["live"], found["contained"], found["dead"]) == (2, 2, 1, 1)


def test_dependents_are_listed_with_their_dependency_path() -> None:
    log = IncidentLog(package="npm:acme@1.2.3")
    log("dependent", "r1:p", repository="r1", path="package-lock.json", version="1.2.3", direct=True, via=[])
    log("dependent", "r2:p", repository="r2", path="package-lock.json", version="1.2.3", direct=False, via=["ui-kit@5"])
    (event,) = [event for event in build_events(log.incident, SETTINGS, START) if event.phase == "dependents"]
    assert "2 repositories depend on npm:acme@1.2.3, 1 of them only indirectly" in event.summary
    assert event.lines[1] == "r2 package-lock.json: 1.2.3 via ui-kit@5"


def test_only_a_proven_credential_is_called_dead() -> None:
    log = live(live(live(IncidentLog()), "lf1:c3"), "lf1:d4")("dead", "lf1:a1", at=DUE, result="dead")
    log("dead", "lf1:c3", at=DUE, result="unverifiable")("accepted", "lf1:d4", reason="ours")
    log("step", "prove", state="done")
    (event,) = [event for event in build_events(log.incident, SETTINGS, START) if event.phase == "proven"]
    assert event.summary.endswith("of 3 live credentials 1 proven dead, 1 ended (unverifiable), 1 accepted as they are")
