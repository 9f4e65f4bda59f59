"""Specifications of an inventory."""

from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, list_repositories, parse_spec
from tests.fakes.git_server import repository


def test_a_specification_may_leave_out_its_kind(tmp_path: Path) -> None:
    bare = repository(tmp_path, "a.git")
    listed = tmp_path / "list"
    listed.write_text("")
    assert parse_spec(str(tmp_path)) == ("folder", str(tmp_path))
    assert parse_spec(str(bare)) == ("repository", str(bare))
    assert parse_spec(str(listed)) == ("file", str(listed))
    assert parse_spec(f"file://{bare}") == ("repository", f"file://{bare}")
    assert parse_spec("git@example.org:a/b.git") == ("repository", "git@example.org:a/b.git")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("gopher:acme", "unknown inventory 'gopher'; known: file, folder"),
        ("no/such/place", "no such file, folder or inventory"),
        ("", "is not an inventory"),
        ("github:", "name what to list"),
        ("file:no-such-list", "cannot be read"),
        ("folder:no-such-folder", "no such folder"),
        ("ext::sh -c id", "ext"),
        ("https://ann:pw@example.org/a", "contains a user or password"),
    ],
)
def test_an_invalid_specification_is_a_usage_error_before_any_request(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        list_repositories([spec])
    assert "pw" not in str(error.value)


def test_a_repository_in_two_specifications_is_listed_once(tmp_path: Path) -> None:
    bare = repository(tmp_path, "a.git")
    assert len(list(list_repositories([str(bare), f"folder:{tmp_path}"], InventoryOptions()))) == 1
