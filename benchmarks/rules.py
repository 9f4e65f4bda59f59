"""What the rule set costs on real content, and which rules cost most.

Reads blobs of a bare repository (or files below a folder), runs pass 1 over them as the
scanner does, and prints its speed (per second of processor time) and how often it stops; then, for each rule, how often
its anchors occur, what its expression costs in the second pass, and what it found.

    python benchmarks/rules.py redis.git rails.git --megabytes 200 --top 30
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

from detector.engine.confirm import matches, windows
from detector.engine.engine import SEPARATOR
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--megabytes", type=int, default=200, help="content to read from each target")
    parser.add_argument("--top", type=int, default=25, help="rules to list")
    parser.add_argument("--alone", action="store_true", help="also time the anchors of each rule by themselves")
    chosen = parser.parse_args()

    started = time.process_time()
    rules = load_files(packs.rule_files(packs.shipped_folder()))
    pack = packs.make(rules)
    engine = packs.engine_of(pack)
    automaton = packs.automaton_of(pack)
    print(f"{len(rules)} rules, {len(pack.anchors)} anchors, compiled in {time.process_time() - started:.1f} s ({pack.engine})")
    for target in chosen.targets:
        contents = list(batches(blobs(target, chosen.megabytes * 10**6)))
        size = sum(map(len, contents))
        print(f"\n{target}: {size / MB:.0f} MB")
        automaton.scan(contents[0])
        best = min(_timed(lambda: [automaton.scan(data) for data in contents]) for _ in range(3))
        whole = _timed(lambda: [engine.scan(data) for data in contents])
        stops: Counter[int] = Counter()
        spent: Counter[str] = Counter()
        found: Counter[str] = Counter()
        for data in contents:
            places: dict[int, list[tuple[int, int]]] = {}
            for anchor, end in automaton.scan(data):
                stops[anchor] += 1
                for index in pack.users[anchor]:
                    places.setdefault(index, []).append((end - 256, end))
            for index, at in places.items():
                rule = rules[index]
                before = time.process_time()
                found[rule.id] += sum(
                    len(list(matches(rule, data, start, end)))
                    for start, end in windows(sorted(at), *rule.window, len(data))
                )
                spent[rule.id] += time.process_time() - before
        hits = sum(stops.values())
        print(f"pass 1: {size / best / 1e9:.2f} GB/s, {hits / size * MB:.1f} stops per MB; everything: {size / whole / 1e9:.2f} GB/s")
        anchors = {anchor: index for index, anchor in enumerate(pack.anchors)}
        per_rule = {rule.id: sum(stops[anchors[anchor]] for anchor in rule.anchors) for rule in rules}
        print(f"{'rule':46} {'stops/MB':>9} {'us/MB':>8} {'matches':>8}")
        costly = sorted(per_rule, key=lambda name: (-spent[name] - per_rule[name] * 1e-6, name))
        for name in costly[: chosen.top]:
            print(f"{name:46} {per_rule[name] / size * MB:9.2f} {spent[name] * 1e6 / size * MB:8.1f} {found[name]:8}")
        if chosen.alone:
            sample = contents[0]
            slow = []
            for rule in rules:
                alone = packs.automaton_of(packs.make([rule]))
                slow.append((min(_timed(lambda alone=alone: alone.scan(sample)) for _ in range(3)), rule.id))
            print("\nslowest anchors by themselves (GB/s)")
            for seconds, name in sorted(slow, reverse=True)[: chosen.top]:
                print(f"{name:46} {len(sample) / seconds / 1e9:9.2f}")


def _timed(work: object) -> float:
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started


if __name__ == "__main__":
    main()
