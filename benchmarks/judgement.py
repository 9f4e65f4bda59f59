"""Precision and recall on labelled files, beside detect-secrets and kingfisher in the same run.

    python -m benchmarks.judgement FOLDER [--part held-back|fitted|all] [--tools ours,detect-secrets,kingfisher]
                                   [--categories] [--false N] [--missed N]

FOLDER holds `files/` and `labels.jsonl` (training/recipe.md). Every tool sees the same files, without verification
and without history, with the confidence it reports by default. How findings are counted is said in
training/labelled.py; *strict* takes findings on lines without a label as false. `--false` and `--missed` list places
(file and line, never a value) of ours to look at.
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
from training.labelled import Found, Labelled, Score, held_back


def ours(labelled: Labelled, part: set[str], least: str = "medium") -> list[Found]:
    """Scan with all shipped rules and keep what reaches the grade *least*."""
    engine = Engine()
    found = []
    for file in labelled.files():
        if labelled.repository_of(file) not in part:
            continue
        data = labelled.read(file)
        hits = engine.scan(data, file.split("/", 1)[1])
        lines = LineMap(data)
        for hit in hits:
            if CONFIDENCES.index(hit.confidence) >= CONFIDENCES.index(least):
                first, last = lines.locate(hit.start)[0], lines.locate(max(hit.start, hit.end - 1))[0]
                found.append(Found(file, first, last, hit.rule.id))
    return found


def detect_secrets(labelled: Labelled, part: set[str]) -> list[Found]:
    """Run detect-secrets with its default plugins."""
    command = [tool("detect-secrets"), "scan", "--all-files", "--no-verify", "."]
    with files_of(labelled, part) as root:
        done = subprocess.run(command, cwd=root, check=True, capture_output=True)
    return [
        Found(os.path.normpath(path), one["line_number"], one["line_number"], one["type"])
        for path, listed in json.loads(done.stdout)["results"].items()
        for one in listed
    ]


def kingfisher(labelled: Labelled, part: set[str]) -> list[Found]:
    """Run kingfisher with its built-in rules, offline."""
    with files_of(labelled, part) as root, tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "found.json")
        command = [
            tool("kingfisher"), "scan", ".", "--no-validate", "--no-update-check", "--git-history", "none",
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
def files_of(labelled: Labelled, part: set[str]) -> Iterator[str]:
    """Give a folder with the files of the repositories in *part* alone, for programs that scan a folder."""
    with tempfile.TemporaryDirectory() as root:
        for folder, name in labelled.repository.items():
            if name in part:
                shutil.copytree(os.path.join(labelled.root, folder), os.path.join(root, folder))
        yield root


def tool(name: str) -> str:
    """Return the program *name* beside this interpreter, else as PATH knows it."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    return beside if os.path.exists(beside) else name


TOOLS: dict[str, Callable[[Labelled, set[str]], list[Found]]] = {
    "ours": ours,
    "ours-high": lambda labelled, part: ours(labelled, part, "high"),
    "ours-low": lambda labelled, part: ours(labelled, part, "low"),
    "detect-secrets": detect_secrets,
    "kingfisher": kingfisher,
}


def line(name: str, score: Score) -> str:
    """Return one row of the comparison."""
    counts = f"{len(score.hits):5} {len(score.false):5} {len(score.missed):6} {len(score.strays):6}"
    plain = f"{score.precision:.3f}  {score.recall:.3f}  {score.f1:.3f}"
    return f"{name:16} {counts}   {plain}   {score.strict_precision:.3f}  {score.strict_f1:.3f}"


def categories(labelled: Labelled, scores: dict[str, Score], repositories: set[str]) -> None:
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
    for category, keys in sorted(members.items(), key=lambda item: -sum(map(labelled.is_core, item[1]))):
        true = sum(map(labelled.is_core, keys))
        if not true:
            continue
        cells = ""
        for score in scores.values():
            part = Score(score.hits & keys, score.false & keys, score.missed & keys, set())
            cells += f"  {part.precision:.2f}   {part.recall:.2f}   {part.f1:.2f}  "
        print(f"{category:30} {true:5} {'':5}{cells}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--part", choices=("held-back", "fitted", "all"), default="held-back")
    parser.add_argument("--tools", default="ours,detect-secrets,kingfisher", help="also: ours-high, ours-low")
    parser.add_argument("--categories", action="store_true")
    parser.add_argument("--false", type=int, default=0, metavar="N")
    parser.add_argument("--missed", type=int, default=0, metavar="N")
    options = parser.parse_args()
    labelled = Labelled(options.folder)
    part = {
        name
        for name in labelled.repository.values()
        if options.part == "all" or held_back(name) == (options.part == "held-back")
    }
    chosen = [name for name in TOOLS if name in options.tools.split(",")]
    print(f"{options.part}: {len(part)} repositories; identifiers left out")
    print(f"{'':16}  true false missed  stray   P      R      F1      strict P  F1    seconds")
    scores: dict[str, Score] = {}
    for name in chosen:
        began = time.perf_counter()
        scores[name] = labelled.score(TOOLS[name](labelled, part), part)
        print(line(name, scores[name]) + f"  {time.perf_counter() - began:7.1f}", flush=True)
    if options.categories:
        categories(labelled, scores, part)
    for title in ("false", "missed"):
        count = getattr(options, title)
        keys = getattr(scores["ours"], title) if count else set()
        for file, first, _ in random.Random(1).sample(sorted(keys), min(count, len(keys))):
            print(title, f"{file}:{first}")


if __name__ == "__main__":
    main()
