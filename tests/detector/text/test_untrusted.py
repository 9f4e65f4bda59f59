from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.model import Origin
from detector.text.untrusted import (
    describe_provenance,
    encode_path,
    make_printable,
    name_content,
    percent_encode,
    replace_surrogates,
    strip_url_credentials,
)

ANY_PATH = st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))


@given(st.text() | ANY_PATH)
def test_printable_text_is_visible_and_encodable(text: str) -> None:
    shown = make_printable(text)
    assert shown.isprintable()
    shown.encode()
    assert not shown.lstrip().startswith("::")


@pytest.mark.parametrize(
    "text",
    ["::error::x", "  ::set-env name=x::y", "a ::stop-commands::t", "x##vso[task.y]z", "##[group]x", "##teamcity[a]"],
)
def test_commands_for_log_readers_are_broken(text: str) -> None:
    shown = make_printable(text)
    assert "##" not in shown
    assert " ::" not in f" {shown}"


@pytest.mark.parametrize("text", ["src/a.py", "std::vector<int>", "## heading", "a#b", "é…中"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert make_printable(text) == text


@given(ANY_PATH)
def test_a_percent_encoded_path_comes_home(path: str) -> None:
    if path[1:3] != ":\\":
        assert unquote_to_bytes(percent_encode(path)) == encode_path(path)
    assert percent_encode(path).isascii()


@given(st.text(st.characters()))
def test_clean_text_can_be_written(text: str) -> None:
    replace_surrogates(text).encode()


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
    assert strip_url_credentials(url) == shown


def test_places_without_a_path_have_a_name() -> None:
    assert name_content(Origin("stdin")) == "standard input"
    assert name_content(Origin("commit", commit="a" * 40)) == "commit message"
    assert name_content(Origin("unreachable", object_id="abcdef0123456789")) == "object abcdef0123"
    assert name_content(Origin("unreachable")) == "object unknown"


def test_provenance_names_commit_day_and_author() -> None:
    known = Origin("blob", "x", commit="a" * 40, author="Ada <a@b>", when="2020-01-02T03:04:05+01:00")
    assert describe_provenance(known) == "aaaaaaaaaa 2020-01-02 Ada <a@b>"
    assert describe_provenance(Origin("worktree", "x")) == "working tree"
