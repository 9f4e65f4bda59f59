from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.files.writing import check_destination, replace_file, replace_text, write_file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_link_is_neither_followed_nor_replaced(here: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (here / "report.sarif").symlink_to("../victim")
    with pytest.raises(UsageError, match=r"report\.sarif: is a symbolic link"):
        write_file("report.sarif", b"new")
    assert (tmp_path / "victim").read_text() == "precious"
    assert (here / "report.sarif").is_symlink()


def test_a_link_that_leads_nowhere_creates_nothing(here: Path, tmp_path: Path) -> None:
    (here / "report.sarif").symlink_to("../new")
    with pytest.raises(UsageError, match="symbolic link"):
        write_file("report.sarif", b"new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["out/report.sarif", "./out/report.sarif", "out/../out/report.sarif"])
def test_a_folder_of_the_checkout_that_is_a_link_is_not_entered(here: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (here / "out").symlink_to("../elsewhere")
    with pytest.raises(UsageError, match="out is a symbolic link"):
        write_file(name, b"new")
    with pytest.raises(UsageError, match="out is a symbolic link"):
        write_file(str(here / "out" / "report.sarif"), b"new")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_above_the_current_folder_is_the_operators(here: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to("real")
    write_file(str(tmp_path / "named" / "report"), b"new")
    assert (tmp_path / "real" / "report").read_bytes() == b"new"


def test_what_is_no_plain_file_is_not_replaced(here: Path) -> None:
    os.mkfifo("pipe")
    os.mkdir("folder")
    for name, kind in (("pipe", "pipe"), ("folder", "folder"), ("/dev/tty", "device")):
        if os.path.exists(name):
            with pytest.raises(UsageError, match=f"is a {kind}, which is neither followed nor replaced"):
                check_destination(name)
    with pytest.raises(UsageError, match="names no file"):
        check_destination("folder/")


def test_the_null_device_stays_what_it_is() -> None:
    write_file("/dev/null", b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_modes(here: Path) -> None:
    write_file("private", b"1", private=True)
    assert stat.S_IMODE(os.stat("private").st_mode) == 0o600
    Path("kept").write_text("old")
    os.chmod("kept", 0o640)
    write_file("kept", b"2")
    assert stat.S_IMODE(os.stat("kept").st_mode) == 0o640
    write_file("kept", b"3", private=True)
    assert stat.S_IMODE(os.stat("kept").st_mode) == 0o600


def test_after_a_failure_everything_is_as_it_was(here: Path) -> None:
    Path("report").write_text("old")

    def write() -> None:
        with replace_file("report") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert Path("report").read_text() == "old"
    assert os.listdir() == ["report"]


def test_a_link_that_appears_meanwhile_is_not_followed(here: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")

    def write() -> None:
        with replace_file("report") as file:
            file.write(b"new")
            os.symlink("../victim", "report")

    with pytest.raises(UsageError, match="symbolic link"):
        write()
    assert (tmp_path / "victim").read_text() == "precious"
    assert os.listdir() == ["report"]


def test_text_that_is_not_utf_8_is_escaped(here: Path) -> None:
    with replace_text("report") as out:
        out.write("a\udcff\n")
    assert Path("report").read_bytes() == b"a\\udcff\n"


def test_a_missing_folder_is_one_line(here: Path) -> None:
    with pytest.raises(UsageError, match=r"^no/report: cannot be written \(No such file or directory\)$"):
        write_file("no/report", b"")
