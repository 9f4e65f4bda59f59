"""Measure precision and recall of leakfirst, detect-secrets and kingfisher on labelled files, in one run.

    python -m benchmarks.scoring FOLDER [--part held-back|fitted|all] [--tools leakfirst,detect-secrets,kingfisher]
                                 [--categories] [--false N] [--missed N]

FOLDER contains `files/` and `labels.jsonl` (training/recipe.md). Every tool scans the same files, without verification
and without history, and reports its default confidence. training/labelled.py describes how findings are counted; the
*strict* columns count findings on lines without a label as false. `--false` and `--missed` list files and lines of
leakfirst, never a value.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from detector.engine.lines import LineMap
from detector.model import CONFIDENCES
from leakfirst import Engine
from training.labelled import Found, Labelled, Score, is_held_back


def scan_with_leakfirst(labelled: Labelled, part: set[str], least: str = "medium") -> list[Found]:
    """Scan with all shipped rules and keep findings of at least the confidence *least*."""
    engine = Engine()
    found = []
    for file in labelled.list_files():
        if labelled.get_repository(file) not in part:
            continue
        data = labelled.read(file)
        hits = engine.scan(data, file.split("/", 1)[1])
        lines = LineMap(data)
        for hit in hits:
            if CONFIDENCES.index(hit.confidence) >= CONFIDENCES.index(least):
                first, last = lines.locate(hit.start)[0], lines.locate(max(hit.start, hit.end - 1))[0]
                found.append(Found(file, first, last, hit.rule.id))
    return found


def scan_with_detect_secrets(labelled: Labelled, part: set[str]) -> list[Found]:
    """Run detect-secrets with its default plugins."""
    command = [find_program("detect-secrets"), "scan", "--all-files", "--no-verify", "."]
    with copy_files(labelled, part) as root:
        done = subprocess.run(command, cwd=root, check=True, capture_output=True)
    return [
        Found(os.path.normpath(path), one["line_number"], one["line_number"], one["type"])
        for path, listed in json.loads(done.stdout)["results"].items()
        for one in listed
    ]


def scan_with_kingfisher(labelled: Labelled, part: set[str]) -> list[Found]:
    """Run kingfisher with its built-in rules, offline."""
    with copy_files(labelled, part) as root, tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "found.json")
        command = [
            find_program("kingfisher"), "scan", ".", "--no-validate", "--no-update-check", "--git-history", "none",
            "--no-dedup", "--jobs", "1", "--format", "json", "--output", out,
        ]  # fmt: skip
        subprocess.run(command, cwd=root, capture_output=True)
        with open(out, encoding="utf-8") as file:
            rows = json.load(file).get("findings", [])
    found = []
    for row in rows:
        where = row["finding"]
        last = where["line"] + where["snippet"].count("\n")
        found.append(Found(os.path.normpath(where["path"]), where["line"], last, row["rule"]["id"]))
    return found


@contextmanager
def copy_files(labelled: Labelled, part: set[str]) -> Iterator[str]:
    """Copy the files of the repositories in *part* to a temporary folder, for programs that scan a folder."""
    with tempfile.TemporaryDirectory() as root:
        for folder, name in labelled.repository.items():
            if name in part:
                shutil.copytree(os.path.join(labelled.root, folder), os.path.join(root, folder))
        yield root


def find_program(name: str) -> str:
    """Return the program *name* from the folder of this interpreter, else the name for PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    return beside if os.path.exists(beside) else name


TOOLS: dict[str, Callable[[Labelled, set[str]], list[Found]]] = {
    "leakfirst": scan_with_leakfirst,
    "leakfirst-high": lambda labelled, part: scan_with_leakfirst(labelled, part, "high"),
    "leakfirst-low": lambda labelled, part: scan_with_leakfirst(labelled, part, "low"),
    "detect-secrets": scan_with_detect_secrets,
    "kingfisher": scan_with_kingfisher,
}


def format_row(name: str, score: Score) -> str:
    """Return one row of the comparison."""
    counts = f"{len(score.hits):5} {len(score.false):5} {len(score.missed):6} {len(score.unlabelled):6}"
    plain = f"{score.precision:.3f}  {score.recall:.3f}  {score.f1:.3f}"
    return f"{name:16} {counts}   {plain}   {score.strict_precision:.3f}  {score.strict_f1:.3f}"


def print_categories(labelled: Labelled, scores: dict[str, Score], repositories: set[str]) -> None:
    """Print precision, recall and F1 of every tool by category of the labels."""
    members: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
    for key, rows in labelled.groups.items():
        if rows[0]["repo"] in repositories:
            for row in rows:
                if row["truth"] == "T" or not labelled.is_true(key):
                    for category in row["cats"]:
                        members[category].add(key)
    print("\n" + " " * 42 + "".join(f"{name:^22}" for name in scores))
    print(f"{'category':30} {'true':>5} {'':5}" + "     P      R     F1   " * len(scores))
    for category, keys in sorted(members.items(), key=lambda item: -sum(map(labelled.is_credential, item[1]))):
        true = sum(map(labelled.is_credential, keys))
        if not true:
            continue
        cells = ""
        for score in scores.values():
            part = Score(score.hits & keys, score.false & keys, score.missed & keys, set())
            cells += f"  {part.precision:.2f}   {part.recall:.2f}   {part.f1:.2f}  "
        print(f"{category:30} {true:5} {'':5}{cells}")


def main() -> None:
    """Print the table for each tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--part", choices=("held-back", "fitted", "all"), default="held-back")
    parser.add_argument(
        "--tools", default="leakfirst,detect-secrets,kingfisher", help="also: leakfirst-high, leakfirst-low"
    )
    parser.add_argument("--categories", action="store_true", help="print figures by category of the labels")
    parser.add_argument("--false", type=int, default=0, metavar="N", help="list N false findings of leakfirst")
    parser.add_argument("--missed", type=int, default=0, metavar="N", help="list N missed credentials")
    options = parser.parse_args()
    labelled = Labelled(options.folder)
    part = {
        name
        for name in labelled.repository.values()
        if options.part == "all" or is_held_back(name) == (options.part == "held-back")
    }
    chosen = [name for name in TOOLS if name in options.tools.split(",")]
    print(f"{options.part}: {len(part)} repositories; labels of mere identifiers are not counted")
    print(f"{'':16}  true false missed  extra   P      R      F1      strict P  F1    seconds")
    scores: dict[str, Score] = {}
    for name in chosen:
        began = time.perf_counter()
        scores[name] = labelled.score(TOOLS[name](labelled, part), part)
        print(format_row(name, scores[name]) + f"  {time.perf_counter() - began:7.1f}", flush=True)
    if options.categories:
        print_categories(labelled, scores, part)
    for title in ("false", "missed"):
        count = getattr(options, title)
        keys = getattr(scores["leakfirst"], title) if count else set()
        for file, first, _ in random.Random(1).sample(sorted(keys), min(count, len(keys))):
            print(title, f"{file}:{first}")


if __name__ == "__main__":
    main()
