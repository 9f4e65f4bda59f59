"""Measure commands in turn and print medians and ratios.

The commands alternate (A B A B …), so that a change of load affects all of them. All figures are
those that the operating system reports for the finished process and its children.

    python benchmarks/timing.py -n 5 --vs "kingfisher scan …" -- leakfirst scan …
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple


class Run(NamedTuple):
    """One finished command: wall time and CPU time in seconds, peak memory of the largest process in MB."""

    wall: float
    cpu: float
    peak: float


def run_command(command: Sequence[str], cwd: str | None = None) -> Run:
    """Run *command* and discard its output; any exit code is accepted."""
    started = time.perf_counter()
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=cwd, **silent)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare_commands(commands: dict[str, Sequence[str]], runs: int = 5, cwd: str | None = None) -> dict[str, list[Run]]:
    """Run all *commands* in turn: once to warm up, then *runs* times to measure."""
    results: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            result = run_command(command, cwd)
            if turn:
                results[name].append(result)
    return results


def format_table(results: dict[str, list[Run]]) -> str:
    """Return a table of medians; the ratio is the wall time of the first command divided by that of each, per turn."""
    first = next(iter(results.values()))
    lines = [f"{'':28} {'wall s':>8} {'cpu s':>8} {'peak MB':>8} {'first/this':>11}   (medians; min–max of wall)"]
    for name, runs in results.items():
        wall, cpu, peak = (statistics.median(values) for values in zip(*runs, strict=True))
        ratio = statistics.median(a.wall / b.wall for a, b in zip(first, runs, strict=True))
        spread = f"{min(r.wall for r in runs):.3f}–{max(r.wall for r in runs):.3f}"
        lines.append(f"{name:28} {wall:8.3f} {cpu:8.3f} {peak:8.0f} {ratio:11.2f}   {spread}")
    return "\n".join(lines)


def main() -> None:
    """Compare the given command with those in ``--vs``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5, metavar="RUNS", help="measured runs per command")
    parser.add_argument("--vs", action="append", default=[], metavar="COMMAND", help="another command to compare with")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        parser.error("a command is required")
    commands = {shlex.join(command)[-28:]: command, **{text[-28:]: shlex.split(text) for text in args.vs}}
    print(format_table(compare_commands(commands, args.n)))


if __name__ == "__main__":
    main()
