"""Which names and URLs are accepted."""

import pytest

from detector.fleet.names import InvalidName, check_name, make_line, normalize_url


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


@pytest.mark.parametrize("text", ["", "-x", "a//b", "../b", "a/./b", "a/-b", "a\\b", "a\x1b", "a" * 513])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="has an invalid name"):
        check_name(text)


def test_a_message_is_one_printable_line_of_limited_length() -> None:
    assert make_line("a\x1b[2J\nb", 4) == "a\N{REPLACEMENT CHARACTER}[2…"
