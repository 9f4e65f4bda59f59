"""The history of a repository as shares."""

import pickle
from pathlib import Path

from detector.config import Config
from detector.git.history import HistoryPlan, HistoryShare, NoState, read_objects_again, split_history
from detector.git.repository import Repository, discover
from detector.model import Blob, Origin, Skipped
from tests.detector.git.building import Built


def list_blobs(items: list[HistoryShare | Skipped]) -> dict[str, Blob]:
    blobs = [blob for item in items if isinstance(item, HistoryShare) for blob in item.read()]
    return {str(blob.origin.object_id): blob for blob in blobs if isinstance(blob, Blob)}


def test_every_object_is_in_one_share_and_has_its_origin(tmp_path: Path) -> None:
    built = Built(tmp_path / "repo")
    commit = built.commit("a.txt", b"first")
    dangling = built.blob(b"never committed")
    items = list(split_history(discover(str(built.path)), "repo", Config(jobs=2), NoState()))
    blobs = list_blobs(items)
    assert {commit, dangling, built.git("rev-parse", "HEAD:a.txt")} == set(blobs)
    assert blobs[dangling].origin == Origin("blob", "", "repo", dangling)
    assert blobs[commit].origin.kind == "commit"
    assert pickle.loads(pickle.dumps(items)) == items


class TwoPlans:
    """A state for which everything was read before."""

    def plan(self, name: str, repository: Repository, workers: int) -> HistoryPlan:
        everything = NoState().plan(name, repository, workers).new
        return HistoryPlan(everything, everything)


def test_the_state_decides_what_is_new_and_what_was_read_before(tmp_path: Path) -> None:
    built = Built(tmp_path / "repo")
    built.commit("a.txt", b"first")
    items = list(split_history(discover(str(built.path)), "", Config(jobs=1), TwoPlans()))
    assert [item.read_before for item in items if isinstance(item, HistoryShare)] == [False, True]


def test_objects_are_read_again_by_their_ids(tmp_path: Path) -> None:
    built = Built(tmp_path / "repo")
    built.commit("a.txt", b"first")
    name = built.git("rev-parse", "HEAD:a.txt")
    there = Origin("blob", "a.txt", str(built.path), name)
    gone, wrong, elsewhere = (
        there._replace(object_id="1" * 40),
        there._replace(object_id="--all"),
        there._replace(repository=str(tmp_path / "nowhere")),
    )
    items = list(read_objects_again([there, gone, wrong, elsewhere]))
    assert [item for item in items if isinstance(item, Blob)] == [Blob(b"first", there)]
    reasons = {item.where: item.reason for item in items if isinstance(item, Skipped)}
    assert reasons["1" * 40] == "the object is not there any more"
    assert "cannot be read again" in reasons["a.txt"] and str(tmp_path / "nowhere") in reasons
