"""The lists of Gitea and Forgejo, in their documented form."""

from collections.abc import Callable

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, list_repositories
from tests.fakes.forges import Forge

pytestmark = pytest.mark.net


def spec(server: Forge, path: str = "/acme") -> str:
    return f"gitea:{server.url}{path}"


def test_an_organisation_a_user_a_repository_and_a_whole_server_can_be_listed(server: Forge, ls: Callable) -> None:
    server.owners["ann"] = "User"
    for name in ("acme/one", "acme/two", "acme/three", "ann/own"):
        server.add(name)
    assert [e.name for e in ls(spec(server))[0]] == ["acme/one", "acme/two", "acme/three"]
    assert [e.name for e in ls(spec(server, "/ann"))[0]] == ["ann/own"]
    assert [e.name for e in ls(spec(server, "/acme/two"))[0]] == ["acme/two"]
    assert len(ls(spec(server, ""))[0]) == 4


def test_wikis_are_listed_on_request_and_the_last_update_is_the_version(server: Forge, ls: Callable) -> None:
    server.add("acme/app", has_wiki=True)
    found, _ = ls(spec(server), InventoryOptions(wikis=True))
    assert [e.name for e in found] == ["acme/app", "acme/app.wiki"]
    assert found[0].version == "2024-05-01T10:00:00Z"


def test_the_token_is_sent_in_giteas_form(server: Forge, ls: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("acme/app")
    monkeypatch.setenv("LEAKFIRST_TOKEN_127_0_0_1___" + server.url.rpartition(":")[2], "sesame")
    ls(spec(server))
    assert server.asked[-1].headers["authorization"] == "token sesame"


def test_an_unknown_owner_is_reported(server: Forge, ls: Callable) -> None:
    found, skipped = ls(spec(server, "/nobody"))
    assert not found and "not found (HTTP 404" in skipped[0].reason


def test_a_server_must_be_named() -> None:
    with pytest.raises(UsageError, match="name the server"):
        list_repositories(["gitea:acme"])
