"""It counts per host: a host that hangs or asks for a pause holds nobody else up."""

from __future__ import annotations

import asyncio

import pytest

from detector.net.failures import RequestFailed
from detector.net.rate_limiter import MAX_TIMEOUTS, RateLimiter, RateLimits


def test_a_host_that_does_not_answer_is_given_up_and_others_are_not() -> None:
    async def work() -> None:
        limiter = RateLimiter(RateLimits())
        for _ in range(MAX_TIMEOUTS):
            async with limiter.turn("slow.test"):
                limiter.record("slow.test", answered=False)
        with pytest.raises(RequestFailed, match="asked no more") as failure:
            async with limiter.turn("slow.test"):
                raise AssertionError("had a turn")
        assert not failure.value.sent
        async with limiter.turn("quick.test"):
            pass

    asyncio.run(work())


def test_an_answer_in_between_starts_the_count_again() -> None:
    async def work() -> None:
        limiter = RateLimiter(RateLimits())
        for answered in (False, False, True, False, False):
            async with limiter.turn("moody.test"):
                limiter.record("moody.test", answered=answered)
        async with limiter.turn("moody.test"):
            pass

    asyncio.run(work())


def test_no_more_than_the_limit_run_at_once() -> None:
    running: dict[str, int] = {"a.test": 0, "b.test": 0}
    most: dict[str, int] = {"a.test": 0, "b.test": 0, "all": 0}

    async def work() -> None:
        limiter = RateLimiter(RateLimits(concurrent_per_host=2, concurrent_total=3))

        async def one(host: str) -> None:
            async with limiter.turn(host):
                running[host] += 1
                most[host] = max(most[host], running[host])
                most["all"] = max(most["all"], sum(running.values()))
                await asyncio.sleep(0.01)
                running[host] -= 1

        await asyncio.gather(*(one(host) for host in running for _ in range(8)))

    asyncio.run(work())
    assert most["a.test"] == most["b.test"] == 2 and most["all"] == 3


@pytest.mark.parametrize(("max_pause", "pauses"), [(0.0, []), (0.5, [0.5])])
def test_a_pause_that_a_host_asks_for_is_bounded(
    max_pause: float, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 1))

    async def work() -> None:
        limiter = RateLimiter(RateLimits(max_pause=max_pause))
        limiter.pause("busy.test", 3600)
        async with limiter.turn("busy.test"):
            pass

    monkeypatch.setattr("detector.net.rate_limiter.asyncio.sleep", sleep)
    asyncio.run(work())
    assert [seconds for seconds in slept if seconds] == pauses
