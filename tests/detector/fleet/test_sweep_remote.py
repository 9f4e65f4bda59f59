"""A sweep over clones: fetched at the cost of what is new, whoever cannot be reached."""

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
from tests.detector.fleet import making
from tests.detector.fleet.test_sweep import Bench
from tests.fakes.git_server import commit, git_server, repository

pytestmark = pytest.mark.net


class Served(Bench):
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
        repository(root, f"r{number}.git", **{"app.env": f"TOKEN={making.secret(number)}\n"})
    with git_server(root) as server:
        yield Served(server, tmp_path, str(tmp_path / "sweep.db"))


def test_clones_are_made_once_and_fetched_when_something_was_pushed(served):
    assert (served.sweep().swept, len(served.states())) == (3, 3)
    assert served.sweep().unchanged == 3
    commit(served.server.root / "r1.git", **{"more.env": f"TOKEN={making.secret(7)}\n"})
    third = served.sweep()
    assert (third.swept, third.unchanged, third.objects) == (1, 2, 2)
    assert len(served.states()) == 4


def test_nothing_is_fetched_where_the_server_says_that_nothing_was_pushed(served):
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


def test_a_server_that_fails_for_one_repository_ends_nothing(served):
    served.sweep()
    served.server.broken.add("r1.git")
    commit(served.server.root / "r1.git", **{"more.env": f"TOKEN={making.secret(7)}\n"})
    commit(served.server.root / "r2.git", **{"more.env": f"TOKEN={making.secret(8)}\n"})
    second = served.sweep()
    assert [name.rpartition("/")[2] for name, _ in second.failed] == ["r1"]
    assert (second.swept, second.unchanged) == (1, 1)
    assert set(served.states().values()) == {"open", "history"} or len(served.states()) == 4
    served.server.broken.clear()
    third = served.sweep()
    assert (third.swept, third.failed, len(served.states())) == (1, (), 5)


def test_a_coordinator_that_is_killed_is_taken_up_where_it_was(made, tmp_path):
    whole = Bench(made, str(tmp_path / "whole.db"))
    whole.sweep()
    bench = Bench(made, str(tmp_path / "killed.db"), large_objects=30)
    program = tmp_path / "coordinator.py"
    program.write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from tests.detector.fleet.test_sweep import Bench
            Bench(Path(sys.argv[1]), sys.argv[2], large_objects=30).sweep(lambda progress: print(progress.done, flush=True))
            """
        )
    )
    words = [sys.executable, str(program), str(made), bench.place]
    for least in (2, 4):
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
        ) as process:
            assert process.stdout
            for line in process.stdout:
                if int(line) >= least:
                    break
            os.kill(process.pid, signal.SIGKILL)
    last = bench.sweep()
    assert last.unchanged >= 4
    assert bench.told() == whole.told()
    assert bench.states() == whole.states()
    assert bench.counts() == whole.counts()
