"""The commands that the walkthrough and the documentation show can be parsed."""

from __future__ import annotations

import argparse
import shlex

from detector.cli import respond
from tests.detector.incident.walkthrough import COMMANDS


def test_every_command_of_the_walkthrough_parses() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    respond.add_arguments(parser)
    lines = COMMANDS.format(files="--policy p --config c", package="npm:a@1", leaked="x y", folder="/f").splitlines()
    assert len(lines) >= 8
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[:2] == ["leakfirst", "respond"]
        parser.parse_args(words[2:])


def test_every_command_of_the_documentation_parses() -> None:
    import re
    from pathlib import Path

    parser = argparse.ArgumentParser(allow_abbrev=False)
    respond.add_arguments(parser)
    docs = Path(__file__).parents[3] / "docs"
    parsed = 0
    for name in ("runbook.md", "respond.md"):
        for block in re.findall(r"```(?:sh)?\n(.*?)```", (docs / name).read_text(), re.DOTALL):
            for line in block.splitlines():
                line = line.replace("*/10 * * * *", "").partition(" | ")[0].strip()
                if line.startswith("leakfirst respond "):
                    words = shlex.split(line, comments=True)
                    parser.parse_args(words[2:])
                    parsed += 1
    assert parsed >= 10
