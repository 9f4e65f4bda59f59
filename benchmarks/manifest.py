"""Verify a manifest with leakfirst and with `sha256sum -c` in one run, on a generated tree.

python benchmarks/manifest.py [-n RUNS] [--files 10000]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile

from timing import compare_commands, format_table


def main() -> None:
    """Print a table; the ratio of the second line is the time of leakfirst divided by that of sha256sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=9, metavar="RUNS", help="measured runs per command")
    parser.add_argument("--files", type=int, default=10_000, help="files in the tree")
    args = parser.parse_args()
    leakfirst = [sys.executable, "-m", "detector", "manifest"]
    with tempfile.TemporaryDirectory() as root:
        rng = random.Random(1)
        for number in range(args.files):
            folder = os.path.join(root, f"package-{number % 97}", f"part-{number % 7}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"{number}.js"), "wb") as stream:
                stream.write(rng.randbytes(int(rng.lognormvariate(8, 1.3))))
        subprocess.run([*leakfirst, "create", "--root", root], check=True)
        commands = {
            "leakfirst manifest verify": [*leakfirst, "verify", os.path.join(root, "MANIFEST.sha256"), "--root", root],
            "sha256sum -c": ["sh", "-c", 'cd "$0" && exec sha256sum -c --quiet MANIFEST.sha256', root],
        }
        print(format_table(compare_commands(commands, args.n)))


if __name__ == "__main__":
    main()
