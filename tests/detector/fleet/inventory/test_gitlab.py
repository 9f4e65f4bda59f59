"""The lists of GitLab, in their documented form."""

from collections.abc import Callable

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, list_repositories
from tests.fakes.forges import Forge

pytestmark = pytest.mark.net


def spec(server: Forge, path: str = "/acme") -> str:
    return f"gitlab:{server.url}{path}"


def test_a_group_is_listed_with_its_subgroups_by_id(server: Forge, ls: Callable) -> None:
    for name in ("acme/one", "acme/team/two", "acme/team/deep/three", "other/four"):
        server.add(name)
    found, skipped = ls(spec(server))
    assert [entry.name for entry in found] == ["acme/one", "acme/team/two", "acme/team/deep/three"]
    assert not skipped
    assert "id_after=2" in server.paths()[-1]
    assert [e.name for e in ls(spec(server, "/acme/team"))[0]] == ["acme/team/two", "acme/team/deep/three"]
    assert "/groups/acme%2Fteam/projects?include_subgroups=true" in server.paths()[-1]


def test_pages_are_used_where_keyset_pagination_is_refused(server: Forge, ls: Callable) -> None:
    server.keyset = False
    for number in range(5):
        server.add(f"acme/p{number}")
    found, skipped = ls(spec(server))
    assert len(found) == 5 and not skipped
    assert "page=3" in server.paths()[-1]


def test_a_user_a_project_and_a_whole_server_can_be_listed(server: Forge, ls: Callable) -> None:
    server.owners["ann"] = "User"
    server.add("team/app", forked_from_project={"id": 9})
    server.rows[0]["path_with_namespace"] = "team/app"
    assert [e.name for e in ls(spec(server, "/team/app"))[0]] == ["team/app"]
    assert ls(spec(server, ""), InventoryOptions(forks=True))[0][0].fork
    assert ls(spec(server, ""))[0] == []
    found, skipped = ls(spec(server, "/nobody"))
    assert not found and "not found" in skipped[0].reason


def test_wikis_and_snippets_are_listed_on_request(server: Forge, ls: Callable) -> None:
    server.add("acme/app", wiki_enabled=True, snippets_enabled=True)
    server.snippets[1] = [
        {"id": 7, "http_url_to_repo": f"{server.url}/acme/app/snippets/7.git"},
        {"id": 8, "http_url_to_repo": None},
    ]
    assert len(ls(spec(server))[0]) == 1
    found, skipped = ls(spec(server), InventoryOptions(wikis=True, snippets=True))
    assert [(e.key.partition("#")[2], e.name, e.kind) for e in found] == [
        ("1", "acme/app", "repository"),
        ("1.wiki", "acme/app.wiki", "wiki"),
        ("snippet.7", "acme/app/snippets/7", "snippet"),
    ]
    assert [skip.reason for skip in skipped] == ["a snippet has no valid http_url_to_repo"]


def test_the_last_activity_is_a_version_only_when_it_is_old_enough(server: Forge, ls: Callable) -> None:
    server.add("acme/app")
    server.headers["date"] = "Wed, 01 May 2024 11:30:00 GMT"
    assert ls(spec(server))[0][0].version == ""
    server.headers["date"] = "Wed, 01 May 2024 12:30:00 GMT"
    assert ls(spec(server))[0][0].version == "2024-05-01T10:00:00.000Z"


def test_the_token_is_sent_in_gitlabs_header(server: Forge, ls: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("acme/app")
    monkeypatch.setenv("LEAKFIRST_TOKEN_127_0_0_1___" + server.url.rpartition(":")[2], "sesame")
    ls(spec(server))
    assert server.asked[-1].headers["private-token"] == "sesame"


def test_the_whole_of_gitlab_com_is_not_listed() -> None:
    with pytest.raises(UsageError, match="name a group"):
        list_repositories(["gitlab:https://gitlab.com"])


def test_a_project_without_a_repository_is_not_cloned(server: Forge, ls: Callable) -> None:
    server.add("acme/app")
    server.add("acme/board", repository_access_level="disabled", wiki_enabled=True)
    found, skipped = ls(spec(server), InventoryOptions(wikis=True))
    assert [e.name for e in found] == ["acme/app", "acme/board.wiki"]
    assert [(skip.reason, skip.expected) for skip in skipped] == [("left out, without a repository: 1", True)]
