"""Let the output of a command pass through our filter before the agent has it.

The output of a command that fails reaches the model, and no hook can replace it afterwards. So the
command is rewritten beforehand: it stays visible to the agent's rules about what may run, its output
and its errors go through the filter, and its exit code stays.
"""

from __future__ import annotations

import os
import re
import shlex
import sys

SHELL_PREFIX = "CLAUDE_CODE_SHELL_PREFIX"
"""Names a program that Claude Code runs in front of each command, after its rules were asked."""

_MARK = "leakfirst"


def build_filter_command(*, strict: bool = False) -> str:
    """Return the command of the filter, which needs nothing but the Python that runs now."""
    code = build_python_code("filter", ["--strict"] if strict else [])
    return f"{shlex.quote(sys.executable)} -I -S -c {shlex.quote(code)}"


def build_python_code(what: str, words: list[str]) -> str:
    """Return Python code that runs ``leakfirst agents *what*`` from where leakfirst lies now."""
    import regex

    import detector

    modules: list[object] = [detector, regex]
    try:
        import hyperscan

        modules.append(hyperscan)
    except ImportError:
        import ahocorasick

        modules.append(ahocorasick)
    folders = []
    for module in modules:
        file = os.path.abspath(str(getattr(module, "__file__", "")))
        is_package = os.path.basename(file).startswith("__init__.")
        folders.append(os.path.dirname(os.path.dirname(file)) if is_package else os.path.dirname(file))
    return (
        f"import sys; sys.path += {list(dict.fromkeys(folders))!r}; "
        f"from leakfirst._start import run_agents; run_agents({what!r}, {words!r} + sys.argv[1:])"
    )


def wrap_command(command: str, filter_command: str) -> str | None:
    """Return *command* with its output filtered; None if it must be left as it is.

    A command in the background would keep the filter waiting, and one that ends in a backslash
    would swallow what follows.
    """
    if not command.strip() or _MARK in command or re.search(r"(?<![&>|])&(?![&>\d])", command):
        return None
    if command.rstrip("\n").endswith("\\") or "\0" in command:
        return None
    return "( (set -o pipefail) 2>/dev/null && set -o pipefail\n{ " + command + "\n} 2>&1 | " + filter_command + "\n)"
