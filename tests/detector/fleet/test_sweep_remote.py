"""A sweep of clones: only what is new is fetched, and what cannot be reached is reported."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from detector.fleet.clones import Clones
from detector.fleet.inventory._entries import make_url_entry
from detector.fleet.state import open_state
from detector.fleet.sweep import SweepOptions, sweep
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner
from tests.fakes.git_server import commit, git_server, repository

pytestmark = pytest.mark.net


class Served(SweepRunner):
    """Sweeps over the clones of what a server has."""

    def __init__(self, server, folder: Path, place: str) -> None:
        super().__init__(server.root, place)
        self.server = server
        self.clones = Clones(str(folder / "clones"))
        self.version = ""

    def settings(self):
        settings, rules = super().settings()
        return settings._replace(clones=self.clones), rules

    def sweep(self, watch=None):
        settings, rules = self.settings()
        names = sorted(path.name for path in self.server.root.iterdir())
        listed = [make_url_entry(f"{self.server.url}/{name}")._replace(version=self.version) for name in names]
        with open_state(self.place) as state, self.executor(settings) as executor:
            return sweep(listed, state, SweepOptions(settings, fetchers=2), executor, rules, watch)


@pytest.fixture
def served(tmp_path):
    root = tmp_path / "served"
    root.mkdir()
    for number in range(3):
        repository(root, f"r{number}.git", **{"app.env": f"TOKEN={synthetic.make_secret(number)}\n"})
    with git_server(root) as server:
        yield Served(server, tmp_path, str(tmp_path / "sweep.db"))


def test_clones_are_created_once_and_fetched_after_a_push(served):
    assert (served.sweep().swept, len(served.read_states())) == (3, 3)
    assert served.sweep().unchanged == 3
    commit(served.server.root / "r1.git", **{"more.env": f"TOKEN={synthetic.make_secret(7)}\n"})
    third = served.sweep()
    assert (third.swept, third.unchanged, third.objects) == (1, 2, 2)
    assert len(served.read_states()) == 4


def test_nothing_is_fetched_if_the_server_reports_no_push(served):
    served.version = "1"
    served.sweep()
    served.server.asked.clear()
    assert served.sweep().unchanged == 3
    assert served.server.asked == []
    served.version = "2"
    assert served.sweep().unchanged == 3
    assert served.server.asked
    served.server.asked.clear()
    assert served.sweep().unchanged == 3
    assert served.server.asked == []


def test_a_server_error_for_one_repository_does_not_stop_the_others(served):
    served.sweep()
    served.server.broken.add("r1.git")
    commit(served.server.root / "r1.git", **{"more.env": f"TOKEN={synthetic.make_secret(7)}\n"})
    commit(served.server.root / "r2.git", **{"more.env": f"TOKEN={synthetic.make_secret(8)}\n"})
    second = served.sweep()
    assert [name.rpartition("/")[2] for name, _ in second.failed] == ["r1"]
    assert (second.swept, second.unchanged) == (1, 1)
    assert set(served.read_states().values()) == {"open", "history"} or len(served.read_states()) == 4
    served.server.broken.clear()
    third = served.sweep()
    assert (third.swept, third.failed, len(served.read_states())) == (1, (), 5)


def test_the_next_sweep_continues_after_a_killed_coordinator(made, tmp_path):
    whole = SweepRunner(made, str(tmp_path / "whole.db"))
    whole.sweep()
    runner = SweepRunner(made, str(tmp_path / "killed.db"), large_objects=30)
    program = tmp_path / "coordinator.py"
    program.write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from tests.detector.fleet.sweep_runner import SweepRunner
            SweepRunner(Path(sys.argv[1]), sys.argv[2], large_objects=30).sweep(lambda progress: print(progress.done, flush=True))
            """
        )
    )
    words = [sys.executable, str(program), str(made), runner.place]
    for least in (2, 4):
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
        ) as process:
            assert process.stdout
            for line in process.stdout:
                if int(line) >= least:
                    break
            os.kill(process.pid, signal.SIGKILL)
    last = runner.sweep()
    assert last.unchanged >= 4
    assert runner.read_findings() == whole.read_findings()
    assert runner.read_states() == whole.read_states()
    assert runner.count_rows() == whole.count_rows()
