"""The parts of a sweep that workers do, and what comes of a list that leaves something out."""

import os
import shutil
import zlib
from pathlib import Path

import pytest

from detector.fleet import tasks
from detector.fleet.inventory import entries
from detector.fleet.inventory._names import entry_for_url
from detector.fleet.repository_findings import Told
from detector.fleet.sweep import Summary
from detector.fleet.tasks import (
    Divide,
    Divided,
    Examine,
    Examined,
    Look,
    Looked,
    Survey,
    Surveyed,
    Tell,
    Worker,
    cut,
)
from detector.model import Skipped
from leakfirst._program import main
from tests.detector.fleet import making
from tests.detector.fleet.test_sweep import Bench
from tests.fakes.forges import forge
from tests.fakes.git_server import commit, git, git_server, repository

pytestmark = pytest.mark.net


def test_a_worker_whose_own_clone_is_older_than_the_survey_fetches_it(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    bench = Bench(tmp_path / "fleet", str(tmp_path / "sweep.db"))
    settings, _ = bench.settings()
    place = Path(settings.clones.folder)
    with git_server(tmp_path / "served") as server:
        bare = repository(server.root, "app.git")
        entry = entry_for_url(f"{server.url}/app.git")
        worker = Worker(settings)
        *_, surveyed = worker.perform(Survey(entry))
        shutil.copytree(place, tmp_path / "other")
        commit(bare, env=f"DB_PASSWORD={making.secret(7)}\n")
        *_, surveyed = worker.perform(Survey(entry))
        assert isinstance(surveyed, Surveyed)
        shutil.rmtree(place)
        (tmp_path / "other").rename(place)  # as it is on a machine that has not met the repository since
        *_, examined = worker.perform(Examine(entry, refs=surveyed.refs))
        assert isinstance(examined, Examined)
        assert examined.looked.flagged and len(examined.told.sights) == 1


def test_each_task_finds_the_clone_missing_and_makes_it(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    settings, _ = Bench(tmp_path / "fleet", str(tmp_path / "sweep.db")).settings()
    place = Path(settings.clones.folder)
    with git_server(tmp_path / "served") as server:
        repository(server.root, "app.git", env=f"TOKEN={making.secret(7)}\n")
        entry = entry_for_url(f"{server.url}/app.git")

        def elsewhere(task: tasks.Task) -> object:
            shutil.rmtree(place, ignore_errors=True)
            return list(Worker(settings).perform(task))[-1]

        surveyed = elsewhere(Survey(entry))
        assert isinstance(surveyed, Surveyed)
        divided = elsewhere(Divide(Examine(entry, refs=surveyed.refs)))
        assert isinstance(divided, Divided)
        (share,) = divided.shares
        looked = elsewhere(Look(entry, share, refs=surveyed.refs))
        assert isinstance(looked, Looked) and not looked.failed and looked.flagged
        told = elsewhere(Tell(entry, looked.flagged, looked.width, looked.flagged, refs=surveyed.refs))
        assert isinstance(told, Told)
        assert [sight.rule for sight in told.sights] == ["gitlab.pat"]


def test_what_is_left_out_on_purpose_makes_no_sweep_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    left = Skipped("acme", "3 forks left out", expected=True)
    summary = Summary(1, 0, 0, 0, (), (), (left,), ())
    assert summary.whole and not summary._replace(skipped=(left._replace(expected=False),)).whole
    with forge() as server:
        server.add("acme/fork", fork=True)
        monkeypatch.setenv("LEAKFIRST_CONFIG", "/dev/null")
        assert main(["sweep", f"gitea:{server.url}/acme", "--quiet"]) == 0
        assert capsys.readouterr().out == ""
        assert main(["sweep", f"gitea:{server.url}/acme"]) == 0
        assert "left out, forks: 1" in capsys.readouterr().out


def test_no_more_of_the_operators_file_travels_to_workers_than_they_need() -> None:
    import argparse
    import pickle

    from detector.cli import sweep as command

    operator = {
        "sweep": {"state": "postgresql://ann:sesame@db/x", "host": {"git.example.org": {"token-env": "GIT_TOKEN"}}},
        "rotate": {"token": "sesame"},
        "allow": [{"words": ["EXAMPLE"], "reason": "a word of the manual"}],
    }
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    settings, _ = command.settings_for(parser.parse_args([]), operator, command.table_of(operator))
    packed = pickle.dumps(settings)
    assert b"sesame" not in packed
    assert b"GIT_TOKEN" in packed and b"a word of the manual" in packed


def test_an_object_under_a_false_id_hides_nothing_in_other_repositories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = repository(tmp_path / "fleet", "evil.git")
    name = git(repository(tmp_path, "victim.git", env=f"DB_PASSWORD={making.secret(7)}\n"), "rev-parse", "main:env")
    (evil / "objects" / name[:2]).mkdir(exist_ok=True)
    (evil / "objects" / name[:2] / name[2:]).write_bytes(zlib.compress(b"blob 9\0harmless\n"))
    settings, _ = Bench(tmp_path / "fleet", "").settings()
    worker, (entry,) = Worker(settings), entries([str(evil)])
    monkeypatch.setattr(tasks, "_is_ours", lambda stores: False)
    *_, examined = worker.perform(Examine(entry))
    read = {one.hex() for one in cut(examined.looked.read, 20)}
    assert name not in read and git(evil, "rev-parse", "main:readme") in read
    assert [skip.reason for skip in examined.looked.skipped] == ["is not what its id says"]


def test_whose_objects_are_looked_at_closely(tmp_path: Path) -> None:
    assert tasks._is_ours([str(tmp_path)])
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, -1)
    assert not tasks._is_ours([str(tmp_path), str(tmp_path / "theirs")])
