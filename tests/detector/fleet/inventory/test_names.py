"""Which names and URLs are accepted."""

import pytest

from detector.fleet.inventory._names import (
    InvalidName,
    check_name,
    make_line,
    make_path_entry,
    make_url_entry,
    normalize_url,
)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "ext::sh", "ftp://h/x", "https://h", "https://h/", "https://-h/x", "https://h/a/../b", "https://h/%2e%2e/b",
        "https://h:99999/x", "https://[::1/x", "https://h/x y", "https://h/x\n", "ssh://-oX/x", "-oX:x", "ssh://-l@h/x",
        "https://h/x#y", "https://h/" + "a" * 3000, "http://token@h/x", "transport::https://h/x", "https://h\u202e/x",
    ],
)  # fmt: skip
def test_a_url_that_is_more_or_less_than_one_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        normalize_url(text)


def test_one_repository_has_one_key_however_its_url_is_written() -> None:
    written = ("https://h.org/a/b", "https://H.org:443/a/b.git", "HTTPS://h.org/a/b/")
    assert {make_url_entry(url).key for url in written} == {"https://h.org/a/b"}


@pytest.mark.parametrize("text", ["", "-x", "a//b", "../b", "a/./b", "a/-b", "a\\b", "a\x1b", "a" * 513])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="has an invalid name"):
        check_name(text)


def test_a_message_is_one_printable_line_of_limited_length() -> None:
    assert make_line("a\x1b[2J\nb", 4) == "a\N{REPLACEMENT CHARACTER}[2…"


def test_a_repository_is_named_by_its_path_below_the_root_or_its_last_two_folders(tmp_path) -> None:
    path = tmp_path / "srv" / "team" / "app.git"
    assert make_path_entry(str(path), str(tmp_path)).name == "srv/team/app"
    assert make_path_entry(str(path)).name == "team/app"
    assert make_path_entry(str(path), str(path)).name == "app.git"
