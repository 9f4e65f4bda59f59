"""Count findings per thousand files of working trees: by rule, severity, confidence and class of place.

    python -m benchmarks.noise CHECKOUT ... [--list]

A credential is one finding, whatever the number of its places, and belongs to the class of its most exposed place. The
row `outside` counts what a reader meets first: findings that are neither in tests, nor in documentation or examples,
nor vendored or generated. kingfisher is run beside it if it is on the PATH (`pip install kingfisher-bin`). `--list`
names each finding by path, line and rule, to be read in the files; no value is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from detector.model import PlaceClass
from detector.text.places import classify_place

ROOT = Path(__file__).parents[1]
OUTSIDE = "outside"
PLACES = (OUTSIDE, *list(PlaceClass)[1:])
"""Classes of place, the most exposed first: source is what stands outside of the others."""


class Found(NamedTuple):
    """One credential: the rule, its severity and confidence, and the class of its most exposed place."""

    rule: str
    severity: str
    confidence: str
    place: str
    where: str


def choose_place(paths: Iterable[str]) -> str:
    """Return the most exposed class among those of *paths*."""
    classes = (OUTSIDE if (one := classify_place(path)) is PlaceClass.SOURCE else one for path in paths)
    return min(classes, key=PLACES.index, default=OUTSIDE)


def count_files(checkout: str) -> int:
    """Return how many regular files *checkout* holds, without those of git."""
    total = 0
    for folder, folders, names in os.walk(checkout):
        folders[:] = [name for name in folders if name != ".git"]
        total += sum(not os.path.islink(os.path.join(folder, name)) for name in names)
    return total


def scan_with_leakfirst(checkout: str) -> list[Found]:
    """Scan the working tree *checkout* with the default settings."""
    command = [sys.executable, "-m", "detector", "scan", "--no-history", "--no-progress", "--format", "json", checkout]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"{checkout}: {done.stderr.strip()}")
    return list(read_leakfirst(json.loads(done.stdout), checkout))


def read_leakfirst(report: dict[str, Any], checkout: str) -> Iterator[Found]:
    """Yield the findings of a JSON *report* of leakfirst on *checkout*."""
    for finding in report["findings"]:
        at = [(make_relative(place["path"], checkout), place.get("line")) for place in finding["locations"]]
        where = ":".join(str(part) for part in at[0] if part) if at else ""
        place = choose_place(path for path, _ in at)
        yield Found(finding["rule"], finding["severity"], finding["confidence"], place, where)


def scan_with_kingfisher(checkout: str) -> list[Found]:
    """Run kingfisher with its built-in rules on the working tree *checkout*, offline."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "found.json")
        command = [
            "kingfisher", "scan", checkout, "--no-validate", "--no-update-check", "--git-history", "none",
            "--format", "json", "--output", out,
        ]  # fmt: skip
        subprocess.run(command, capture_output=True, check=False)
        with open(out, encoding="utf-8") as file:
            return list(read_kingfisher(json.load(file), checkout))


def read_kingfisher(report: dict[str, Any], checkout: str) -> Iterator[Found]:
    """Yield the findings of a JSON *report* of kingfisher on *checkout*; equal snippets of one rule are one."""
    seen: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in report.get("findings", []):
        seen.setdefault((row["rule"]["id"], row["finding"]["snippet"]), []).append(row["finding"])
    for (rule, _), rows in seen.items():
        paths = [make_relative(row["path"], checkout) for row in rows]
        confidence = str(rows[0].get("confidence", ""))
        yield Found(rule, "", confidence, choose_place(paths), f"{paths[0]}:{rows[0]['line']}")


def make_relative(path: str, checkout: str) -> str:
    """Return *path* as the report names it, relative to *checkout*."""
    return os.path.relpath(path, checkout) if os.path.isabs(path) or path.startswith(checkout) else path


def format_row(name: str, number: int, files: int) -> str:
    """Return a row with a count and the count per thousand files."""
    return f"  {name:44} {number:6} {1000 * number / max(files, 1):8.2f}"


def format_summary(tool: str, found: Sequence[Found], files: int) -> str:
    """Return the table of one tool over *files* files."""
    lines = [f"{tool}: findings, and findings per 1,000 files", format_row("all", len(found), files)]
    places = Counter(one.place for one in found)
    lines += [format_row(place, places[place], files) for place in PLACES]
    for title, column in (("severity", 1), ("confidence", 2), ("rule", 0)):
        counts = Counter((one[column], one.place == OUTSIDE) for one in found if one[column])
        names = sorted({name for name, _ in counts}, key=lambda name: -counts[name, True] - counts[name, False] / 1e6)
        if names:
            lines.append(f"  {title:44} {'all':>6} {OUTSIDE:>8}")
        lines += [
            f"    {name:42} {counts[name, True] + counts[name, False]:6} {counts[name, True]:8}" for name in names
        ]
    return "\n".join(lines)


def main() -> None:
    """Print a row for each checkout, and a table for each tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="+", metavar="CHECKOUT", help="a working tree")
    parser.add_argument("--list", action="store_true", help="name each finding by path, line and rule")
    args = parser.parse_args()
    tools = {"leakfirst": scan_with_leakfirst}
    if shutil.which("kingfisher"):
        tools["kingfisher"] = scan_with_kingfisher
    every: dict[str, list[Found]] = {tool: [] for tool in tools}
    total = 0
    for checkout in map(os.path.abspath, args.checkouts):
        files = count_files(checkout)
        total += files
        for tool, scan in tools.items():
            found = scan(checkout)
            every[tool] += found
            outside = sum(one.place == OUTSIDE for one in found)
            print(
                f"{tool:10} {os.path.basename(checkout):40} {files:6} files {len(found):5} findings {outside:5} outside"
            )
            if args.list:
                for one in sorted(found):
                    print(f"    {one.rule} {one.severity} {one.confidence} {one.place} {one.where}")
    for tool, found in every.items():
        print()
        print(format_summary(tool, found, total))


if __name__ == "__main__":
    main()
