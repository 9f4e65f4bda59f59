"""The history of a repository as a source."""

from pathlib import Path

from detector.config import Config
from detector.contracts import Claim, NestedRepository
from detector.git.history import NoState
from detector.sources import history
from tests.detector.sources.sample import Sample, make_repository


def make_sample(folder: Path) -> Sample:
    return Sample(str(make_repository(folder / "repository")), Config(worktree=False))


def test_a_repository_is_claimed_for_what_lies_there(tmp_path: Path) -> None:
    repository = str(make_repository(tmp_path / "repository"))
    assert history.claim(repository, Config()) is Claim.LAYOUT
    assert history.claim(repository, Config(history=False)) is Claim.NONE
    assert history.claim(str(tmp_path), Config()) is Claim.NONE


def test_nested_repositories_are_listed_where_the_working_tree_is_not_read(tmp_path: Path) -> None:
    outer = make_repository(tmp_path / "outer")
    make_repository(outer / "inner")
    for worktree in (True, False):
        items = history.split(str(outer), Config(worktree=worktree), NoState())
        nested = [item for item in items if isinstance(item, NestedRepository)]
        assert nested == ([] if worktree else [NestedRepository(str(outer / "inner"))])
