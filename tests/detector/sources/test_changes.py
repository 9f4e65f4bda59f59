"""What is new in a repository as a source."""

from pathlib import Path

import pytest

from detector.config import Config
from detector.contracts import Claim
from detector.errors import UsageError
from detector.sources import changes
from tests.detector.sources.sample import Sample, make_repository


def make_sample(folder: Path) -> Sample:
    return Sample(str(make_repository(folder / "repository")), Config(range="HEAD"))


def test_it_claims_any_path_if_only_changes_are_asked_for() -> None:
    assert changes.claim("anything", Config(staged=True)) is Claim.OPTION
    assert changes.claim("anything", Config(since="main")) is Claim.OPTION
    assert changes.claim("anything", Config()) is Claim.NONE


def test_a_revision_that_no_target_has_is_a_usage_error(tmp_path: Path) -> None:
    repository = str(make_repository(tmp_path / "repository"))
    changes.check_revisions([repository], Config(since="HEAD"))
    with pytest.raises(UsageError, match="nothing"):
        changes.check_revisions([repository], Config(since="nothing"))
