"""A whole history: ours beside git printing it, in one run.

    python -m benchmarks.history REPOSITORY ... [-n RUNS] [--jobs N] [--kingfisher]

git prints every object once (`cat-file --batch-all-objects --batch --unordered --buffer`); nothing that asks git for
content can be faster. `read` rebuilds every blob, commit and tag in one process and looks at nothing; `again` is a
further scan with `--state`, nothing changed. Runs alternate, so a machine that slows down slows all of them; ratios are
of wall time, pair by pair, and of processor time, which other work on the machine disturbs least. The last two columns
say how many times as long as ours, and with how many times as much processor time, each took. Peak memory is that of
all processes together at one moment (pages that they share counted once; Linux only).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

READ = """
import sys
from detector.git import deltas, repository, shares
skipped = []
for share in shares.plan_shares(repository.discover(sys.argv[1])).shares:
    for entry in shares.read_share(share, skipped):
        pass
"""


class Run(NamedTuple):
    """One finished command: seconds of wall clock and of all processors, peak MB of all processes."""

    wall: float
    cpu: float
    peak: float


def run(command: Sequence[str]) -> Run:
    """Run *command*, its output thrown away, and watch its memory."""
    started = time.perf_counter()
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **silent)
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, sum(proportional(member) for member in family(process.pid)))
        time.sleep(0.05)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(wall, usage.ru_utime + usage.ru_stime, peak / 1024)


def family(pid: int) -> list[int]:
    """List a process and all below it."""
    found = [pid]
    for member in found:
        try:
            with open(f"/proc/{member}/task/{member}/children") as stream:
                found += map(int, stream.read().split())
        except OSError:
            continue
    return found


def proportional(pid: int) -> int:
    """Return the memory of a process in KB, pages that it shares counted in proportion."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as stream:
            return next((int(line.split()[1]) for line in stream if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def commands(repository: str, jobs: int, kingfisher: bool, state: str) -> dict[str, list[str]]:
    """Name what runs side by side; the first is what the others are compared with."""
    found = {
        "git cat-file": [
            "git", "-C", repository, "cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer",
        ],
        "read, 1 process": [sys.executable, "-c", READ, repository],
        f"leakfirst scan --jobs {jobs}": [
            sys.executable, "-m", "detector", "scan", repository, "--no-worktree", "--jobs", str(jobs),
            "--format", "json", "--no-progress",
        ],
    }  # fmt: skip
    found["leakfirst again"] = [*found[f"leakfirst scan --jobs {jobs}"], "--state", state]
    if kingfisher and (program := shutil.which("kingfisher", path=os.path.dirname(sys.executable)) or "kingfisher"):
        for name, option in (("kingfisher", []), ("kingfisher --turbo", ["--turbo"])):
            found[name] = [
                program,
                "scan",
                "--no-validate",
                "--no-update-check",
                *option,
                "--format",
                "json",
                repository,
            ]
    return found


def times(these: Sequence[Run], those: Sequence[Run], what: str) -> float:
    """Return how many times as much of something *these* took as *those*: the median of the pairs."""
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in zip(these, those, strict=True))


def main() -> None:
    """Print a table for each repository."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="+")
    parser.add_argument("-n", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kingfisher", action="store_true")
    args = parser.parse_args()
    from detector.git import deltas

    print(f"delta loop: {'compiled' if deltas.COMPILED else 'INTERPRETED: run python setup.py build_ext --inplace'}")
    for repository in args.repositories:
        results: dict[str, list[Run]]
        with tempfile.TemporaryDirectory() as folder:
            these = commands(repository, args.jobs, args.kingfisher, os.path.join(folder, "state"))
            results = {name: [] for name in these}
            run(these["git cat-file"])  # brings the packs into memory
            run(these["leakfirst again"])  # makes the state
            for _ in range(args.n):
                for name, command in these.items():
                    results[name].append(run(command))
        print(
            f"\n{repository}\n{'':26} {'wall s':>8} {'cpu s':>8} {'peak MB':>8} {'wall/git':>9} {'cpu/git':>8}"
            f" {'wall/ours':>10} {'cpu/ours':>9}"
        )
        git = results["git cat-file"]
        ours = next(runs for name, runs in results.items() if name.startswith("leakfirst"))
        for name, runs in results.items():
            wall, cpu, peak = (statistics.median(column) for column in zip(*runs, strict=True))
            ratio, effort = times(runs, git, "wall"), times(runs, git, "cpu")
            print(
                f"{name:26} {wall:8.2f} {cpu:8.2f} {peak:8.0f} {ratio:9.2f} {effort:8.2f}"
                f" {times(runs, ours, 'wall'):10.1f} {times(runs, ours, 'cpu'):9.1f}"
            )


if __name__ == "__main__":
    main()
