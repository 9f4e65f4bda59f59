"""Verifying a manifest: ours and `sha256sum -c`, side by side in one run, on a tree made for it.

python benchmarks/manifest.py [-n RUNS] [--files 10000]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile

from timing import compare, table


def main() -> None:
    """Print a table: the ratio of the second line is what ours takes of sha256sum's time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=9)
    parser.add_argument("--files", type=int, default=10_000)
    args = parser.parse_args()
    ours = [sys.executable, "-m", "detector", "manifest"]
    with tempfile.TemporaryDirectory() as root:
        chance = random.Random(1)
        for number in range(args.files):
            folder = os.path.join(root, f"package-{number % 97}", f"part-{number % 7}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"{number}.js"), "wb") as stream:
                stream.write(chance.randbytes(int(chance.lognormvariate(8, 1.3))))
        subprocess.run([*ours, "create", "--root", root], check=True)
        commands = {
            "leakfirst manifest verify": [*ours, "verify", os.path.join(root, "MANIFEST.sha256"), "--root", root],
            "sha256sum -c": ["sh", "-c", 'cd "$0" && exec sha256sum -c --quiet MANIFEST.sha256', root],
        }
        print(table(compare(commands, args.n)))


if __name__ == "__main__":
    main()
