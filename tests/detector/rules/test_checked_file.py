"""A file with a checksum gives back what was written, or nothing."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.rules.checked_file import FORMAT, read_checked, write_checked

CONTENT = bytes(range(256)) * 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "below" / "x.pack"
    assert write_checked(str(place), "label", CONTENT)
    return place


def test_what_was_written_is_read(path: Path) -> None:
    assert read_checked(str(path), "label") == CONTENT
    assert os.listdir(path.parent) == ["x.pack"]


def test_another_label_is_refused(path: Path) -> None:
    assert read_checked(str(path), "other") is None


def test_a_missing_file_is_nothing(tmp_path: Path) -> None:
    assert read_checked(str(tmp_path / "x"), "label") is None


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not write_checked(str(tmp_path / "file" / "x"), "label", CONTENT)


def test_every_cut_and_every_changed_byte_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    assert whole.startswith(FORMAT)
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        assert read_checked(str(path), "label") is None, f"cut at {at}"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert read_checked(str(path), "label") is None, f"byte {at}"


@given(st.binary(max_size=2000), st.booleans())
def test_foreign_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes, headed: bool) -> None:
    place = tmp_path_factory.getbasetemp() / "junk.pack"
    place.write_bytes(FORMAT + junk if headed else junk)
    assert read_checked(str(place), "label") is None
