"""Scan a working tree with leakfirst and kingfisher in one run, and measure the start-up time.

    python benchmarks/checkout.py FOLDER [-n RUNS]

kingfisher can be installed from PyPI (`pip install kingfisher-bin`); without it only leakfirst is measured.
"""

from __future__ import annotations

import argparse
import shutil
import sys

from timing import compare_commands, format_table


def main() -> None:
    """Print two tables: scans of the working tree, and start-up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", metavar="FOLDER", help="a working tree")
    parser.add_argument("-n", type=int, default=7, metavar="RUNS", help="measured runs per command")
    args = parser.parse_args()
    leakfirst = [sys.executable, "-m", "detector"]
    commands = {"leakfirst": [*leakfirst, "scan", "--no-history", "--format", "json", args.checkout]}
    if kingfisher := shutil.which("kingfisher"):
        options = ["--no-validate", "--git-history", "none", "--no-update-check", "--format", "json"]
        commands["kingfisher"] = [kingfisher, "scan", *options, args.checkout]
    print(format_table(compare_commands(commands, args.n)))
    print()
    startup = {"python -c pass": [sys.executable, "-c", "pass"], "leakfirst --version": [*leakfirst, "--version"]}
    print(format_table(compare_commands(startup, args.n)))


if __name__ == "__main__":
    main()
