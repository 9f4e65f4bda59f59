"""Rate limits, the cache, and hostile servers."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.fleet.inventory import InventoryOptions, _api, list_repositories
from detector.net import polite_client
from tests.fakes.forges import Forge, Scripted

pytestmark = pytest.mark.net


@pytest.fixture
def five(server: Forge) -> Forge:
    for name in ("one", "two", "three", "four", "five"):
        server.add(f"acme/{name}")
    return server


def spec(server: Forge) -> str:
    return f"gitea:{server.url}/acme"


def names(found: list) -> list[str]:
    return [entry.name.partition("/")[2] for entry in found]


ALL = ["one", "two", "three", "four", "five"]


def test_an_unchanged_page_is_not_sent_again(five: Forge, ls: Callable, options: InventoryOptions) -> None:
    assert names(ls(spec(five), options)[0]) == ALL
    del five.asked[:]
    assert names(ls(spec(five), options)[0]) == ALL
    assert [asked.status for asked in five.asked] == [304, 304, 200]


def test_new_repositories_are_listed_although_pages_are_cached(
    five: Forge, ls: Callable, options: InventoryOptions
) -> None:
    five.add("acme/six")
    ls(spec(five), options)
    five.add("acme/seven")
    five.rows[1]["full_name"] = "acme/renamed"
    found, _ = ls(spec(five), options)
    assert names(found) == ["one", "renamed", "three", "four", "five", "six", "seven"]


def test_only_the_fields_that_are_used_are_cached(five: Forge, ls: Callable, options: InventoryOptions) -> None:
    ls(spec(five), options)
    (file,) = Path(options.cache).iterdir()
    assert "not kept" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_an_interrupted_listing_continues_after_its_last_page(five: Forge, options: InventoryOptions) -> None:
    listing = list_repositories([spec(five)], options)
    assert [next(listing).name for _ in range(3)] == ["acme/one", "acme/two", "acme/three"]
    listing.close()
    del five.asked[:]
    assert len(list(list_repositories([spec(five)], options))) == 5
    assert [path.partition("page=")[2] for path in five.paths()] == ["3"]


def test_a_page_that_a_crash_has_cut_off_is_read_again(five: Forge, options: InventoryOptions) -> None:
    listing = list_repositories([spec(five)], options)
    for _ in range(3):
        next(listing)
    listing.close()
    (part,) = Path(options.cache).iterdir()
    part.write_bytes(part.read_bytes()[:-20])
    del five.asked[:]
    assert len(list(list_repositories([spec(five)], options))) == 5
    assert len(five.asked) == 2


def test_an_old_listing_is_not_continued(five: Forge, options: InventoryOptions) -> None:
    import os

    listing = list_repositories([spec(five)], options)
    next(listing)
    listing.close()
    (part,) = Path(options.cache).iterdir()
    os.utime(part, (time.time() - 86400,) * 2)
    del five.asked[:]
    list(list_repositories([spec(five)], options))
    assert [asked.status for asked in five.asked] == [304, 200, 200]


def test_two_listings_at_once_do_not_interfere(five: Forge, options: InventoryOptions) -> None:
    first = list_repositories([spec(five)], options)
    next(first)
    assert len(list(list_repositories([spec(five)], options))) == 5
    assert len(list(first)) == 4


def test_when_the_server_fails_the_rest_is_taken_from_the_last_complete_listing(
    five: Forge, ls: Callable, options: InventoryOptions
) -> None:
    ls(spec(five), options)
    five.script = [Scripted(500, path="page=2")] * 20
    found, skipped = ls(spec(five), options)
    assert names(found) == ALL
    assert [skip.reason for skip in skipped] == [
        "the server has an error (HTTP 500); the rest is taken from the last complete list"
    ]
    five.script = [Scripted(401)] * 20
    found, skipped = ls(spec(five), options)
    assert names(found) == ALL
    assert "needs a token" in skipped[0].reason


def test_when_the_first_listing_fails_it_is_reported_as_incomplete(five: Forge, ls: Callable) -> None:
    five.script = [Scripted(500, path="page=2")] * 20
    found, skipped = ls(spec(five))
    assert names(found) == ["one", "two"]
    assert skipped[0].reason == "the list is incomplete: the server has an error (HTTP 500)"
    assert not skipped[0].expected


def test_requests_are_repeated_after_server_errors(five: Forge, ls: Callable, waits: list[float]) -> None:
    five.script = [Scripted(502), Scripted(503, {"retry-after": "7"}), Scripted(504)]
    assert names(ls(spec(five))[0]) == ALL
    assert 0.5 <= waits[0] <= 1.5 and waits[1] == 7 and 2 <= waits[2] <= 6


def test_a_server_that_cannot_be_reached_is_reported(server: Forge, ls: Callable, waits: list[float]) -> None:
    found, skipped = ls("gitea:http://127.0.0.1:9/acme")
    assert not found and len(waits) == 4
    assert (
        skipped[0].where == "127.0.0.1:9/acme"
        and "cannot be reached: 127.0.0.1:9 refused the connection" in skipped[0].reason
    )


def test_a_primary_rate_limit_is_waited_for_until_its_reset(five: Forge, ls: Callable, waits: list[float]) -> None:
    lines: list[str] = []
    reset = str(int(time.time()) + 90)
    five.script = [Scripted(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}, path="page=2")]
    assert names(ls(spec(five), InventoryOptions(notify=lines.append))[0]) == ALL
    assert len(waits) == 1 and 88 <= waits[0] <= 92
    assert lines == [f"{five.url.removeprefix('http://')}: rate limit, waiting {waits[0]:.0f} s"]


def test_the_last_request_of_a_quota_is_followed_by_a_pause(five: Forge, ls: Callable, waits: list[float]) -> None:
    reset = str(int(time.time()) + 30)
    body = json.dumps([]).encode()
    link = {"link": f'<{five.url}/api/v1/orgs/acme/repos?limit=50&page=1>; rel="next"'}
    five.script = [Scripted(200, {"ratelimit-remaining": "0", "ratelimit-reset": reset, **link}, body)]
    assert names(ls(spec(five))[0]) == ALL
    assert len(waits) == 1 and 28 <= waits[0] <= 32


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Scripted(429, {"retry-after": "3"}), 3),
        (Scripted(403, {"retry-after": "4"}), 4),
        (Scripted(429), 60),
        (Scripted(403, body=b'{"message": "You have exceeded a secondary rate limit"}'), 60),
    ],
)
def test_a_secondary_rate_limit_is_waited_for(
    answer: Scripted, seconds: float, five: Forge, ls: Callable, waits: list[float]
) -> None:
    five.script = [answer]
    assert names(ls(spec(five))[0]) == ALL
    assert waits == [seconds]


def test_a_rate_limit_that_lasts_too_long_ends_the_listing(
    five: Forge, ls: Callable, waits: list[float], options: InventoryOptions
) -> None:
    five.script = [Scripted(429, {"retry-after": "4000"}, path="page=3")]
    found, skipped = ls(spec(five), options)
    assert names(found) == ["one", "two", "three", "four"]
    assert "rate limit until" in skipped[0].reason and waits == []
    del five.asked[:]
    assert names(ls(spec(five), options)[0]) == ALL
    assert len(five.asked) == 1


def test_a_request_that_is_forbidden_is_not_repeated(five: Forge, ls: Callable, waits: list[float]) -> None:
    five.script = [Scripted(403, body=b'{"message": "Resource not \\u001b[31m accessible"}')]
    _, skipped = ls(spec(five))
    assert waits == [] and skipped[0].reason == "HTTP 403: Resource not �[31m accessible"


@pytest.mark.parametrize(
    "header",
    [
        {"link": '<http://evil.example.org/next>; rel="next"'},
        {"link": '<http://127.0.0.1:1/next>; rel="next"'},
        {"link": '<//evil.example.org/x>; rel="next"'},
        {"link": '<file:///etc/passwd>; rel="next"'},
        {"link": '<http://u:p@HOST/next>; rel="next"'},
        {"link": '<http://[bad/next>; rel="next"'},
    ],
)
def test_links_to_other_hosts_are_not_followed(header: dict[str, str], five: Forge, ls: Callable) -> None:
    header = {name: value.replace("HOST", five.url.removeprefix("http://")) for name, value in header.items()}
    five.script = [Scripted(200, header, b"[]")]
    _, skipped = ls(spec(five))
    assert len(skipped) == 1 and ("another host" in skipped[0].reason or "cannot be read" in skipped[0].reason)
    assert len(five.asked) == 1


def test_a_redirect_to_another_host_is_not_followed(five: Forge, ls: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    with _api.ApiClient(five.url, _api.HostAccess("h"), {}, "x", InventoryOptions()):
        pass
    five.script = [Scripted(302, {"location": "http://localhost:1/steal"})]
    _, skipped = ls(spec(five))
    assert "leads to another host (localhost:1), which is not asked" in skipped[0].reason


def test_circular_links_and_redirects_end(five: Forge, ls: Callable) -> None:
    link = {"link": f'<{five.url}/api/v1/orgs/acme/repos?limit=50>; rel="next"'}
    five.script = [Scripted(200, link, b"[]")]
    assert "do not end" in ls(spec(five))[1][0].reason
    five.script = [Scripted(301, {"location": "/api/v1/orgs/acme/repos"})] * 9
    assert "redirects have no end" in ls(spec(five))[1][0].reason


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[" * 100_000, b"1", b'"x"', b"null", b"[1]", b'[{"id": "1"}]', b"[[]]", b"\xff\xfe"]
)
def test_an_answer_of_the_wrong_form_is_reported(body: bytes, five: Forge, ls: Callable) -> None:
    five.script = [Scripted(200, {"content-type": "application/json"}, body)]
    found, skipped = ls(spec(five))
    assert not found and len(skipped) == 1
    assert skipped[0].reason.isprintable()


def test_a_page_that_is_too_large_is_not_read(five: Forge, ls: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polite_client, "MAX_PAGE_BYTES", 1 << 20)
    five.script = [Scripted(200, {}, b"[" + b" " * (2 << 20) + b"]")]
    assert ls(spec(five))[1][0].reason == "the answer is longer than 1 MiB"


@pytest.mark.parametrize(
    "facts",
    [
        {"clone_url": "ext::sh -c id"},
        {"clone_url": "file:///etc"},
        {"clone_url": "-u./payload"},
        {"clone_url": "--upload-pack=touch"},
        {"clone_url": "https://other.example.org/acme/app.git"},
        {"clone_url": "ssh://-oProxyCommand=id/x"},
        {"clone_url": "HOST/acme/../../etc.git"},
        {"clone_url": "HOST/-u./app.git"},
        {"clone_url": "HOST/acme/app.git?x=1"},
        {"clone_url": ["x"]},
        {"clone_url": None},
        {"full_name": "acme/\x1b[2Jx"},
        {"full_name": "acme/‮x"},
        {"full_name": "../../x"},
        {"full_name": "-rf/x"},
        {"full_name": 3},
        {"full_name": "a" * 4000},
        {"id": True},
        {"id": -1},
        {"id": 2**70},
        {"id": {"a": 1}},
    ],
)
def test_a_hostile_row_is_refused_in_one_line_and_the_others_are_listed(facts: dict, five: Forge, ls: Callable) -> None:
    host = five.url
    five.rows[2].update({name: v.replace("HOST", host) if isinstance(v, str) else v for name, v in facts.items()})
    found, skipped = ls(spec(five))
    assert [entry.key.partition("#")[2] for entry in found] == ["1", "2", "4", "5"]
    assert len(skipped) == 1
    assert f"{skipped[0].where} {skipped[0].reason}".isprintable() and len(skipped[0].where) < 200


def test_a_hostile_default_branch_is_ignored(five: Forge, ls: Callable) -> None:
    for row, name in zip(five.rows, ("--force", "a\nb", 7, None, "main"), strict=True):
        row["default_branch"] = name
    assert [entry.default_branch for entry in ls(spec(five))[0]] == ["", "", "", "", "main"]


def test_the_token_is_not_printed_whatever_happens(
    five: Forge,
    ls: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    options: InventoryOptions,
) -> None:
    from detector import log

    monkeypatch.setenv("LEAKFIRST_TOKEN_127_0_0_1___" + five.url.rpartition(":")[2], "sesame-sesame-sesame")
    monkeypatch.setattr(log, "_level", 1)
    five.script = [
        Scripted(500, body=b"sesame-sesame-sesame"),
        Scripted(403, body=b'{"message": "token sesame-sesame-sesame may not"}'),
    ]
    said = repr(ls(spec(five), options)) + repr(ls(spec(five), options)) + "".join(capfd.readouterr())
    assert "may not" in said and "sesame-sesame" not in said
    assert five.asked[-1].headers["authorization"] == "token sesame-sesame-sesame"
    assert b"sesame" not in b"".join(path.read_bytes() for path in Path(options.cache).iterdir())
