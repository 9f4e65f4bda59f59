import os
from pathlib import Path

import pytest

from detector.agents import named_files
from detector.agents.named_files import read_in_command, read_mentioned


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.ini").write_text("a = 1\n")
    (tmp_path / "two words.txt").write_text("two\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/wide.txt").write_bytes("wide".encode("utf-16"))
    return tmp_path


@pytest.mark.parametrize(
    "prompt",
    ["look at @settings.ini", "@settings.ini, please", "is @settings.ini.", '(@"settings.ini")', "see @settings.ini#L1-2",
     "see @settings.ini:1-2", "@./settings.ini"],
)  # fmt: skip
def test_a_file_named_with_an_at_sign_is_read(prompt: str, folder: Path) -> None:
    assert [file.content for file in read_mentioned(prompt, (), str(folder))] == ["a = 1\n"]


def test_names_with_spaces_attachments_and_other_encodings(folder: Path) -> None:
    assert [f.content for f in read_mentioned(r"@two\ words.txt", (), str(folder))] == ["two\n"]
    assert [f.content for f in read_mentioned("x", ["settings.ini"], str(folder))] == ["a = 1\n"]
    assert [f.content for f in read_mentioned("@sub/wide.txt", (), str(folder))] == ["wide"]


def test_addresses_folders_and_devices_are_no_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert read_mentioned("mail a@settings.ini, see @sub @pipe @/dev/zero @none @\0", (), str(folder)) == []


def test_a_large_file_is_not_read(folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.truncate(named_files.MAX_FILE + 1)
    (file_,) = read_mentioned("@large", (), str(folder))
    assert "larger" in file_.problem


@pytest.mark.parametrize(
    "command", ["cat settings.ini", "cat <settings.ini", "cat s*.ini|wc", "a=settings.ini; cat $a"]
)
def test_files_that_a_command_names(command: str, folder: Path) -> None:
    assert [file.content for file in read_in_command(command, str(folder))] == ["a = 1\n"]
