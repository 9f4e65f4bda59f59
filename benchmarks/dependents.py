"""Find the dependents of a package in a large package-lock.json; parsing it with `json` is the baseline.

python benchmarks/dependents.py [-n RUNS] [--packages 20000]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile

from timing import compare_commands, format_table


def make_lock_file(count: int) -> str:
    """Return a lock file of *count* packages that depend on five others each; the last one depends on `wanted`."""
    rng = random.Random(1)
    packages: dict[str, object] = {"": {"dependencies": {f"package-{number}": "^1.0.0" for number in range(40)}}}
    for number in range(count):
        dependencies = {f"package-{rng.randrange(count)}": "^1.0.0" for _ in range(5)}
        packages[f"node_modules/package-{number}"] = {
            "version": f"1.0.{number}",
            "resolved": f"https://registry.example.org/package-{number}/-/package-{number}-1.0.{number}.tgz",
            "integrity": "sha512-" + "A" * 86 + "==",
            "license": "MIT",
            "engines": {"node": ">=10"},
            "dependencies": dependencies if number < count - 1 else {**dependencies, "wanted": "1.x"},
        }
    packages["node_modules/wanted"] = {"version": "1.2.3"}
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2)


def main() -> None:
    """Print a table: a package that the file contains, traced to a direct dependency, and one that it does not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=7, metavar="RUNS", help="measured runs per command")
    parser.add_argument("--packages", type=int, default=20_000, help="packages in the lock file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        path = os.path.join(root, "package-lock.json")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(make_lock_file(args.packages))
        print(f"{os.path.getsize(path) / 1e6:.1f} MB")
        leakfirst = [sys.executable, "-m", "detector", "dependents", "--ecosystem", "npm"]
        commands = {
            "json.load": [sys.executable, "-c", "import json, sys; json.load(open(sys.argv[1]))", path],
            "dependents, found": [*leakfirst, "wanted@>=1.2 <2", root],
            "dependents, not found": [*leakfirst, "elsewhere", root],
        }
        print(format_table(compare_commands(commands, args.n)))


if __name__ == "__main__":
    main()
