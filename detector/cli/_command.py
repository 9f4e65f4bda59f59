"""Run one command from its words."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from detector.registry import load


def run_command(words: Sequence[str]) -> int:
    """Run the command named by the first of *words* with the rest as its arguments; return its exit code."""
    command = load("detector.cli", words[0], what="command")
    parser = argparse.ArgumentParser(prog=f"leakfirst {words[0]}", description=command.SUMMARY, allow_abbrev=False)
    command.add_arguments(parser)
    try:
        mixed = getattr(command, "INTERMIXED", False)  # options may stand between arguments
        args = parser.parse_intermixed_args(words[1:]) if mixed else parser.parse_args(words[1:])
    except SystemExit as done:
        return int(done.code or 0)
    return int(command.run(args))
