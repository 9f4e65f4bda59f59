"""Each task of a sweep, run in a worker."""

import shutil
from pathlib import Path

import pytest

from detector.errors import locate_error
from detector.fleet.inventory._entries import make_url_entry
from detector.fleet.task_runner import run_task
from detector.fleet.tasks import (
    CollectFindings,
    PlanShares,
    RepositoryFindings,
    RepositoryResult,
    ScanRepository,
    ScanShare,
    SharePlan,
    ShareResult,
    Survey,
    SurveyResult,
    Task,
    TaskFailure,
)
from detector.fleet.worker import Worker
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner
from tests.fakes.git_server import commit, git_server, repository


@pytest.mark.net
def test_a_worker_fetches_again_when_its_clone_is_older_than_the_survey(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    settings, _ = SweepRunner(tmp_path / "fleet", str(tmp_path / "sweep.db")).settings()
    clones = Path(settings.clones.folder)
    with git_server(tmp_path / "served") as server:
        bare = repository(server.root, "app.git")
        entry = make_url_entry(f"{server.url}/app.git")
        worker = Worker(settings)
        *_, survey = run_task(worker, Survey(entry))
        shutil.copytree(clones, tmp_path / "other")
        commit(bare, env=f"DB_PASSWORD={synthetic.make_secret(7)}\n")
        *_, survey = run_task(worker, Survey(entry))
        assert isinstance(survey, SurveyResult)
        shutil.rmtree(clones)
        (tmp_path / "other").rename(clones)  # as on a machine that has not fetched the repository since
        *_, result = run_task(worker, ScanRepository(entry, refs_digest=survey.refs_digest))
        assert isinstance(result, RepositoryResult)
        assert result.scan.flagged and len(result.findings.findings) == 1


@pytest.mark.net
def test_each_task_makes_the_clone_if_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    settings, _ = SweepRunner(tmp_path / "fleet", str(tmp_path / "sweep.db")).settings()
    with git_server(tmp_path / "served") as server:
        repository(server.root, "app.git", env=f"TOKEN={synthetic.make_secret(7)}\n")
        entry = make_url_entry(f"{server.url}/app.git")

        def run_without_clone(task: Task) -> object:
            shutil.rmtree(settings.clones.folder, ignore_errors=True)
            return list(run_task(Worker(settings), task))[-1]

        survey = run_without_clone(Survey(entry))
        assert isinstance(survey, SurveyResult)
        refs = survey.refs_digest
        plan = run_without_clone(PlanShares(ScanRepository(entry, refs_digest=refs)))
        assert isinstance(plan, SharePlan)
        (share,) = plan.shares
        result = run_without_clone(ScanShare(entry, share, refs_digest=refs))
        assert isinstance(result, ShareResult) and not result.failed and result.flagged
        found = run_without_clone(
            CollectFindings(entry, result.flagged, result.id_bytes, result.flagged, refs_digest=refs)
        )
        assert isinstance(found, RepositoryFindings)
        assert [finding.rule for finding in found.findings] == ["gitlab.pat"]


@pytest.mark.parametrize(
    ("problem", "reason"),
    [(MemoryError(), "not enough memory"), (KeyError("sesame"), "failed: KeyError in test_task_runner.py:")],
)
def test_a_task_that_fails_says_so_without_its_values(tmp_path, monkeypatch, problem, reason):
    settings, _ = SweepRunner(tmp_path / "fleet", "").settings()
    worker = Worker(settings)
    (tmp_path / "fleet").mkdir()

    def fail(*_: object) -> None:
        raise problem

    monkeypatch.setattr(worker, "open_repository", fail)
    entry = make_url_entry("https://git.example.org/app.git")._replace(url=str(tmp_path))
    (failure,) = run_task(worker, Survey(entry))
    assert isinstance(failure, TaskFailure)
    assert failure.reason.startswith(reason)
    assert "sesame" not in failure.reason


def test_an_error_that_was_never_raised_has_no_place():
    assert locate_error(ValueError()) == "unknown place"
