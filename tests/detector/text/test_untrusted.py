from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.model import Origin
from detector.reports._options import Options
from detector.text.untrusted import (
    as_bytes,
    clean,
    name_of,
    percent,
    printable,
    provenance,
    reached,
    without_password,
)

ANY_PATH = st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))


@given(st.text() | ANY_PATH)
def test_printable_text_is_visible_and_encodable(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()
    assert not shown.lstrip().startswith("::")


@pytest.mark.parametrize(
    "text",
    ["::error::x", "  ::set-env name=x::y", "a ::stop-commands::t", "x##vso[task.y]z", "##[group]x", "##teamcity[a]"],
)
def test_commands_for_log_readers_are_broken(text: str) -> None:
    shown = printable(text)
    assert "##" not in shown
    assert " ::" not in f" {shown}"


@pytest.mark.parametrize("text", ["src/a.py", "std::vector<int>", "## heading", "a#b", "é…中"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(ANY_PATH)
def test_a_percent_encoded_path_comes_home(path: str) -> None:
    if path[1:3] != ":\\":
        assert unquote_to_bytes(percent(path)) == as_bytes(path)
    assert percent(path).isascii()


@given(st.text(st.characters()))
def test_clean_text_can_be_written(text: str) -> None:
    clean(text).encode()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h/x.git", "https://h/x.git"),
        ("https://token@h/x?private_token=abc", "https://h/x"),
        ("ssh://git@h:22/x", "ssh://h:22/x"),
        ("could not read https://a:b@h/x today", "could not read https://h/x today"),
        ("https://a:b@h/x and http://c:d@i/y", "https://h/x and http://i/y"),
        ("/a@b/c?d", "/a@b/c?d"),
        ("git@h:a/b.git", "git@h:a/b.git"),
    ],
)
def test_urls_lose_their_passwords(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_places_without_a_path_have_a_name() -> None:
    assert name_of(Origin("stdin")) == "standard input"
    assert name_of(Origin("commit", commit="a" * 40)) == "commit message"
    assert name_of(Origin("unreachable", object_id="abcdef0123456789")) == "object abcdef0123"
    assert name_of(Origin("unreachable")) == "object unknown"


def test_provenance_names_commit_day_and_author() -> None:
    known = Origin("blob", "x", commit="a" * 40, author="Ada <a@b>", when="2020-01-02T03:04:05+01:00")
    assert provenance(known) == "aaaaaaaaaa 2020-01-02 Ada <a@b>"
    assert provenance(Origin("worktree", "x")) == "working tree"


@pytest.mark.parametrize(
    ("repository", "target", "path"),
    [
        ("", ".", "a/conf.py"),
        ("svc", ".", "svc/a/conf.py"),
        ("svc/", "svc/", "svc/a/conf.py"),
        ("svc", "svc other", "svc/a/conf.py"),
        ("..", "..", "a/conf.py"),
        ("../svc", "..", "svc/a/conf.py"),
        ("../svc", "../svc ../b", "../svc/a/conf.py"),
        ("/home/me", "/home/me", "a/conf.py"),
        ("/home/me/svc", "/home/me", "svc/a/conf.py"),
        ("/srv/shop", "/srv/shop", "a/conf.py"),
        ("/srv/shop/svc", "/srv/shop", "svc/a/conf.py"),
        ("/srv/shop", "/srv/shop /srv/b", "/srv/shop/a/conf.py"),
        ("https://git.example.org/a.git", "https://git.example.org/a.git", "a/conf.py"),
    ],
)
def test_a_file_at_hand_is_named_as_one_reaches_it(repository: str, target: str, path: str) -> None:
    assert reached(Origin("worktree", "a/conf.py", repository), Options(target=target, here="/home/me")) == path
    stored = Origin("blob", "a/conf.py", repository, "1" * 40)
    assert reached(stored, Options(target=target, here="/home/me")) == "a/conf.py"
