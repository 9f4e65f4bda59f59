"""One job in a worker."""

from detector.fleet.executors import Job
from detector.fleet.executors._job import run_job
from detector.fleet.inventory import list_repositories
from detector.fleet.tasks import ScanRepository, Survey, SurveyResult, TaskFailure
from detector.fleet.worker import Worker
from detector.scan.messages import ShareProgress
from tests.detector.fleet.sweep_runner import SweepRunner


def test_progress_comes_first_and_one_result_last(made):
    worker = Worker(SweepRunner(made, "").settings()[0])
    (entry, *_) = list_repositories([str(made)])
    *progress, result = run_job(worker, Job(7, ScanRepository(entry)))
    assert progress and all(isinstance(message, ShareProgress) for message in progress)
    assert (result.number, type(result.result).__name__) == (7, "RepositoryResult")
    assert result.seconds > 0
    (survey,) = run_job(worker, Job(8, Survey(entry)))
    assert isinstance(survey.result, SurveyResult)


def test_a_failed_task_is_a_result_as_well(made, tmp_path):
    worker = Worker(SweepRunner(made, "").settings()[0])
    (entry, *_) = list_repositories([str(made)])
    (result,) = run_job(worker, Job(9, Survey(entry._replace(url=str(tmp_path)))))
    assert result.number == 9 and isinstance(result.result, TaskFailure)
