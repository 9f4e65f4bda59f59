"""Who may go when: so many a second, so many at once, per host and altogether.

A slot of the whole is taken only when the host's own turn has come, so a host
that hangs holds no more slots than it may have itself, and delays nobody else.
A host that does not answer several times in a row is asked no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from detector.probes._contract import Settings, Unclear

PATIENCE = 3
"""Time-outs in a row after which a host is asked no more in this run."""
LONGEST_REST = 10.0
"""Seconds that a host's Retry-After may hold the rest of its questions."""


class _Lane:
    """One queue: starts at least `1 / rate` apart, at most *together* running."""

    def __init__(self, rate: float, together: int) -> None:
        self._gap = 1 / rate
        self._free = 0.0
        self.slots = asyncio.Semaphore(together)
        self.silent = 0

    async def start(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(now, self._free)
        self._free = at + self._gap
        if at > now:
            await asyncio.sleep(at - now)

    def rest(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self._free = max(self._free, now + min(seconds, LONGEST_REST))


class Pace:
    """Gives out turns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hosts: dict[str, _Lane] = {}
        self._all = _Lane(settings.total_rate, settings.total_together)

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for this host's turn. Raises `Unclear` when the host is given up."""
        lane = self._lane(host)
        async with lane.slots:
            if lane.silent >= PATIENCE:
                raise Unclear(f"{host} did not answer {PATIENCE} times in a row and was asked no more")
            await lane.start()
            async with self._all.slots:
                await self._all.start()
                yield

    def heard(self, host: str, *, answered: bool) -> None:
        """Note whether the host answered at all."""
        lane = self._lane(host)
        lane.silent = 0 if answered else lane.silent + 1

    def rest(self, host: str, seconds: float) -> None:
        """Leave the host alone for a while, as it asked for."""
        self._lane(host).rest(seconds)

    def _lane(self, host: str) -> _Lane:
        lane = self._hosts.get(host)
        if lane is None:
            lane = self._hosts[host] = _Lane(self._settings.rate, self._settings.together)
        return lane
