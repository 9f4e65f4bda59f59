"""One repository as an inventory."""

from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions
from detector.fleet.inventory.repository import list_repositories
from tests.fakes.git_server import repository


def test_it_lists_one_repository_by_path_or_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = repository(tmp_path, "a.git")
    monkeypatch.chdir(tmp_path)
    options = InventoryOptions()
    assert [entry.url for entry in list_repositories("a.git", options)] == [str(bare)]
    assert [entry.name for entry in list_repositories("https://git.example.org/team/app", options)] == ["team/app"]


def test_an_invalid_location_is_a_usage_error_without_its_password() -> None:
    with pytest.raises(UsageError, match="contains a user or password") as error:
        list_repositories("https://ann:sesame@git.example.org/a", InventoryOptions())
    assert "sesame" not in str(error.value)
