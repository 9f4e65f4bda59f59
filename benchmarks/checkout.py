"""A checkout and the start-up: ours and kingfisher's, side by side in one run.

    python benchmarks/checkout.py PATH-OF-A-CHECKOUT [-n RUNS]

kingfisher comes from PyPI (`pip install kingfisher-bin`); without it only our own figures are printed.
"""

from __future__ import annotations

import argparse
import shutil
import sys

from timing import compare, table


def main() -> None:
    """Print two tables: scanning the working tree, and starting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout")
    parser.add_argument("-n", type=int, default=7)
    args = parser.parse_args()
    ours = [sys.executable, "-m", "detector"]
    commands = {"leakfirst": [*ours, "scan", "--no-history", "--format", "json", args.checkout]}
    if kingfisher := shutil.which("kingfisher"):
        options = ["--no-validate", "--git-history", "none", "--no-update-check", "--format", "json"]
        commands["kingfisher"] = [kingfisher, "scan", *options, args.checkout]
    print(table(compare(commands, args.n)))
    print()
    starting = {"python -c pass": [sys.executable, "-c", "pass"], "leakfirst --version": [*ours, "--version"]}
    print(table(compare(starting, args.n)))


if __name__ == "__main__":
    main()
