from __future__ import annotations

import os
import pathlib

import pytest

from detector.secret import Secret
from rotators.core.escrow import Escrow, LocalSealer
from rotators.core.model import Surprise

VALUES = {"value": Secret(b"canary-in-escrow"), "user": Secret(bytes(range(256)))}


def test_what_is_kept_comes_back_and_is_never_plain_on_disk(tmp_path: pathlib.Path) -> None:
    escrow = Escrow(str(tmp_path), LocalSealer(b"k" * 32))
    escrow.keep("run/prod", VALUES)
    assert escrow.open("run/prod") == VALUES
    (path,) = (tmp_path / "escrow").iterdir()
    assert b"canary" not in path.read_bytes()
    assert os.stat(path).st_mode & 0o077 == 0
    escrow.drop("run/prod")
    escrow.drop("run/prod")
    assert escrow.open("run/prod") is None


def test_a_sealed_file_opens_for_its_own_run_only(tmp_path: pathlib.Path) -> None:
    escrow = Escrow(str(tmp_path), LocalSealer(b"k" * 32))
    escrow.keep("run/prod", VALUES)
    escrow.keep("run/other", VALUES)
    first, second = (tmp_path / "escrow").iterdir()
    first.write_bytes(second.read_bytes())
    with pytest.raises(Surprise, match="does not open"):
        [escrow.open(name) for name in ("run/prod", "run/other")]


def test_another_key_does_not_open_it(tmp_path: pathlib.Path) -> None:
    Escrow(str(tmp_path), LocalSealer(b"k" * 32)).keep("run/prod", VALUES)
    with pytest.raises(Surprise, match="does not open"):
        Escrow(str(tmp_path), LocalSealer(b"x" * 32)).open("run/prod")
