from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.detector.sources.sample import Sample, make_repository


def make_sample(folder: Path) -> Sample:
    return Sample(make_repository(folder / "repository").as_uri())


def test_without_git_a_url_is_refused_in_one_line() -> None:
    words = [sys.executable, "-m", "detector", "scan", "https://127.0.0.1:9/x.git"]
    done = subprocess.run(words, env={"PATH": "/nonexistent", "HOME": "/nonexistent"}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "leakfirst: https://127.0.0.1:9/x.git: cannot be cloned: git is not installed\n"
