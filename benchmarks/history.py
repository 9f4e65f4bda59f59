"""Scan a whole history with leakfirst; git printing all objects is the baseline.

    python -m benchmarks.history REPOSITORY ... [-n RUNS] [--jobs N] [--kingfisher]

git prints every object once (`cat-file --batch-all-objects --batch --unordered --buffer`); a scanner that reads content
through git cannot be faster. `read` rebuilds every blob, commit and tag in one process and scans nothing; `second scan`
is a scan with `--state` after which nothing changed. Runs alternate, so that a change of load affects all commands.
Ratios are computed per turn, of wall time and of CPU time, which depends least on other work on the machine. The last
two columns are the ratios to `leakfirst scan`. Peak memory is that of all processes of a command at one moment, with
shared pages counted once (Linux only).
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

READ_SCRIPT = """
import sys
from detector.git import deltas, repository, shares
skipped = []
for share in shares.plan_shares(repository.discover(sys.argv[1])).shares:
    for entry in shares.read_share(share, skipped):
        pass
"""


class Run(NamedTuple):
    """One finished command: wall time and CPU time in seconds, peak memory of all processes in MB."""

    wall: float
    cpu: float
    peak: float


def run_command(command: Sequence[str]) -> Run:
    """Run *command*, discard its output and sample its memory."""
    started = time.perf_counter()
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **silent)
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, sum(read_memory(member) for member in list_processes(process.pid)))
        time.sleep(0.05)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(wall, usage.ru_utime + usage.ru_stime, peak / 1024)


def list_processes(pid: int) -> list[int]:
    """Return the ids of a process and all its descendants."""
    found = [pid]
    for member in found:
        try:
            with open(f"/proc/{member}/task/{member}/children") as stream:
                found += map(int, stream.read().split())
        except OSError:
            continue
    return found


def read_memory(pid: int) -> int:
    """Return the memory of a process in KB; shared pages are divided among the processes that share them."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as stream:
            return next((int(line.split()[1]) for line in stream if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def list_commands(repository: str, jobs: int, kingfisher: bool, state: str) -> dict[str, list[str]]:
    """Return the commands to compare, by name."""
    found = {
        "git cat-file": [
            "git", "-C", repository, "cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer",
        ],
        "read, 1 process": [sys.executable, "-c", READ_SCRIPT, repository],
        f"leakfirst scan --jobs {jobs}": [
            sys.executable, "-m", "detector", "scan", repository, "--no-worktree", "--jobs", str(jobs),
            "--format", "json", "--no-progress",
        ],
    }  # fmt: skip
    found["leakfirst second scan"] = [*found[f"leakfirst scan --jobs {jobs}"], "--state", state]
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


def compute_ratio(runs: Sequence[Run], baseline: Sequence[Run], column: str) -> float:
    """Return the median ratio of a *column* of *runs* to that of *baseline*, turn by turn."""
    ratios = [getattr(run, column) / getattr(base, column) for run, base in zip(runs, baseline, strict=True)]
    return statistics.median(ratios)


def main() -> None:
    """Print a table for each repository."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="+", metavar="REPOSITORY")
    parser.add_argument("-n", type=int, default=3, metavar="RUNS", help="measured runs per command")
    parser.add_argument("--jobs", type=int, default=2, help="processes of a scan")
    parser.add_argument("--kingfisher", action="store_true", help="measure kingfisher as well")
    args = parser.parse_args()
    from detector.git import deltas

    print(f"inner loops: {'compiled' if deltas.COMPILED else 'INTERPRETED: run python setup.py build_ext --inplace'}")
    for repository in args.repositories:
        results: dict[str, list[Run]]
        with tempfile.TemporaryDirectory() as folder:
            commands = list_commands(repository, args.jobs, args.kingfisher, os.path.join(folder, "state"))
            results = {name: [] for name in commands}
            run_command(commands["git cat-file"])  # reads the packs into the page cache
            run_command(commands["leakfirst second scan"])  # creates the state
            for _ in range(args.n):
                for name, command in commands.items():
                    results[name].append(run_command(command))
        print(
            f"\n{repository}\n{'':26} {'wall s':>8} {'cpu s':>8} {'peak MB':>8} {'wall/git':>9} {'cpu/git':>8}"
            f" {'wall/scan':>10} {'cpu/scan':>9}"
        )
        git = results["git cat-file"]
        scan = next(runs for name, runs in results.items() if name.startswith("leakfirst"))
        for name, runs in results.items():
            wall, cpu, peak = (statistics.median(column) for column in zip(*runs, strict=True))
            wall_ratio, cpu_ratio = compute_ratio(runs, git, "wall"), compute_ratio(runs, git, "cpu")
            print(
                f"{name:26} {wall:8.2f} {cpu:8.2f} {peak:8.0f} {wall_ratio:9.2f} {cpu_ratio:8.2f}"
                f" {compute_ratio(runs, scan, 'wall'):10.1f} {compute_ratio(runs, scan, 'cpu'):9.1f}"
            )


if __name__ == "__main__":
    main()
