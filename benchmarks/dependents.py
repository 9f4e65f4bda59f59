"""Looking for a package in a large package-lock.json, beside what Python takes to parse it.

python benchmarks/dependents.py [-n RUNS] [--packages 20000]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile

from timing import compare, table


def lock_file(count: int) -> str:
    """Return a lock file of *count* packages, each of which needs five others; the last one needs `wanted`."""
    chance = random.Random(1)
    packages: dict[str, object] = {"": {"dependencies": {f"package-{number}": "^1.0.0" for number in range(40)}}}
    for number in range(count):
        needs = {f"package-{chance.randrange(count)}": "^1.0.0" for _ in range(5)}
        packages[f"node_modules/package-{number}"] = {
            "version": f"1.0.{number}",
            "resolved": f"https://registry.example.org/package-{number}/-/package-{number}-1.0.{number}.tgz",
            "integrity": "sha512-" + "A" * 86 + "==",
            "license": "MIT",
            "engines": {"node": ">=10"},
            "dependencies": needs if number < count - 1 else {**needs, "wanted": "1.x"},
        }
    packages["node_modules/wanted"] = {"version": "1.2.3"}
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2)


def main() -> None:
    """Print a table; a package that is there is followed back to a direct dependency."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=7)
    parser.add_argument("--packages", type=int, default=20_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        path = os.path.join(root, "package-lock.json")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(lock_file(args.packages))
        print(f"{os.path.getsize(path) / 1e6:.1f} MB")
        ours = [sys.executable, "-m", "detector", "dependents", "--ecosystem", "npm"]
        commands = {
            "json.load": [sys.executable, "-c", "import json, sys; json.load(open(sys.argv[1]))", path],
            "dependents, in a range": [*ours, "wanted@>=1.2 <2", root],
            "dependents, not there": [*ours, "elsewhere", root],
        }
        print(table(compare(commands, args.n)))


if __name__ == "__main__":
    main()
