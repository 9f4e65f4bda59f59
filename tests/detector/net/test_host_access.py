"""A token is sent only to its host, and never printed."""

import pytest

from detector.errors import UsageError
from detector.net.host_access import find_access


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_variables_of_the_clients_are_used_only_for_their_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "sesame")
    assert find_access("https://github.com", {}).make_headers() == {"Authorization": "Bearer sesame"}
    for other in ("https://github.example.org", "https://github.com.example.org", "https://gitlab.com"):
        assert find_access(other, {}).make_headers() == {}


def test_a_variable_names_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_TOKEN_MY__GIT_EXAMPLE_ORG___8443", "sesame")
    assert find_access("https://my-git.example.org:8443", {}).token
    assert not find_access("https://my-git.example.org", {}).token
    assert not find_access("https://my.git.example.org:8443", {}).token


def test_the_operators_configuration_names_a_variable_or_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSEWHERE", "open")
    operator = {"sweep": {"host": {
        "a.example.org": {"token-env": "ELSEWHERE", "user": "deploy"},
        "b.example.org": {"token-command": ["printf", "sesame\\n"]},
    }}}  # fmt: skip
    assert (
        find_access("https://A.example.org", operator).make_git_environment("https://a.example.org/x")[
            "LEAKFIRST_GIT_USER"
        ]
        == "deploy"
    )
    assert find_access("https://b.example.org", operator).make_headers("private-token") == {"PRIVATE-TOKEN": "sesame"}


@pytest.mark.parametrize(
    "table",
    [
        {"token-env": "NOT_SET_ANYWHERE"},
        {"token-command": "pass show x"},
        {"token-command": ["false"]},
        {"token-command": ["no-such-program"]},
        {"token-command": ["printf", "two\\nlines"]},
        {"token": "sesame"},
        {"user": 3},
    ],
)
def test_a_mistake_in_the_operators_configuration_is_reported(table: dict) -> None:
    with pytest.raises(UsageError) as error:
        find_access("https://a.example.org", {"sweep": {"host": {"a.example.org": table}}})
    assert "sesame" not in str(error.value)


def test_a_token_is_not_sent_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_TOKEN_A_EXAMPLE_ORG", "sesame")
    with pytest.raises(UsageError, match="only sent over https"):
        find_access("http://a.example.org", {})


def test_a_token_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_TOKEN_A_EXAMPLE_ORG", "sesame-sesame")
    allowed = find_access("https://a.example.org", {})
    assert "sesame" not in repr(allowed)
    assert "sesame" not in allowed.redact("the server said: sesame-sesame!")
