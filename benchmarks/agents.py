"""Measure the hook of coding agents: a cold process for each event, as an agent starts it.

    python benchmarks/agents.py [-n RUNS]

Alternates with bare Python. Compare within one run only: wall time needs an idle machine, the processor
time is what the process used itself.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile

from timing import compare_commands, format_table

from detector.agents.wrap import build_python_code
from detector.rules.shapes import expand


def make_events() -> dict[str, dict[str, object]]:
    """Return the events by name, in the words of Claude Code."""
    after = {"hook_event_name": "PostToolUse", "tool_name": "Bash", "cwd": "/", "session_id": "s"}
    line = "2026-12-01 12:00:00 INFO request 4711 took 12 ms\n"
    value = expand("ghp_{alnum:30}{check:github-crc32}", 1)
    return {
        "clean, 50 B": {**after, "tool_response": {"stdout": line}},
        "clean, 17 KB": {**after, "tool_response": {"stdout": line * 350}},
        "clean, 1 MB": {**after, "tool_response": {"stdout": line * 21_000}},
        "one finding": {**after, "tool_response": {"stdout": f"{line}token: {value}\n"}},
        "prompt with a finding": {**after, "hook_event_name": "UserPromptSubmit", "prompt": f"use {value}"},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python benchmarks/agents.py", description=__doc__.partition("\n")[0])
    parser.add_argument("-n", type=int, default=11, help="runs of each command")
    args = parser.parse_args()
    code = build_python_code("hook", ["claude-code"])
    start = f"{shlex.quote(sys.executable)} -I -S -c"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEAKFIRST_HOME"] = folder
        commands = {"Python alone": ["sh", "-c", f"exec {start} pass"]}
        for number, (name, event) in enumerate(make_events().items()):
            path = os.path.join(folder, f"{number}.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(event, file)
            command = f"exec {start} {shlex.quote(code)} <{shlex.quote(path)}"
            subprocess.run(["sh", "-c", command], check=True, stdout=subprocess.DEVNULL)
            commands[name] = ["sh", "-c", command]
        results = compare_commands(commands, args.n)
    print(format_table(results))
    for name, runs in results.items():
        walls = sorted(run.wall * 1000 for run in runs)
        print(f"{name:28} wall p50 {statistics.median(walls):5.0f} ms, p95 {walls[int(len(walls) * 0.95)]:5.0f} ms")
    print("ggshield publishes a p50 of 387 ms for an event, which it sends to a server.")


if __name__ == "__main__":
    main()
