"""Retries, rate limit and deduplication, independent of the channel."""

from __future__ import annotations

import pytest

from detector.incident.messages.event import IncidentEvent
from detector.incident.messages.outbox import MAX_WAIT, Outbox, read_destinations

pytestmark = pytest.mark.net


def event(key: str = "k", phase: str = "opened") -> IncidentEvent:
    return IncidentEvent("inc-1", phase, "something leaked", key)


def only(operator, **more) -> dict:
    return {"notify": {"room": {**operator["notify"]["room"], **more}}}


def test_it_waits_as_long_as_retry_after_says(operator, deliveries, timer, arrived) -> None:
    arrived.trouble = [(429, {"retry-after": "7"}), (503, {})]
    (result,) = Outbox(read_destinations(only(operator)), deliveries, timer.clock, str).send(event())
    assert result.sent and timer.slept == [7.0, 2.0]
    assert len(arrived.slack) == 1


def test_a_retry_after_may_be_a_date(operator, deliveries, timer, arrived) -> None:
    arrived.trouble = [(429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})]
    (result,) = Outbox(read_destinations(only(operator)), deliveries, timer.clock, str).send(event())
    assert result.sent and timer.slept == [1.0]


def test_it_does_not_wait_longer_than_the_limit(operator, deliveries, timer, arrived) -> None:
    arrived.trouble = [(429, {"retry-after": "100000"})]
    out = Outbox(read_destinations(only(operator)), deliveries, timer.clock, str)
    (result,) = out.send(event())
    assert not result.sent and "asks to wait 300 s" in result.why and sum(timer.slept) <= MAX_WAIT
    (result,) = out.send(event())
    assert result.sent, "the next run tries again"


def test_a_client_error_is_not_tried_again(operator, deliveries, timer, arrived) -> None:
    arrived.trouble = [(403, {})]
    (result,) = Outbox(read_destinations(only(operator)), deliveries, timer.clock, str).send(event())
    assert result.why == "it answered 403" and not timer.slept


def test_an_unreachable_destination_is_reported_and_blocks_no_other(
    operator, deliveries, timer, arrived, monkeypatch
) -> None:
    monkeypatch.setenv("SLACK_URL", "http://127.0.0.1:9/services/T0/B0/url-canary")
    result = {
        done.destination: done
        for done in Outbox(read_destinations(operator), deliveries, timer.clock, str).send(event())
    }
    assert not result["room"].sent and "url-canary" not in result["room"].why
    assert result["card"].sent


def test_a_destination_has_a_rate_limit(operator, deliveries, timer, arrived) -> None:
    out = Outbox(read_destinations(only(operator, per_hour=2)), deliveries, timer.clock, str)
    done = [out.send(event(str(number)))[0] for number in range(3)]
    assert [one.sent for one in done] == [True, True, False] and "limit" in done[2].why
    assert out.send(event("3")._replace(urgent=True))[0].sent, "nobody can be deliveries quiet by noise"
    timer.at += 3601
    assert out.send(event("2"))[0].sent, "what was not sent is sent later"


def test_a_destination_receives_only_its_phases(operator, deliveries, timer, arrived) -> None:
    out = Outbox(read_destinations(only(operator, phases=["opened", "clo*"])), deliveries, timer.clock, str)
    assert [len(out.send(event(phase, phase))) for phase in ("opened", "waiting", "closed")] == [1, 0, 1]


def test_only_https_is_allowed_beyond_localhost(operator, deliveries, timer, monkeypatch) -> None:
    monkeypatch.setenv("SLACK_URL", "http://hooks.example.test/services/x")
    (result,) = Outbox(read_destinations(only(operator)), deliveries, timer.clock, str).send(event())
    assert "only https" in result.why


def test_the_metadata_service_of_a_cloud_is_refused(operator, deliveries, timer, monkeypatch) -> None:
    from detector.net.ssrf_guard import SsrfGuard, _is_metadata

    assert _is_metadata("169.254.169.254")
    monkeypatch.setenv("SLACK_URL", "https://metadata.example.test/")

    async def resolve(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    monkeypatch.setattr(SsrfGuard.__init__, "__defaults__", ((), resolve, None))
    (result,) = Outbox(read_destinations(only(operator)), deliveries, timer.clock, str).send(event())
    assert not result.sent and "link-local" in result.why
