"""Planning and reading shares, and objects that cannot be trusted."""

import os
import zlib
from pathlib import Path

import pytest

from detector.fleet import share_scan
from detector.fleet.inventory import list_repositories
from detector.fleet.object_ids import split_rows
from detector.fleet.share_scan import has_trusted_owner, merge_share_results
from detector.fleet.task_runner import run_task
from detector.fleet.tasks import RepositoryResult, ScanRepository, ShareResult
from detector.fleet.worker import Worker
from detector.model import Skipped
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner
from tests.fakes.git_server import git, repository


def test_an_object_under_a_false_id_hides_nothing_in_other_repositories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = repository(tmp_path / "fleet", "evil.git")
    name = git(
        repository(tmp_path, "victim.git", env=f"DB_PASSWORD={synthetic.make_secret(7)}\n"), "rev-parse", "main:env"
    )
    (evil / "objects" / name[:2]).mkdir(exist_ok=True)
    (evil / "objects" / name[:2] / name[2:]).write_bytes(zlib.compress(b"blob 9\0harmless\n"))
    settings, _ = SweepRunner(tmp_path / "fleet", "").settings()
    worker, (entry,) = Worker(settings), list_repositories([str(evil)])
    monkeypatch.setattr(share_scan, "has_trusted_owner", lambda stores: False)
    *_, result = run_task(worker, ScanRepository(entry))
    assert isinstance(result, RepositoryResult)
    clean = {one.hex() for one in split_rows(result.scan.clean, 20)}
    assert name not in clean and git(evil, "rev-parse", "main:readme") in clean
    assert [skip.reason for skip in result.scan.skipped] == ["the content does not match the object id"]


def test_object_stores_of_other_users_are_not_trusted(tmp_path: Path) -> None:
    assert has_trusted_owner([str(tmp_path)])
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, -1)
    assert not has_trusted_owner([str(tmp_path), str(tmp_path / "theirs")])


def test_the_results_of_all_shares_are_merged() -> None:
    unreadable, unplanned = Skipped("a", "is corrupt"), Skipped("b", "cannot be planned")
    one = ShareResult(20, b"a" * 20, b"", (unreadable,), objects=2)
    other = ShareResult(20, b"b" * 20, b"c" * 20, failed=True, objects=1)
    merged = merge_share_results([one, other], 20, (unplanned,))
    assert merged == ShareResult(20, b"a" * 20 + b"b" * 20, b"c" * 20, (unplanned, unreadable), True, 3)
