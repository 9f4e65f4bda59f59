"""Which tasks are handed over, in which order, and when."""

from detector.fleet.inventory import RepositoryEntry
from detector.fleet.repository_work import RepositoryWork
from detector.fleet.state.store import Checkpoint
from detector.fleet.task_queue import Priority, TaskQueue
from detector.fleet.tasks import Survey


def make_work(name: str) -> RepositoryWork:
    return RepositoryWork(RepositoryEntry(name, name, f"/{name}"), None, Checkpoint())


def names(queue: TaskQueue) -> list[str]:
    return [job.task.entry.name for job in queue.jobs]


def add(queue: TaskQueue, name: str, priority: Priority = Priority.SURVEY, fetches: bool = False) -> RepositoryWork:
    work = make_work(name)
    queue.add(work, Survey(work.entry), priority, fetches)
    return work


def test_reading_tasks_are_handed_over_by_priority_and_in_order_up_to_the_size():
    queue = TaskQueue(fetchers=1)
    for name, priority in (("a", Priority.SURVEY), ("b", Priority.REPOSITORY), ("c", Priority.FINDINGS)):
        add(queue, name, priority)
    add(queue, "d", Priority.FINDINGS)
    queue.hand_over(3)
    assert names(queue) == ["c", "d", "b"]
    queue.hand_over(3)
    assert names(queue) == ["c", "d", "b"]
    assert queue.finish(queue.jobs[0].number).key == "c"
    queue.hand_over(3)
    assert names(queue) == ["c", "d", "b", "a"]


def test_fetching_has_a_limit_of_its_own():
    queue = TaskQueue(fetchers=2)
    for name in ("a", "b", "c"):
        add(queue, name, fetches=True)
    add(queue, "d")
    queue.hand_over(1)
    assert names(queue) == ["a", "b", "d"]
    queue.finish(queue.jobs[0].number)
    queue.hand_over(1)
    assert names(queue) == ["a", "b", "d", "c"]


def test_tasks_of_a_repository_that_has_ended_are_dropped_and_take_no_place():
    queue = TaskQueue(fetchers=1)
    add(queue, "a", fetches=True).ended = True
    add(queue, "b").ended = True
    add(queue, "c", fetches=True)
    add(queue, "d")
    queue.hand_over(1)
    assert names(queue) == ["c", "d"]
