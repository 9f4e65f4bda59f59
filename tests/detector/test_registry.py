"""A file is a registration."""

import pytest

from detector.errors import UsageError
from detector.registry import load, names


def test_every_module_of_a_folder_is_listed_and_loads() -> None:
    found = names("detector.sources")
    assert {"files", "stdin"} <= set(found)
    for name in found:
        assert load("detector.sources", name, what="source").shares


def test_an_unknown_name_says_what_is_known() -> None:
    with pytest.raises(UsageError, match=r"unknown source 'tape'; known: .*files"):
        load("detector.sources", "tape", what="source")
