"""The tasks of a sweep that wait for a worker, and those that were handed over.

Reading needs a processor and fetching needs the network, so each has its own
limit. What waits costs memory: no more is handed over than can run soon.
"""

from __future__ import annotations

import heapq
from collections import deque
from enum import IntEnum
from itertools import count

from detector.fleet.executors import Job
from detector.fleet.repository_work import RepositoryWork
from detector.fleet.tasks import Task


class Priority(IntEnum):
    """Which reading task comes first: the one that is nearest to a written result."""

    FINDINGS = 0
    SHARE = 1
    PLAN = 2
    REPOSITORY = 3
    SURVEY = 4


class TaskQueue:
    """Waiting and running tasks; at most *fetchers* of them fetch at a time.

    The executor takes jobs from `jobs`.
    """

    def __init__(self, fetchers: int) -> None:
        self.jobs: deque[Job] = deque()
        self._fetchers = fetchers
        self._numbers = count()
        self._reads: list[tuple[Priority, int, Job]] = []
        self._fetches: deque[Job] = deque()
        self._owners: dict[int, tuple[RepositoryWork, bool]] = {}
        self._running_reads = self._running_fetches = 0

    def add(self, work: RepositoryWork, task: Task, priority: Priority, fetches: bool = False) -> None:
        """Add a task of *work*. One that *fetches* from a server does not count as reading."""
        job = Job(next(self._numbers), task)
        self._owners[job.number] = work, fetches
        if fetches:
            self._fetches.append(job)
        else:
            heapq.heappush(self._reads, (priority, job.number, job))

    def hand_over(self, size: int) -> None:
        """Hand over what can run now: *size* is the number of reading tasks that the executor takes at a time."""
        while self._fetches and self._running_fetches < self._fetchers:
            self._running_fetches += self._start(self._fetches.popleft())
        while self._reads and self._running_reads < size:
            self._running_reads += self._start(heapq.heappop(self._reads)[2])

    def finish(self, number: int) -> RepositoryWork:
        """Return whose job *number* was, and make room for another one."""
        work, fetches = self._owners.pop(number)
        if fetches:
            self._running_fetches -= 1
        else:
            self._running_reads -= 1
        return work

    def _start(self, job: Job) -> bool:
        """Hand *job* over, unless its repository has ended."""
        if self._owners[job.number][0].ended:
            del self._owners[job.number]
            return False
        self.jobs.append(job)
        return True
