from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from detector.agents.process import run_detached


def test_the_work_is_done_in_another_process_without_output(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    done = tmp_path / "done"

    def work() -> None:
        os.write(1, b"nobody reads this")
        (tmp_path / "begun").write_text(str(os.getpid()))
        (tmp_path / "begun").rename(done)
        raise ValueError("ends this process alone")

    run_detached(work)
    for _ in range(600):
        if done.exists():
            break
        time.sleep(0.1)
    assert int(done.read_text()) != os.getpid()
    assert capfdbinary.readouterr().out == b""
