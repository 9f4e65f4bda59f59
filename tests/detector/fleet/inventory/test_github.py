"""The lists of GitHub, in their documented form."""

from collections.abc import Callable

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, list_repositories
from tests.fakes.forges import Forge

pytestmark = pytest.mark.net


def spec(server: Forge, path: str = "acme") -> str:
    return f"github:{server.url}/{path}"


def host(server: Forge) -> str:
    return server.url.removeprefix("http://")


def test_all_pages_are_read_and_keys_are_numbers(server: Forge, ls: Callable) -> None:
    for name in ("one", "two", "three", "four", "five"):
        server.add(f"acme/{name}")
    found, skipped = ls(spec(server))
    assert [entry.name for entry in found] == ["acme/one", "acme/two", "acme/three", "acme/four", "acme/five"]
    assert not skipped
    first = found[0]
    assert first.key == f"{host(server)}#1" and first.url == f"{server.url}/acme/one.git"
    assert (first.default_branch, first.version) == ("main", "2024-05-01T10:00:00Z")
    assert sum("repos" in path for path in server.paths()) == 3


def test_forks_archived_repositories_and_wikis_are_listed_on_request(
    server: Forge, ls: Callable, options: InventoryOptions
) -> None:
    server.add("acme/app", has_wiki=True)
    server.add("acme/fork", fork=True)
    server.add("acme/old", archived=True)
    found, skipped = ls(spec(server), options)
    assert [entry.name for entry in found] == ["acme/app"]
    assert [(skip.reason, skip.expected) for skip in skipped] == [
        ("left out, forks: 1 (listed on request)", True),
        ("left out, archived: 1 (listed on request)", True),
    ]
    found, skipped = ls(spec(server), options._replace(forks=True, archived=True, wikis=True))
    assert [(e.name, e.kind, e.fork, e.archived) for e in found] == [
        ("acme/app", "repository", False, False),
        ("acme/app.wiki", "wiki", False, False),
        ("acme/fork", "repository", True, False),
        ("acme/old", "repository", False, True),
    ]
    assert found[1].url.endswith("/acme/app.wiki.git") and found[1].version == ""
    assert not skipped


def test_one_repository_is_listed_even_if_it_is_a_fork(server: Forge, ls: Callable) -> None:
    server.add("acme/fork", fork=True)
    found, _ = ls(spec(server, "acme/fork"))
    assert [entry.name for entry in found] == ["acme/fork"]


def test_private_repositories_of_the_tokens_user_are_listed(
    server: Forge, ls: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.owners["ann"] = "User"
    server.add("ann/private")
    server.tokens["sesame"] = "Ann"
    ls(spec(server, "ann"))
    assert "/api/v3/users/ann/repos" in server.paths()[-1]
    monkeypatch.setenv("HOME_TOKEN", "sesame")
    operator = {"sweep": {"host": {host(server): {"token-env": "HOME_TOKEN"}}}}
    found, _ = ls(spec(server, "ann"), InventoryOptions(operator=operator))
    assert [entry.name for entry in found] == ["ann/private"]
    assert "/api/v3/user/repos?affiliation=owner" in server.paths()[-1]
    assert server.asked[-1].headers["authorization"] == "Bearer sesame"


def test_the_gists_of_members_are_listed_on_request(server: Forge, ls: Callable) -> None:
    server.add("acme/app")
    server.members = ["ann", "bob", "eve"]
    server.gists["ann"] = [{"id": "a1f0", "git_pull_url": f"{server.url}/gist/a1f0.git"}]
    server.gists["eve"] = [{"id": "../x", "git_pull_url": f"{server.url}/x"}, {"id": "bb", "git_pull_url": "ext::sh"}]
    found, skipped = ls(spec(server), InventoryOptions(snippets=True))
    assert [(e.key, e.name, e.kind) for e in found[1:]] == [(f"{host(server)}#gist.a1f0", "ann/a1f0", "gist")]
    assert len(skipped) == 2


def test_with_pull_requests_there_is_no_version(server: Forge, ls: Callable) -> None:
    server.add("acme/app")
    assert ls(spec(server), InventoryOptions(pull_requests=True))[0][0].version == ""


def test_a_recent_push_gives_no_version(server: Forge, ls: Callable) -> None:
    server.headers["date"] = "Wed, 01 May 2024 10:01:00 GMT"
    server.add("acme/app")
    assert ls(spec(server))[0][0].version == ""


def test_an_unknown_owner_is_reported(server: Forge, ls: Callable) -> None:
    found, skipped = ls(spec(server, "nobody"))
    assert not found
    assert "not found (HTTP 404: Not Found); without a token only public repositories are listed" in skipped[0].reason


def test_an_organisation_that_was_renamed_is_followed_on_its_own_host(server: Forge, ls: Callable) -> None:
    server.add("acme/app")
    server.owners["oldname"] = "Organization"
    server.moved["/api/v3/orgs/oldname/repos"] = f"{server.url}/api/v3/orgs/acme/repos?per_page=100"
    assert [entry.name for entry in ls(spec(server, "oldname"))[0]] == ["acme/app"]


@pytest.mark.parametrize("text", ["github:", "github:a/b/c", "github:https://u:p@github.com/a", "github:ssh://x/a"])
def test_a_location_without_an_owner_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as error:
        list_repositories([text])
    assert "u:p" not in str(error.value)
