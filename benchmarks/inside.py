"""Measure the search inside encodings and containers: what is found there, and what it costs.

    python benchmarks/inside.py places            a table of all planted places, found by leakfirst and kingfisher
    python benchmarks/inside.py map               a source map of 60 MB with 1,900 sources and 40 tokens
    python benchmarks/inside.py packages FILE…    packages: time, MB unpacked, findings, skipped members
    python benchmarks/inside.py cost PATH…        the time with and without it, of a working tree or a file

kingfisher can be installed from PyPI (`pip install kingfisher-bin`); without it only leakfirst is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from detector.config import Config
from detector.containers import kinds
from detector.contracts import TargetNote
from detector.engine.anchors import build_automaton
from detector.engine.engine import Engine
from detector.git.history import NoState
from detector.model import Skipped
from detector.rules import pack as packs
from detector.rules.shapes import expand
from detector.scan import pipeline, targets, worker
from tests.fakes.hidden import Place, encoded, source_map, stored

SHAPE = "ghp_{alnum:30}{check:github-crc32}"


def make_token(seed: int) -> str:
    return expand(SHAPE, seed)


def plant_all() -> list[tuple[Place, str]]:
    """Return every place with its own token."""
    rows = []
    for make in (encoded, stored):
        for index in range(len(make("ghp_"))):
            value = make_token(len(rows))
            rows.append((make(value)[index], value))
    return rows


def print_places() -> None:
    """Print in which places each tool finds the token, in a working tree and in a history."""
    rows = plant_all()
    with tempfile.TemporaryDirectory() as folder:
        tree = os.path.join(folder, "tree")
        os.mkdir(tree)
        for place, _ in rows:
            with open(os.path.join(tree, place.path), "wb") as file:
                file.write(place.content)
        git = ["git", "-C", tree, "-c", "user.name=A", "-c", "user.email=a@example.test", "-c", "core.autocrlf=false"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
            subprocess.run([*git, *command], check=True)
        bare = os.path.join(folder, "bare.git")
        subprocess.run(["git", "clone", "-q", "--bare", tree, bare], check=True)
        own = [
            scan_with_leakfirst(Config(targets=(tree,), history=False)),
            scan_with_leakfirst(Config(targets=(bare,), worktree=False)),
        ]
        others = [scan_with_kingfisher(tree, folder, "none"), scan_with_kingfisher(bare, folder, "full")]
    print("| place | leakfirst tree | leakfirst history | kingfisher tree | kingfisher history |")
    print("|---|---|---|---|---|")
    for place, value in rows:
        marks = ["yes" if value in found else "no" for found in (*own, *others)]
        print(f"| {place.name} | {' | '.join(marks)} |")
    counts = [sum(value in found for _, value in rows) for found in (*own, *others)]
    print(f"| **of {len(rows)}** | {' | '.join(map(str, counts))} |")


def scan_with_leakfirst(config: Config) -> set[str]:
    return {finding.secret.reveal().decode("latin-1") for finding in pipeline.scan(config).findings}


def scan_with_kingfisher(target: str, folder: str, history: str) -> set[str]:
    """Return the tokens that kingfisher reports for *target*."""
    program = shutil.which("kingfisher") or os.path.join(os.path.dirname(sys.executable), "kingfisher")
    if not os.path.exists(program):
        return set()
    out = os.path.join(folder, "kingfisher.json")
    options = ["--no-validate", "--git-history", history, "--no-update-check", "--format", "json", "--output", out]
    subprocess.run([program, "scan", *options, target], capture_output=True, check=False)
    with open(out, encoding="utf-8") as file:
        text = file.read()
    return {value for _, value in plant_all() if value in text}


def measure_source_map() -> None:
    """Scan a generated source map in a new process and compare the findings with the planted tokens."""
    rng = random.Random(1)
    words = ["const", "function", "return", "value", "await", "import", "=>", "{", "}", "(x)", "// why", "export"]
    sources, expected = {}, set()
    chosen = set(rng.sample(range(1900), 40))
    for number in range(1900):
        lines = [" ".join(rng.choices(words, k=rng.randint(4, 22))) for _ in range(460)]
        name = f"../src/part{number % 50}/file{number}.ts"
        if number in chosen:
            line = rng.randrange(len(lines))
            lines[line] = f'const key = "{make_token(number)}";'
            expected.add((name, line + 1))
        sources[name] = "\n".join(lines) + "\n"
    content = source_map(sources)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cli.js.map")
        with open(path, "wb") as file:
            file.write(content + b" " * max(0, 60_000_000 - len(content)))
        command = [sys.executable, "-m", "detector", "scan", "--jobs", "1", "--format", "json", path]
        for _ in range(2):  # the first run compiles the rules
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - began
    report = json.loads(done.stdout)
    found = {(at["path"].split("!")[1], at["line"]) for f in report["findings"] for at in f["locations"]}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    verdict = "all tokens found" if found == expected else "WRONG"
    print(f"{len(content) / 1e6:.1f} MB, {seconds:.2f} s, peak {peak:.0f} MB (rules compiled included): {verdict}")


def measure_packages(paths: Sequence[str]) -> None:
    """Scan each package alone and print time, findings and skipped members."""
    unpacked = seconds = packed = 0.0
    for path in paths:
        began = time.perf_counter()
        result = pipeline.scan(Config(targets=(path,), jobs=1))
        spent = time.perf_counter() - began
        size = os.path.getsize(path) / 1e6
        inner = max(result.stats.bytes / 1e6 - size, 0)
        found = sorted({finding.rule.id for finding in result.findings})
        skipped = [skip.reason for skip in result.skipped]
        print(f"{os.path.basename(path)[:50]:50} {size:7.1f} {unpacked:8.1f} MB {spent:6.2f} s {found} {skipped[:2]}")
        packed, unpacked, seconds = packed + size, unpacked + inner, seconds + spent
    print(f"{len(paths)} packages, {packed:.0f} MB, unpacked {unpacked:.0f} MB, {seconds:.1f} s", end=", ")
    print(f"{seconds / packed * 1000:.0f} ms per MB packed, {seconds / unpacked * 1000:.0f} ms per MB unpacked")


def measure_cost(paths: Sequence[str], runs: int = 5) -> None:
    """Measure the CPU time of the engine with and without decoders, alternating, on files and working trees."""
    pack = packs.load_pack()
    plain = build_automaton(pack.anchors, pack.engine)
    engines = {
        "without": Engine(pack.rules, pack.anchors, pack.anchor_rules, plain, pack.lengths),
        "with": packs.build_engine(pack),
    }
    sizes = f"{len(plain.dump())} bytes without, {len(packs.take_automaton(pack).dump())} with"
    print(f"{len(pack.anchors)} anchors, {len(pack.marks) // 2} markers: {sizes}")
    for path in filter(os.path.isdir, paths):
        _measure_scan(path, engines, runs)
    for path in filter(os.path.isfile, paths):
        with open(path, "rb") as file:
            data = file.read(64 << 20)
        chunks = [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)]
        for what in ("first pass", "examine"):
            times: dict[str, list[float]] = {name: [] for name in engines}
            for _ in range(runs):
                for name, engine in engines.items():
                    call = engine._automaton.scan if what == "first pass" else engine.examine
                    began = time.process_time()
                    for chunk in chunks:
                        call(chunk)
                    times[name].append(time.process_time() - began)
            ratio = statistics.median(b / a for a, b in zip(times["without"], times["with"], strict=True))
            speed = len(data) / statistics.median(times["with"]) / 1e9
            print(f"{os.path.basename(path):24} {what:10} {speed:.2f} GB/s with, {ratio:.2f} × the time without")


def _measure_scan(folder: str, engines: dict[str, Engine], runs: int) -> None:
    """Measure the CPU time of a worker on a working tree; containers are unpacked only in the run "with"."""
    items = targets.split_target(folder, Config(history=False), NoState())
    shares = [item for item in items if not isinstance(item, (Skipped, TargetNote))]
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(runs):
        for name, engine in engines.items():
            worker.detect_container = kinds.detect_container if name == "with" else lambda _blob: ""
            began = time.process_time()
            for share in shares:
                for _message in worker.examine_share(share, engine):
                    pass
            times[name].append(time.process_time() - began)
    worker.detect_container = kinds.detect_container
    ratio = statistics.median(b / a for a, b in zip(times["without"], times["with"], strict=True))
    print(f"{folder[-24:]:24} scan       {statistics.median(times['with']):.2f} s with, {ratio:.2f} × the time without")


def main() -> None:
    """Run the chosen measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurement", choices=("places", "map", "packages", "cost"))
    parser.add_argument("paths", nargs="*", metavar="PATH")
    args = parser.parse_args()
    if args.measurement == "places":
        print_places()
    elif args.measurement == "map":
        measure_source_map()
    elif args.measurement == "packages":
        measure_packages(args.paths)
    else:
        measure_cost(args.paths)


if __name__ == "__main__":
    main()
