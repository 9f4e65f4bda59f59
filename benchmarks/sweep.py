"""What a sweep costs: the first, one without changes, one after twenty commits; ten repositories, and a thousand.

    python -m benchmarks.sweep fleet [-n 200] [--alone]     a made fleet: forks, shared history, planted credentials
    python -m benchmarks.sweep growth 10 100 1000           how cost grows with the number of repositories
    python -m benchmarks.sweep real REPOSITORY ...          the time of each, and of a second sweep

Processor time is that of all processes together, which other work on the machine disturbs least. With `--alone`
every repository is also scanned by itself and the findings are compared.
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
from tests.detector.fleet import making


class Cost(NamedTuple):
    """Seconds of wall clock, of all processors, and of those the coordinator's; MB of the coordinator at most."""

    wall: float
    cpu: float
    own: float
    peak: float


def swept(specs: Sequence[str], place: str, jobs: int) -> tuple[SweepSummary, Cost]:
    """Sweep once."""
    config = Config(worktree=False)
    rules = {rule.id: digest_rule(rule) for rule in load_rule_pack(config).rules}
    settings = WorkerSettings(config, Clones(place + ".clones"), digest_rules(rules), identify_key(load_project_key()))
    before, own, began = processors(), time.process_time(), time.perf_counter()
    with open_state(place) as state:
        executor = LocalExecutor(settings, jobs, 0)
        summary = sweep(list_repositories(specs), state, SweepOptions(settings), executor, rules)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    own = time.process_time() - own
    return summary, Cost(time.perf_counter() - began, processors() - before, own, peak)


def processors() -> float:
    """Return the processor seconds of this process and its ended children."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def told(name: str, summary: SweepSummary, cost: Cost) -> None:
    """Print one row."""
    number = summary.repositories
    row = (
        f"{name:28} {number:5} repositories  {cost.wall:7.2f} s  {1000 * cost.wall / number:7.1f} ms each"
        f"  cpu {cost.cpu:7.2f} s, of the coordinator {cost.own:6.2f} s  {cost.peak:4.0f} MB"
        f"  swept {summary.swept:4} unchanged {summary.unchanged:4}"
        f" failed {len(summary.failed)}  objects {summary.objects} again {summary.reread}"
    )
    print(row, flush=True)


def fleet(folder: Path, count: int, jobs: int, alone: bool) -> None:
    """Three sweeps over a made fleet."""
    place = folder / "fleet"
    began = time.perf_counter()
    made = making.fleet(place, count)
    print(f"made {count} repositories in {time.perf_counter() - began:.1f} s")
    database = str(folder / "sweep.db")
    told("first", *swept([str(place)], database, jobs))
    told("second, nothing changed", *swept([str(place)], database, jobs))
    stream = making.Stream(77)
    for number in range(20):
        onto = "" if number else "refs/heads/main^0"
        stream.commit("main", {f"new/{number}.txt": stream.text(3)}, f"New {number}", onto=onto)
    stream.into(made[1])
    told("third, after 20 commits", *swept([str(place)], database, jobs))
    if alone:
        print("findings equal to scanning each alone:", equal(database, made))


def equal(database: str, made: Sequence[Path]) -> bool:
    """Compare what the state says with a scan of each repository."""
    from tests.detector.fleet.test_sweep import Bench

    bench = Bench(made[0].parent, database)
    return bench.told() == bench.alone()


def growth(folder: Path, counts: Sequence[int], jobs: int) -> None:
    """How cost grows."""
    for count in counts:
        making.fleet(folder / f"fleet-{count}", count)
        database = str(folder / f"sweep-{count}.db")
        told("first", *swept([str(folder / f"fleet-{count}")], database, jobs))
        told("second, nothing changed", *swept([str(folder / f"fleet-{count}")], database, jobs))
        print(f"{'':28} state {os.path.getsize(database) / 1e6:.1f} MB")


def real(folder: Path, repositories: Sequence[str], jobs: int) -> None:
    """Repositories that are there, with the time of each."""
    database = str(folder / "sweep.db")
    summary, cost = swept(repositories, database, jobs)
    with open_state(database) as state:
        rows = sorted(state.list_repositories().values(), key=lambda row: -row.seconds)
        for row in rows:
            found = [1 for _, _, name in summary.events if name == row.name]
            print(f"{row.name:45} {row.seconds:8.2f} s of work  {row.objects:8} objects  {len(found):5} findings")
    told("first", summary, cost)
    told("second, nothing changed", *swept(repositories, database, jobs))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fleet", "growth", "real"))
    parser.add_argument("words", nargs="*")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--alone", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leakfirst-bench-") as name:
        if args.what == "fleet":
            fleet(Path(name), args.n, args.jobs, args.alone)
        elif args.what == "growth":
            growth(Path(name), [int(word) for word in args.words] or [10, 100, 1000], args.jobs)
        elif not args.words:
            sys.exit("name some repositories")
        else:
            real(Path(name), args.words, args.jobs)


if __name__ == "__main__":
    main()
