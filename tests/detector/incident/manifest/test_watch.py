"""Watching a tree in a separate process."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.detector.incident.manifest.making import NAMES, run
from tests.program import environment


class WatchProcess:
    """A watch in a separate process, with its output line by line."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "detector", "manifest", "verify", "--watch", "--format", "json"],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.told: set[tuple[str, str, bool]] = set()
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            row = json.loads(line)
            with self._more:
                self.told.add((row["what"], row["path"], row["now"]))
                self._more.notify()
        with self._more:
            self._more.notify()

    def wait_for(self, *rows: tuple[str, str, bool]) -> None:
        """Wait until all *rows* were reported; fail after 30 seconds."""
        with self._more:
            self._more.wait_for(lambda: self.told.issuperset(rows) or self.process.poll() is not None, 30)
            assert self.told.issuperset(rows), (set(rows) - self.told, self.process.poll())

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self._reader.join(30)
        self.process.wait(30)
        assert self.process.stderr
        output = self.process.stderr.read()
        assert "Traceback" not in output and "stopped watching" in output
        return self.process.returncode


@pytest.fixture(params=["events", "polling"])
def watched(request: pytest.FixtureRequest, tree: Path) -> Iterator[WatchProcess]:
    """A running watch. It polls if the tree contains a name that is not UTF-8."""
    if request.param == "events":
        (tree / NAMES[5]).unlink()
    run("create", cwd=tree)
    (tree / "early").write_text("there before the watch\n")
    watch = WatchProcess(tree)
    watch.wait_for(("added", "early", True))
    yield watch
    if watch.process.poll() is None:
        watch.process.kill()
        watch._reader.join(30)
        watch.process.wait(30)


def test_a_watch_reports_new_and_resolved_differences(watched: WatchProcess, tree: Path) -> None:
    before = (tree / "plain.py").read_bytes()
    (tree / "plain.py").write_text("evil\n")
    (tree / "sub" / "tool.sh").chmod(0o600)
    watched.wait_for(("changed", "plain.py", True), ("mode", "sub/tool.sh", True))
    (tree / "plain.py").write_bytes(before)
    (tree / "early").unlink()
    watched.wait_for(("changed", "plain.py", False), ("added", "early", False))
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "deep" / "er" / "x").write_text("x")
    watched.wait_for(("added", "deep/er/x", True))
    shutil.rmtree(tree / "deep")
    os.rename(tree / "sub", tree / "moved")
    watched.wait_for(("added", "deep/er/x", False), ("missing", "sub/a b.js", True), ("added", "moved/a b.js", True))
    assert watched.end(signal.SIGINT) == 1


def test_no_change_of_a_burst_is_lost(watched: WatchProcess, tree: Path) -> None:
    (tree / "storm").mkdir()
    for number in range(2500):
        (tree / "storm" / str(number)).write_text("x")
    watched.wait_for(*(("added", f"storm/{number}", True) for number in range(2500)))
    shutil.rmtree(tree / "storm")
    watched.wait_for(*(("added", f"storm/{number}", False) for number in range(2500)))
    assert watched.end() == 1


def test_the_root_may_be_removed_and_created_again(watched: WatchProcess, tree: Path) -> None:
    os.rename(tree, tree.with_name("away"))
    watched.wait_for(("root", ".", True))
    tree.mkdir()
    watched.wait_for(("root", ".", False), ("missing", "plain.py", True))
    (tree / "new").write_text("x")
    watched.wait_for(("added", "new", True))
    shutil.rmtree(tree)
    assert watched.end() == 1


def test_a_watch_without_a_difference_exits_with_0(tree: Path) -> None:
    run("create", cwd=tree)
    watch = WatchProcess(tree)
    (tree / ".git" / "index").write_text("changes all the time")
    assert watch.process.stderr
    assert "watching" in watch.process.stderr.readline()
    assert watch.end() == 0
