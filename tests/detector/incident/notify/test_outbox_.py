"""Patience, pace and memory, apart from any channel."""

from __future__ import annotations

import pytest

from detector.incident.notify._event import Event
from detector.incident.notify._outbox import LONGEST_WAIT, Outbox, destinations
from tests.fakes.receivers import Receivers

pytestmark = pytest.mark.net


def event(key: str = "k", phase: str = "opened") -> Event:
    return Event("inc-1", phase, "something leaked", key)


def only(operator, **more) -> dict:
    return {"notify": {"room": {**operator["notify"]["room"], **more}}}


def test_it_waits_as_long_as_it_is_asked_to(operator, kept, turned, there: Receivers) -> None:
    there.trouble = [(429, {"retry-after": "7"}), (503, {})]
    (told,) = Outbox(destinations(only(operator)), kept, turned.clock, str).tell(event())
    assert told.sent and turned.slept == [7.0, 2.0]
    assert len(there.slack) == 1


def test_a_retry_after_may_be_a_date(operator, kept, turned, there: Receivers) -> None:
    there.trouble = [(429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})]
    (told,) = Outbox(destinations(only(operator)), kept, turned.clock, str).tell(event())
    assert told.sent and turned.slept == [1.0]


def test_it_does_not_wait_for_ever(operator, kept, turned, there: Receivers) -> None:
    there.trouble = [(429, {"retry-after": "100000"})]
    out = Outbox(destinations(only(operator)), kept, turned.clock, str)
    (told,) = out.tell(event())
    assert not told.sent and "asks for 300 s" in told.why and sum(turned.slept) <= LONGEST_WAIT
    (told,) = out.tell(event())
    assert told.sent, "the next run tries again"


def test_a_refusal_is_not_tried_again(operator, kept, turned, there: Receivers) -> None:
    there.trouble = [(403, {})]
    (told,) = Outbox(destinations(only(operator)), kept, turned.clock, str).tell(event())
    assert told.why == "it answered 403" and not turned.slept


def test_who_is_not_there_is_named_and_holds_nobody_up(operator, kept, turned, there: Receivers, monkeypatch) -> None:
    monkeypatch.setenv("SLACK_URL", "http://127.0.0.1:9/services/T0/B0/url-canary")
    told = {done.destination: done for done in Outbox(destinations(operator), kept, turned.clock, str).tell(event())}
    assert not told["room"].sent and "url-canary" not in told["room"].why
    assert told["card"].sent


def test_a_destination_has_a_cap(operator, kept, turned, there: Receivers) -> None:
    out = Outbox(destinations(only(operator, per_hour=2)), kept, turned.clock, str)
    done = [out.tell(event(str(number)))[0] for number in range(3)]
    assert [one.sent for one in done] == [True, True, False] and "cap" in done[2].why
    assert out.tell(event("3")._replace(urgent=True))[0].sent, "nobody can be kept quiet by noise"
    turned.at += 3601
    assert out.tell(event("2"))[0].sent, "what was held back is told later"


def test_a_destination_hears_the_phases_that_it_wants(operator, kept, turned, there: Receivers) -> None:
    out = Outbox(destinations(only(operator, phases=["opened", "clo*"])), kept, turned.clock, str)
    assert [len(out.tell(event(phase, phase))) for phase in ("opened", "waiting", "closed")] == [1, 0, 1]


def test_only_https_leaves_this_machine(operator, kept, turned, monkeypatch) -> None:
    monkeypatch.setenv("SLACK_URL", "http://hooks.example.test/services/x")
    (told,) = Outbox(destinations(only(operator)), kept, turned.clock, str).tell(event())
    assert "only https" in told.why


def test_a_clouds_metadata_is_no_destination(operator, kept, turned, monkeypatch) -> None:
    from detector.net.ssrf_guard import Guard, _is_metadata

    assert _is_metadata("169.254.169.254")
    monkeypatch.setenv("SLACK_URL", "https://metadata.example.test/")

    async def resolve(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    monkeypatch.setattr(Guard.__init__, "__defaults__", ((), resolve, None))
    (told,) = Outbox(destinations(only(operator)), kept, turned.clock, str).tell(event())
    assert not told.sent and "link-local" in told.why
