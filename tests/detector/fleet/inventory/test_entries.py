"""One repository by URL or path."""

from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import list_repositories
from detector.fleet.inventory._entries import make_entry, make_path_entry, make_url_entry
from detector.fleet.names import InvalidName
from tests.fakes.git_server import repository


def test_a_path_is_relative_to_the_folder_and_a_url_is_not_looked_at(tmp_path: Path) -> None:
    bare = repository(tmp_path, "a.git")
    assert make_entry("a.git", str(tmp_path)).url == make_entry(f"file://{bare}", "/").url == str(bare)
    assert make_entry("https://git.example.org/a", str(tmp_path)).kind == "repository"
    assert make_entry("git@git.example.org:a.wiki.git", str(tmp_path)).kind == "wiki"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file://other.example.org/srv/a.git", "is a file on another machine"),
        ("gone.git", "does not exist"),
        (".", "is not a repository"),
    ],
)
def test_what_is_not_a_repository_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidName, match=reason):
        make_entry(text, str(tmp_path))
    with pytest.raises(UsageError, match=r"^ext::sh names a program as transport"):
        list_repositories(["repository:ext::sh"])


def test_one_repository_has_one_key_however_its_url_is_written() -> None:
    written = ("https://h.org/a/b", "https://H.org:443/a/b.git", "HTTPS://h.org/a/b/")
    assert {make_url_entry(url).key for url in written} == {"https://h.org/a/b"}


def test_a_repository_is_named_by_its_path_below_the_root_or_its_last_two_folders(tmp_path) -> None:
    path = tmp_path / "srv" / "team" / "app.git"
    assert make_path_entry(str(path), str(tmp_path)).name == "srv/team/app"
    assert make_path_entry(str(path)).name == "team/app"
    assert make_path_entry(str(path), str(path)).name == "app.git"
