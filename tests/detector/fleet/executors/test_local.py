"""Worker processes on this machine."""

import os
from collections import deque

import pytest

from detector.errors import UsageError
from detector.fleet.executors import ExecutorOptions, Job, JobResult, open_executor
from detector.fleet.inventory import list_repositories
from detector.fleet.tasks import Survey, SurveyResult, TaskFailure
from detector.scan.messages import ShareProgress
from tests.detector.fleet.sweep_runner import SweepRunner


def test_every_job_has_one_result_with_its_number(made, tmp_path):
    settings, _ = SweepRunner(made, "").settings()
    entries = [*list_repositories([str(made)])]
    queue = deque(Job(number, Survey(entry)) for number, entry in enumerate(entries))
    queue.append(Job(99, Survey(entries[0]._replace(url=str(tmp_path)))))
    with open_executor("local", settings, ExecutorOptions(processes=2)) as executor:
        assert executor.size == 2
        results = {one.number: one for one in executor.run(queue) if not isinstance(one, ShareProgress)}
    assert sorted(results) == [*range(7), 99]
    assert all(isinstance(results[number].result, SurveyResult) for number in range(7))
    assert isinstance(results[99].result, TaskFailure)
    assert all(one.seconds > 0 for one in results.values())


def test_a_job_on_which_two_processes_die_is_given_up(made, monkeypatch):
    settings, _ = SweepRunner(made, "").settings()
    (entry, *_) = list_repositories([str(made)])
    monkeypatch.setattr("detector.fleet.executors.local.Worker", lambda settings: os._exit(7))
    with open_executor("local", settings, ExecutorOptions()) as executor:
        (result,) = executor.run(deque([Job(1, Survey(entry))]))
    assert result == JobResult(1, None, result.reason)
    assert "died twice" in result.reason


def test_dask_needs_the_name_of_a_cluster_and_an_unknown_executor_is_named(tmp_path):
    settings, _ = SweepRunner(tmp_path, "").settings()
    with pytest.raises(UsageError, match="name the cluster with --cluster"):
        open_executor("dask", settings, ExecutorOptions())
    with pytest.raises(UsageError, match="unknown executor 'ray'; known: dask, local"):
        open_executor("ray", settings, ExecutorOptions())
