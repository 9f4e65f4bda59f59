from __future__ import annotations

import pathlib

import pytest

from detector.errors import UsageError
from rotators.core import runs


def test_a_plan_that_is_not_there_and_one_of_several_are_clear_lines(tmp_path: pathlib.Path) -> None:
    (tmp_path / "plans").mkdir()
    for name in ("abc1", "abc2"):
        (tmp_path / "plans" / f"{name}.json").write_text("{}")
    for name, said in (("zzz", "no plan starts with 'zzz'"), ("abc", "2 plans start with 'abc'")):
        with pytest.raises(UsageError, match=said):
            runs.load_plan(str(tmp_path), name)
