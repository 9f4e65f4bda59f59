"""Which rows of a server's list are taken, and what is made of their fields."""

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, RepositoryEntry
from detector.fleet.inventory._listing import (
    LastPush,
    ServerLocation,
    get_clone_url,
    get_default_branch,
    get_number,
    get_text,
    get_version,
    make_wiki_entry,
    parse_location,
)
from detector.fleet.names import InvalidName


def test_a_location_is_on_the_default_host_or_on_the_server_that_is_named():
    assert parse_location("acme/app", "github", "github.com") == ServerLocation("https://github.com", "acme/app")
    whole = parse_location("https://Git.example.org:8443/", "gitea")
    assert (whole.site, whole.path, whole.host) == ("https://git.example.org:8443", "", "git.example.org:8443")
    assert parse_location("https://git.example.org/a/b.git", "gitlab").quoted_path == "a%2Fb"


@pytest.mark.parametrize(
    "text", ["acme", "ssh://git@git.example.org/a", "https://ann:pw@git.example.org/a", "https://-x/a"]
)
def test_a_location_that_names_no_server_is_a_usage_error_without_its_password(text):
    with pytest.raises(UsageError) as error:
        parse_location(text, "gitea")
    assert str(error.value).startswith("gitea:") and "pw@" not in str(error.value)


@pytest.mark.parametrize("value", [None, "1", True, 0, -1, 1 << 63, 1.0])
def test_an_id_is_a_positive_integer(value):
    assert get_number({"id": 7}) == 7
    with pytest.raises(InvalidName, match="has no valid id"):
        get_number({"id": value})


def test_a_field_that_must_be_text_is_text():
    assert get_text({"name": "a"}, "name") == "a"
    with pytest.raises(InvalidName, match="has no valid name"):
        get_text({"name": 1}, "name")


def test_a_clone_url_stays_on_its_host_and_scheme():
    hosts = ("git.example.org",)
    row = {"url": "https://git.example.org/a/b.git"}
    assert get_clone_url(row, "url", hosts, "https://git.example.org") == row["url"]
    with pytest.raises(InvalidName, match=r"another host \(evil\.example\.org\)"):
        get_clone_url({"url": "https://evil.example.org/a"}, "url", hosts, "https://git.example.org")
    with pytest.raises(InvalidName, match="clone URL with http, but the server was named with https"):
        get_clone_url({"url": "http://git.example.org/a"}, "url", hosts, "https://git.example.org")


def test_a_default_branch_is_no_option_and_printable():
    rows = [{"default_branch": name} for name in ("main", "--upload-pack=x", "a\x1b", 7, None)]
    assert [get_default_branch(row) for row in rows] == ["main", "", "", "", ""]


def test_a_version_is_used_once_another_push_would_change_it():
    row = {"pushed_at": "2024-05-01T10:00:00Z"}
    at = 1714557600.0
    assert get_version(row, LastPush("pushed_at", at + 299, 300), InventoryOptions()) == ""
    assert get_version(row, LastPush("pushed_at", at + 301, 300), InventoryOptions()) == row["pushed_at"]
    assert get_version(row, LastPush("pushed_at", at + 301, 300), InventoryOptions(pull_requests=True)) == ""
    assert get_version({"pushed_at": "yesterday"}, LastPush("pushed_at", at, 300), InventoryOptions()) == ""


def test_a_wiki_has_a_key_and_a_url_of_its_own():
    entry = RepositoryEntry("h#1", "a/b", "https://h/a/b.git", default_branch="main", version="1")
    assert make_wiki_entry(entry) == RepositoryEntry("h#1.wiki", "a/b.wiki", "https://h/a/b.wiki.git", "wiki")
