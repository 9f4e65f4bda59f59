"""What the rule set costs on real content, and which rules cost most.

Reads blobs of a bare repository (or files below a folder), runs pass 1 over them as the
scanner does, and prints its speed (per second of processor time) and how often it stops; then, for each rule, how often
its anchors occur, what its expression costs in the second pass, and what it found.

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
BATCH = 1 << 20


def blobs(target: str, limit: int) -> Iterator[bytes]:
    """Yield the blobs of a bare repository, or the files below a folder, up to *limit* bytes in all."""
    source = _objects(target) if os.path.exists(os.path.join(target, "HEAD")) else _files(target)
    for data in source:
        if data:
            yield data
            limit -= len(data)
            if limit <= 0:
                return


def _objects(repository: str) -> Iterator[bytes]:
    command = ["git", "-C", repository, "cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as git:
        assert git.stdout
        while header := git.stdout.readline().split():
            data = git.stdout.read(int(header[2]) + 1)[:-1]
            if header[1] == b"blob":
                yield data
        git.kill()


def _files(folder: str) -> Iterator[bytes]:
    for at, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    yield file.read(50_000_000)


def batches(contents: Iterator[bytes]) -> Iterator[bytes]:
    """Join small contents, as the scanner does."""
    joined: list[bytes] = []
    size = 0
    for data in contents:
        joined.append(data)
        size += len(data)
        if size >= BATCH:
            yield SEPARATOR.join(joined)
            joined, size = [], 0
    if joined:
        yield SEPARATOR.join(joined)


def main() -> None:
    """Print the tables for each target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--megabytes", type=int, default=200, help="content to read from each target")
    parser.add_argument("--top", type=int, default=25, help="rules to list")
    parser.add_argument("--alone", action="store_true", help="also time the anchors of each rule by themselves")
    chosen = parser.parse_args()

    started = time.process_time()
    rules = load_files(packs.list_rule_files(packs.shipped_folder()))
    pack = packs.compile_pack(rules)
    spent = time.process_time() - started
    print(f"{len(rules)} rules, {len(pack.anchors)} anchors, compiled in {spent:.1f} s ({pack.engine})")
    for target in chosen.targets:
        contents = list(batches(blobs(target, chosen.megabytes * 10**6)))
        print(f"\n{target}: {sum(map(len, contents)) / MB:.0f} MB")
        together(pack, contents)
        each(pack, contents, chosen.top)
        if chosen.alone:
            alone(pack, contents[0], chosen.top)


def together(pack: packs.Pack, contents: list[bytes]) -> None:
    """Print what the set costs, in one run: anchors of formats, all of the first pass, everything."""
    engine = packs.build_engine(pack)
    formats = [
        anchor for anchor, used in zip(pack.anchors, pack.anchor_rules, strict=True) if tuple(used) != (GENERIC,)
    ]
    size = sum(map(len, contents))
    for name, automaton in (
        ("formats alone", build_automaton(formats, pack.engine)),
        ("pass 1", packs.take_automaton(pack)),
    ):
        spent = min(seconds(automaton.scan, contents) for _ in range(3))
        stops = sum(len(automaton.scan(data)) for data in contents)
        print(f"{name}: {size / spent / 1e9:.2f} GB/s, {stops / size * MB:.1f} stops per MB")
    print(f"everything: {size / seconds(engine.scan, contents) / 1e9:.2f} GB/s")


def each(pack: packs.Pack, contents: list[bytes], top: int) -> None:
    """Print, for the costliest rules, how often they stop, what that costs and what they match."""
    automaton = packs.take_automaton(pack)
    stops: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for data in contents:
        places: dict[int, list[tuple[int, int]]] = {}
        for anchor, end in automaton.scan(data):
            if anchor < len(pack.anchor_rules):  # the rest are marks of decoders
                for index in pack.anchor_rules[anchor]:
                    places.setdefault(index, []).append((end - 64, end))
        places.pop(GENERIC, None)
        for index, at in places.items():
            rule = pack.rules[index]
            stops[rule.id] += len(at)
            before = time.process_time()
            spans = merge_windows(sorted(at), *rule.window, len(data))
            found[rule.id] += sum(1 for start, end in spans for _ in find_matches(rule, data, start, end))
            spent[rule.id] += time.process_time() - before
    size = sum(map(len, contents))
    print(f"{'rule':46} {'stops/MB':>9} {'us/MB':>8} {'matches':>8}")
    for name in sorted(stops, key=lambda name: (-spent[name], name))[:top]:
        print(f"{name:46} {stops[name] / size * MB:9.2f} {spent[name] * 1e6 / size * MB:8.1f} {found[name]:8}")


def alone(pack: packs.Pack, sample: bytes, top: int) -> None:
    """Print the rules whose anchors are the slowest when nothing else is looked for."""
    slow = []
    for rule in pack.rules:
        automaton = packs.take_automaton(packs.compile_pack([rule]))
        slow.append((min(seconds(automaton.scan, [sample]) for _ in range(3)), rule.id))
    print("\nslowest anchors by themselves (GB/s)")
    for spent, name in sorted(slow, reverse=True)[:top]:
        print(f"{name:46} {len(sample) / max(spent, 1e-9) / 1e9:9.2f}")


def seconds(scan: Callable[[bytes], object], contents: list[bytes]) -> float:
    """Return the processor time of scanning *contents*."""
    started = time.process_time()
    for data in contents:
        scan(data)
    return time.process_time() - started


if __name__ == "__main__":
    main()
