from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from detector.secret import Secret
from rotators.core.model import Case, Clock, Leak, UnexpectedState
from rotators.stores.env_file import Store, parse_env, replace_values


def store(path: pathlib.Path, **fields: str) -> Store:
    leak = Leak("acme.key", "lf1:x", Secret(b"old"))
    settings = {"path": str(path), "fields": fields or {"value": "API_KEY"}}
    return Store(Case("run", leak, settings, {}, Clock(lambda: 0.0, lambda seconds: None)))


def test_only_our_line_changes(tmp_path: pathlib.Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"# keep\r\nexport API_KEY='old value' \nOTHER=1 # note\nlast=no newline")
    os.chmod(path, 0o640)
    target = store(path)
    assert target.read_back() == {"value": Secret(b"old value")}
    target.promote("t", {"value": Secret(b"new value")})
    assert path.read_bytes() == b"# keep\r\nexport API_KEY='new value'\nOTHER=1 # note\nlast=no newline"
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == [".env"]


def test_a_missing_name_is_added_at_the_end() -> None:
    assert replace_values(b"A=1", {"B": b"2"}) == b"A=1\nB=2\n"


def test_a_value_that_env_files_cannot_spell_is_refused() -> None:
    with pytest.raises(UnexpectedState, match="line break"):
        replace_values(b"A=1\n", {"A": b"two\nlines"})


def test_reads_what_it_writes() -> None:
    for value in (b"plain", b"with space", b'dou"ble', b"$dollar`tick", b"a#b", b"a #b", b""):
        assert parse_env(replace_values(b"", {"K": value}))["K"] == value


def test_a_tracked_file_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"API_KEY=old\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    store(path).preflight()
    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", ".env"], check=True)
    with pytest.raises(UnexpectedState, match="git tracks"):
        store(path).preflight()


def test_a_link_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "real").write_bytes(b"API_KEY=old\n")
    (tmp_path / ".env").symlink_to(tmp_path / "real")
    with pytest.raises(UnexpectedState, match="no plain file"):
        store(tmp_path / ".env").preflight()


def test_a_half_written_file_of_a_killed_run_does_not_stay(tmp_path: pathlib.Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"API_KEY=old\n")
    (tmp_path / ".env.leakfirst").write_bytes(b"API_KEY=half")
    store(path).promote("t", {"value": Secret(b"new")})
    assert os.listdir(tmp_path) == [".env"]
    store(path).restore("t", {"value": Secret(b"old")})
    assert path.read_bytes() == b"API_KEY=old\n"
