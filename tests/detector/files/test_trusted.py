from __future__ import annotations

import os
from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.files.trusted import (
    decode_list,
    describe_distrust,
    find_operator_file,
    find_temporary_folder,
    find_unknown_key,
    find_user_folder,
    parse_toml,
    read_operator_file,
)


@pytest.mark.parametrize("home", ["", ".", "~"])
def test_a_folder_that_is_not_absolute_is_nobodys(home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    monkeypatch.setenv("HOME", home)
    for folder in ("config", "~/.config", ".config"):
        (tmp_path / folder / "leakfirst").mkdir(parents=True)
        (tmp_path / folder / "leakfirst" / "config.toml").write_text("")
    found = find_user_folder("XDG_CONFIG_HOME", "~/.config")
    assert found in ("", "/.config")
    assert not found or find_operator_file("config.toml") == ""


def test_without_home_and_passwd_entry_nothing_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does without a passwd entry
    assert find_user_folder("XDG_CONFIG_HOME", "~/.config") == ""
    assert find_operator_file("config.toml") == ""


def test_a_home_in_the_checkout_configures_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pipelines set HOME to the workspace, so that tools find a folder to write to."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".config" / "leakfirst").mkdir(parents=True)
    (tmp_path / ".config" / "leakfirst" / "config.toml").write_text("")
    (tmp_path / "below").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for folder in (tmp_path, tmp_path / "below"):
        monkeypatch.chdir(folder)
        with pytest.raises(UsageError, match="may not configure its own scan"):
            find_operator_file("config.toml")
    monkeypatch.chdir("/")
    assert find_operator_file("config.toml").endswith("config.toml")


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o602)
    with pytest.raises(UsageError, match="can be changed by others; chmod go-w it"):
        read_operator_file(str(path))
    path.chmod(0o600)
    assert read_operator_file(str(path)) == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    os.chown(path, 54321, 54321)
    with pytest.raises(UsageError, match="belongs to another user"):
        read_operator_file(str(path))
    assert describe_distrust(os.stat(path))


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(UsageError, match="no plain file"):
        read_operator_file(str(tmp_path / "config.toml"))


def test_a_temporary_folder_is_ours_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = find_temporary_folder("cache")
    assert os.stat(folder).st_mode & 0o777 == 0o700
    os.chmod(folder, 0o777)
    assert find_temporary_folder("cache") == ""
    os.rmdir(folder)
    os.symlink(tmp_path, folder)
    assert find_temporary_folder("cache") == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(encoding: str) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert decode_list(mark + "é/**\n".encode(encoding), "list") == "é/**\n"


@pytest.mark.parametrize("content", [b"\0\n", "zzz\n".encode("utf-16-le"), b"\xff\xfea", b"a\xff"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"^list: "):
        decode_list(content, "list")


def test_other_bytes_are_kept_where_paths_are_listed() -> None:
    assert decode_list(b"a\xff", "list", "surrogateescape") == "a\udcff"


def test_toml_is_read_or_refused_in_one_line() -> None:
    assert parse_toml(b"\xef\xbb\xbfa = 1\n", "file") == {"a": 1}
    for content in (b"a = ", b"a = \xff", b"a = " + b"[" * 5000):
        with pytest.raises(UsageError, match=r"^file: .+"):
            parse_toml(content, "file")


def test_an_unknown_key_is_named_with_what_was_meant() -> None:
    assert find_unknown_key({"alow": 1}, {"allow", "read"}) == "unknown key 'alow'; did you mean 'allow'?"
    assert find_unknown_key({"zzz": 1}, {"allow", "read"}, "here") == "here: unknown key 'zzz'; known: allow, read"
    assert find_unknown_key({"read": 1}, {"allow", "read"}) == ""
