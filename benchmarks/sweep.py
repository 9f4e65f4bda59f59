"""The cost of a sweep: the first one, one without changes, one after twenty commits; ten repositories, and a thousand.

    python -m benchmarks.sweep fleet [-n 200] [--alone]     synthetic: forks, shared history, planted credentials
    python -m benchmarks.sweep growth 10 100 1000           how cost grows with the number of repositories
    python -m benchmarks.sweep real REPOSITORY ...          the time of each, and of a second sweep

Processor time is the sum over all processes; other work on the machine affects it least. With `--alone` every
repository is also scanned separately, and the findings are compared.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from detector.config import Config
from detector.fingerprint import load_project_key
from detector.fleet.clones import Clones
from detector.fleet.digests import digest_rules, identify_key
from detector.fleet.executors.local import LocalExecutor
from detector.fleet.inventory import list_repositories
from detector.fleet.state import open_state
from detector.fleet.sweep import SweepOptions, sweep
from detector.fleet.tally import SweepSummary
from detector.fleet.tasks import WorkerSettings
from detector.scan.rule_pack import load_rule_pack
from detector.scan.state import digest_rule
from tests.detector.fleet import synthetic


class Cost(NamedTuple):
    """Seconds of elapsed time, of all processors, and of the coordinator; peak memory of the coordinator in MB."""

    wall: float
    cpu: float
    own: float
    peak: float


def run_sweep(specs: Sequence[str], place: str, jobs: int) -> tuple[SweepSummary, Cost]:
    """Sweep once."""
    config = Config(worktree=False)
    rules = {rule.id: digest_rule(rule) for rule in load_rule_pack(config).rules}
    settings = WorkerSettings(config, Clones(place + ".clones"), digest_rules(rules), identify_key(load_project_key()))
    before, own, began = measure_processor_time(), time.process_time(), time.perf_counter()
    with open_state(place) as state:
        executor = LocalExecutor(settings, jobs, 0)
        summary = sweep(list_repositories(specs), state, SweepOptions(settings), executor, rules)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    own = time.process_time() - own
    return summary, Cost(time.perf_counter() - began, measure_processor_time() - before, own, peak)


def measure_processor_time() -> float:
    """Return the processor seconds of this process and its ended children."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def print_row(name: str, summary: SweepSummary, cost: Cost) -> None:
    """Print one row."""
    number = summary.repositories
    row = (
        f"{name:28} {number:5} repositories  {cost.wall:7.2f} s  {1000 * cost.wall / number:7.1f} ms each"
        f"  cpu {cost.cpu:7.2f} s, coordinator {cost.own:6.2f} s  {cost.peak:4.0f} MB"
        f"  swept {summary.swept:4} unchanged {summary.unchanged:4}"
        f" failed {len(summary.failed)}  objects {summary.objects} reread {summary.reread}"
    )
    print(row, flush=True)


def measure_fleet(folder: Path, count: int, jobs: int, alone: bool) -> None:
    """Sweep synthetic repositories three times."""
    place = folder / "fleet"
    began = time.perf_counter()
    repositories = synthetic.make_fleet(place, count)
    print(f"created {count} repositories in {time.perf_counter() - began:.1f} s")
    database = str(folder / "sweep.db")
    print_row("first", *run_sweep([str(place)], database, jobs))
    print_row("second, nothing changed", *run_sweep([str(place)], database, jobs))
    stream = synthetic.ImportStream(77)
    for number in range(20):
        onto = "" if number else "refs/heads/main^0"
        stream.commit("main", {f"new/{number}.txt": stream.make_text(3)}, f"New {number}", onto=onto)
    stream.write_to(repositories[1])
    print_row("third, after 20 commits", *run_sweep([str(place)], database, jobs))
    if alone:
        print("findings equal to separate scans:", has_equal_findings(database, repositories))


def has_equal_findings(database: str, repositories: Sequence[Path]) -> bool:
    """Return whether the findings in the state equal those of a scan of each repository."""
    from tests.detector.fleet.sweep_runner import SweepRunner

    runner = SweepRunner(repositories[0].parent, database)
    return runner.read_findings() == runner.scan_separately()


def measure_growth(folder: Path, counts: Sequence[int], jobs: int) -> None:
    """Sweep fleets of several sizes."""
    for count in counts:
        synthetic.make_fleet(folder / f"fleet-{count}", count)
        database = str(folder / f"sweep-{count}.db")
        print_row("first", *run_sweep([str(folder / f"fleet-{count}")], database, jobs))
        print_row("second, nothing changed", *run_sweep([str(folder / f"fleet-{count}")], database, jobs))
        print(f"{'':28} state {os.path.getsize(database) / 1e6:.1f} MB")


def measure_real(folder: Path, repositories: Sequence[str], jobs: int) -> None:
    """Sweep given repositories and print the time of each."""
    database = str(folder / "sweep.db")
    summary, cost = run_sweep(repositories, database, jobs)
    with open_state(database) as state:
        rows = sorted(state.list_repositories().values(), key=lambda row: -row.seconds)
        for row in rows:
            found = [1 for _, _, name in summary.events if name == row.name]
            print(f"{row.name:45} {row.seconds:8.2f} s of work  {row.objects:8} objects  {len(found):5} findings")
    print_row("first", summary, cost)
    print_row("second, nothing changed", *run_sweep(repositories, database, jobs))


def main() -> None:
    """Run the chosen measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurement", choices=("fleet", "growth", "real"))
    parser.add_argument("arguments", nargs="*", metavar="NUMBER|REPOSITORY")
    parser.add_argument("-n", type=int, default=200, metavar="COUNT", help="number of synthetic repositories")
    parser.add_argument("--jobs", type=int, default=2, help="processes of a sweep")
    parser.add_argument("--alone", action="store_true", help="compare the findings with separate scans")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leakfirst-runner-") as name:
        if args.measurement == "fleet":
            measure_fleet(Path(name), args.n, args.jobs, args.alone)
        elif args.measurement == "growth":
            measure_growth(Path(name), [int(text) for text in args.arguments] or [10, 100, 1000], args.jobs)
        elif not args.arguments:
            sys.exit("at least one repository is required")
        else:
            measure_real(Path(name), args.arguments, args.jobs)


if __name__ == "__main__":
    main()
