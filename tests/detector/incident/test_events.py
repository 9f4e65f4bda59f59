"""What waits for whom, and what is news: pure functions of the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detector.incident.events import counts, events, tasks
from detector.incident.settings import Settings
from detector.incident.timeline import instant
from tests.detector.incident.making import DUE, START, Log

SETTINGS = Settings(owners={"*": "On call"})


def phases(log: Log, after: float = 10) -> list[tuple[str, str]]:
    return [(event.phase, event.owner) for event in events(log.case, SETTINGS, START + after)]


def live(log: Log, name: str = "lf1:a1") -> Log:
    return log.found(name)("step", "verify", state="done")("verdict", name, state="live", why="", owner="")


def test_a_live_credential_waits_until_it_is_dead() -> None:
    log = live(Log())("step", "contain", state="done")
    assert [(task.owner, task.due) for task in tasks(log.case)] == [("Ada", DUE)]
    log("held", "lf1:a1", kind="final", why="somebody has to approve", command="leakfirst respond approve")
    (task,) = tasks(log.case)
    assert (task.why, task.command) == ("STILL LIVE: somebody has to approve", "leakfirst respond approve")
    log("held", "lf1:a1", why="")("dead", "lf1:a1", at=DUE, result="dead")
    assert tasks(log.case) == []
    log("dead", "lf1:a1", at=None, result="alive", why="signs in")
    assert len(tasks(log.case)) == 1, "it came back"


def test_what_nobody_can_be_asked_about_is_judged_by_a_person() -> None:
    log = Log().found("lf1:b2", "other.key")("step", "verify", state="done")
    log("verdict", "lf1:b2", state="unknown", why="nobody can be asked")
    (task,) = tasks(log.case)
    assert task.owner == "On call" and "nobody can be asked" in task.why
    assert tasks(log("accepted", "lf1:b2", reason="was a sample").case) == []


def test_a_copy_at_a_tip_waits_for_its_owner() -> None:
    log = live(Log())("dead", "lf1:a1", at=DUE, result="dead")
    place = {"fingerprint": "lf1:a1", "repository": "r1", "path": "x.env", "line": 1, "commit": "c", "owner": "Grace"}
    log("place", "p", **place, tip=True, there=True)
    assert [task.owner for task in tasks(log.case)] == ["Grace"]
    assert tasks(log("place", "p", **place, tip=False, there=True).case) == []


def test_the_story_is_told_in_its_order() -> None:
    log = Log()
    assert phases(log) == [("opened", "")]
    live(log)
    assert phases(log) == [("opened", ""), ("confirmed", "")]
    log("step", "contain", state="waiting")("held", "lf1:a1", why="approve")
    assert phases(log) == [("opened", ""), ("confirmed", ""), ("contained", ""), ("waiting", "Ada")]
    assert ("escalated", "") in phases(log, 47 * 3600)
    log("held", "lf1:a1", why="")("dead", "lf1:a1", at=DUE, result="dead")("step", "prove", state="done")
    assert phases(log, 47 * 3600)[-1] == ("proven", ""), "nothing waits, so nothing is escalated"
    log("closed", "", reason="all dead")
    assert phases(log)[-1] == ("closed", "")


def test_who_was_given_a_list_hears_that_it_is_done() -> None:
    log = live(Log())("step", "contain", state="waiting")(
        "told", "board x", destination="board", owner="Ada", phase="waiting"
    )
    log("dead", "lf1:a1", at=DUE, result="dead")
    (last,) = [event for event in events(log.case, SETTINGS, START) if event.owner]
    assert last.owner == "Ada" and "nothing waits" in last.summary
    log("closed", "", reason="r")
    closed = [event for event in events(log.case, SETTINGS, START) if event.phase == "closed"]
    assert [(event.owner, event.only_owner) for event in closed] == [("", False), ("Ada", True)]


def test_news_has_a_key_of_its_own_and_no_news_has_none() -> None:
    log = live(Log())("step", "contain", state="waiting")
    before = {event.key for event in events(log.case, SETTINGS, START)}
    assert {event.key for event in events(log.case, SETTINGS, START + 3600)} == before, "time alone is no news"
    live(log, "lf1:c3")
    assert {event.key for event in events(log.case, SETTINGS, START)} - before


@given(st.integers(0, 60 * 3600), st.integers(0, 60 * 3600))
def test_each_warning_is_told_once(first: int, later: int) -> None:
    log = live(Log())("step", "contain", state="waiting")
    warned = [
        {event.key for event in events(log.case, SETTINGS, START + at) if event.phase == "escalated"}
        for at in sorted((first, first + later))
    ]
    assert all(len(keys) <= 1 for keys in warned)
    assert bool(warned[1]) >= bool(warned[0])
    assert not warned[0] or START + first >= instant(DUE) - 24 * 3600


def test_the_numbers_add_up() -> None:
    log = live(live(Log()), "lf1:c3")("contained", "lf1:a1", at=DUE)("dead", "lf1:a1", at=DUE, result="dead")
    found = dict(counts(log.case))
    assert (found["credentials"], found["live"], found["contained"], found["dead"]) == (2, 2, 1, 1)


def test_who_imports_it_is_told_with_the_way() -> None:
    log = Log(package="npm:acme@1.2.3")
    log("dependent", "r1:p", repository="r1", path="package-lock.json", version="1.2.3", direct=True, via=[])
    log("dependent", "r2:p", repository="r2", path="package-lock.json", version="1.2.3", direct=False, via=["ui-kit@5"])
    (event,) = [event for event in events(log.case, SETTINGS, START) if event.phase == "dependents"]
    assert "2 repositories import npm:acme@1.2.3, 1 of them only through another package" in event.summary
    assert event.lines[1] == "r2 package-lock.json: 1.2.3 through ui-kit@5"


def test_no_more_is_called_dead_than_is() -> None:
    log = live(live(live(Log()), "lf1:c3"), "lf1:d4")("dead", "lf1:a1", at=DUE, result="dead")
    log("dead", "lf1:c3", at=DUE, result="unverifiable")("accepted", "lf1:d4", reason="ours")
    log("step", "prove", state="done")
    (event,) = [event for event in events(log.case, SETTINGS, START) if event.phase == "proven"]
    assert event.summary.endswith("of 3 live credentials 1 proven dead, 1 ended (unverifiable), 1 accepted as they are")


def test_a_closed_incident_with_something_to_do_is_not_clean() -> None:
    from detector.cli.respond import _code

    log = live(Log())("step", "contain", state="done")("dead", "lf1:a1", at=DUE, result="dead")
    assert _code(log("closed", "", reason="all dead").case) == 0
    assert _code(log("dead", "lf1:a1", at=None, result="alive", why="signs in").case) == 4
