"""Limit requests: so many per second and so many at once, per host and in total.

A slot of the total is taken only when the host's own turn has come, so a host
that hangs holds no more slots than it may have itself and delays no other host.
A host that does not answer several times in a row gets no more requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from detector.net.failures import RequestFailed

MAX_TIMEOUTS = 3
"""Timeouts in a row after which a host gets no more requests in this run."""


class RateLimits(NamedTuple):
    """Requests per second and requests at once, for one host and for all hosts.

    `max_pause`: by how many seconds a host's Retry-After may delay the rest of its requests.
    """

    per_host: float = 1e6
    concurrent_per_host: int = 64
    total: float = 1e6
    concurrent_total: int = 64
    max_pause: float = 0.0


class _Lane:
    """One queue: starts at least `1 / rate` seconds apart, at most *concurrent* running."""

    def __init__(self, rate: float, concurrent: int) -> None:
        self._interval = 1 / rate
        self._next_start = 0.0
        self.slots = asyncio.Semaphore(concurrent)
        self.timeouts = 0

    async def wait_to_start(self) -> None:
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_start)
        self._next_start = start + self._interval
        if start > now:
            await asyncio.sleep(start - now)

    def pause(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self._next_start = max(self._next_start, now + seconds)


class RateLimiter:
    """Hands out turns; used within one event loop."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._hosts: dict[str, _Lane] = {}
        self._all = _Lane(limits.total, limits.concurrent_total)

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn at *host*. Raises `RequestFailed` when the host has been given up."""
        lane = self._get_lane(host)
        async with lane.slots:
            if lane.timeouts >= MAX_TIMEOUTS:
                raise RequestFailed(f"{host} did not answer {MAX_TIMEOUTS} times in a row and was asked no more")
            await lane.wait_to_start()
            async with self._all.slots:
                await self._all.wait_to_start()
                yield

    def record(self, host: str, *, answered: bool) -> None:
        """Record whether the host answered in time."""
        lane = self._get_lane(host)
        lane.timeouts = 0 if answered else lane.timeouts + 1

    def pause(self, host: str, seconds: float) -> None:
        """Delay further requests to the host, as it asked in Retry-After."""
        self._get_lane(host).pause(min(seconds, self._limits.max_pause))

    def _get_lane(self, host: str) -> _Lane:
        lane = self._hosts.get(host)
        if lane is None:
            lane = self._hosts[host] = _Lane(self._limits.per_host, self._limits.concurrent_per_host)
        return lane
