"""Measure the cost of the rules on real content, and list the most expensive rules.

Reads the blobs of a bare repository (or the files of a folder), runs the first pass over them as the scanner does, and
prints its speed per second of CPU time and the number of anchor matches. Then prints for each rule how often its
anchors match, the cost of its expression in the second pass, and the number of its matches.

    python -m benchmarks.rules redis.git rails.git --megabytes 200 --top 30
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator

from detector.engine.anchors import build_automaton
from detector.engine.confirm import find_matches, merge_windows
from detector.engine.engine import GENERIC, SEPARATOR
from detector.rules import pack as packs
from detector.rules.loader import load_files

MB = 1e6
BATCH_BYTES = 1 << 20


def read_contents(target: str, limit: int) -> Iterator[bytes]:
    """Yield the blobs of a bare repository, or the files below a folder, up to *limit* bytes in total."""
    source = _read_blobs(target) if os.path.exists(os.path.join(target, "HEAD")) else _read_files(target)
    for data in source:
        if data:
            yield data
            limit -= len(data)
            if limit <= 0:
                return


def _read_blobs(repository: str) -> Iterator[bytes]:
    command = ["git", "-C", repository, "cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as git:
        assert git.stdout
        while header := git.stdout.readline().split():
            data = git.stdout.read(int(header[2]) + 1)[:-1]
            if header[1] == b"blob":
                yield data
        git.kill()


def _read_files(folder: str) -> Iterator[bytes]:
    for root, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    yield file.read(50_000_000)


def join_contents(contents: Iterator[bytes]) -> Iterator[bytes]:
    """Join small contents into batches, as the scanner does."""
    joined: list[bytes] = []
    size = 0
    for data in contents:
        joined.append(data)
        size += len(data)
        if size >= BATCH_BYTES:
            yield SEPARATOR.join(joined)
            joined, size = [], 0
    if joined:
        yield SEPARATOR.join(joined)


def main() -> None:
    """Print the tables for each target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="a bare repository or a folder")
    parser.add_argument("--megabytes", type=int, default=200, help="how much content to read from each target")
    parser.add_argument("--top", type=int, default=25, help="number of rules to list")
    parser.add_argument("--alone", action="store_true", help="also measure the anchors of each rule alone")
    chosen = parser.parse_args()

    started = time.process_time()
    rules = load_files(packs.list_rule_files(packs.shipped_folder()))
    pack = packs.compile_pack(rules)
    spent = time.process_time() - started
    print(f"{len(rules)} rules, {len(pack.anchors)} anchors, compiled in {spent:.1f} s ({pack.engine})")
    for target in chosen.targets:
        contents = list(join_contents(read_contents(target, chosen.megabytes * 10**6)))
        print(f"\n{target}: {sum(map(len, contents)) / MB:.0f} MB")
        print_total_cost(pack, contents)
        print_cost_per_rule(pack, contents, chosen.top)
        if chosen.alone:
            print_slowest_anchors(pack, contents[0], chosen.top)


def print_total_cost(pack: packs.Pack, contents: list[bytes]) -> None:
    """Print the cost of the rules: the anchors of known formats, the first pass, and both passes."""
    engine = packs.build_engine(pack)
    formats = [
        anchor for anchor, used in zip(pack.anchors, pack.anchor_rules, strict=True) if tuple(used) != (GENERIC,)
    ]
    size = sum(map(len, contents))
    for name, automaton in (
        ("known formats only", build_automaton(formats, pack.engine)),
        ("pass 1", packs.take_automaton(pack)),
    ):
        spent = min(measure(automaton.scan, contents) for _ in range(3))
        anchor_matches = sum(len(automaton.scan(data)) for data in contents)
        print(f"{name}: {size / spent / 1e9:.2f} GB/s, {anchor_matches / size * MB:.1f} anchor matches per MB")
    print(f"both passes: {size / measure(engine.scan, contents) / 1e9:.2f} GB/s")


def print_cost_per_rule(pack: packs.Pack, contents: list[bytes], top: int) -> None:
    """Print for the most expensive rules how often their anchors match, their cost, and their matches."""
    automaton = packs.take_automaton(pack)
    anchor_matches: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for data in contents:
        windows: dict[int, list[tuple[int, int]]] = {}
        for anchor, end in automaton.scan(data):
            if anchor < len(pack.anchor_rules):  # the others are markers of decoders
                for index in pack.anchor_rules[anchor]:
                    windows.setdefault(index, []).append((end - 64, end))
        windows.pop(GENERIC, None)
        for index, spans in windows.items():
            rule = pack.rules[index]
            anchor_matches[rule.id] += len(spans)
            before = time.process_time()
            merged = merge_windows(sorted(spans), *rule.window, len(data))
            found[rule.id] += sum(1 for start, end in merged for _ in find_matches(rule, data, start, end))
            spent[rule.id] += time.process_time() - before
    size = sum(map(len, contents))
    print(f"{'rule':46} {'anchors/MB':>10} {'us/MB':>8} {'matches':>8}")
    for name in sorted(anchor_matches, key=lambda name: (-spent[name], name))[:top]:
        print(
            f"{name:46} {anchor_matches[name] / size * MB:10.2f} {spent[name] * 1e6 / size * MB:8.1f} {found[name]:8}"
        )


def print_slowest_anchors(pack: packs.Pack, sample: bytes, top: int) -> None:
    """Print the rules whose anchors are the slowest when searched alone."""
    slow = []
    for rule in pack.rules:
        automaton = packs.take_automaton(packs.compile_pack([rule]))
        slow.append((min(measure(automaton.scan, [sample]) for _ in range(3)), rule.id))
    print("\nslowest anchors when searched alone (GB/s)")
    for spent, name in sorted(slow, reverse=True)[:top]:
        print(f"{name:46} {len(sample) / max(spent, 1e-9) / 1e9:9.2f}")


def measure(scan: Callable[[bytes], object], contents: list[bytes]) -> float:
    """Return the CPU time of scanning *contents*, in seconds."""
    started = time.process_time()
    for data in contents:
        scan(data)
    return time.process_time() - started


if __name__ == "__main__":
    main()
