"""Read the first words of the command line and hand over to one command.

Only the module of the command that was asked for is imported. `--version` and
the git hooks do without argparse.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

from detector.errors import ExitCode, LeakfirstError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a write to a full disk. Files that we open are named in their own error; this is standard output."""

OPTIONAL = {"sqlalchemy": "sweep", "alembic": "sweep"}
"""Packages that whole commands stand on, with the extra that installs them. Others are named where they are used."""

USAGE = "usage: leakfirst COMMAND [OPTIONS]   (leakfirst --help lists the commands)"

BUG = 70


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code; only a bug escapes as an exception."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = _dispatch(words)
        print(end="", flush=True)  # what standard output does not take shows here at the latest
        return code
    except LeakfirstError as error:
        line = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(error))
        print(f"leakfirst: {line}", file=sys.stderr)  # a message may hold names out of a hostile repository
        return int(error.exit_code)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OPTIONAL:
            raise
        print(f"leakfirst: this needs {package}: install leakfirst with the extra {OPTIONAL[package]}", file=sys.stderr)
        return int(ExitCode.USAGE)
    except KeyboardInterrupt:
        print("leakfirst: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`| head`): not an error, but say no more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.FOUND)
    except OSError as error:
        if error.errno not in FULL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"leakfirst: the report cannot be written: {error.strerror}", file=sys.stderr)
        return int(ExitCode.USAGE)


def run() -> None:
    """Run as a program; a bug is reported without the locals, which may hold secrets."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = int(ExitCode.FOUND)
    except Exception as bug:
        from detector.errors import describe_bug

        print(describe_bug(bug), file=sys.stderr)
        code = BUG
    sys.exit(code)


def _dispatch(words: list[str]) -> int:
    if words[:1] in (["--version"], ["-V"]):
        from detector import __version__

        print(f"leakfirst {__version__}")
        return int(ExitCode.CLEAN)
    if words[:2] == ["hook", "run"]:
        return _run_hook(words[2] if len(words) > 2 else "", words[3:])
    if words[:1] == ["agents"] and words[1:2] in (["hook"], ["filter"]):
        return _run_agents(words[1], words[2:])
    if not words or words[0] in ("-h", "--help", "help"):
        from leakfirst._help import format_overview

        print(format_overview(), end="")
        return int(ExitCode.CLEAN if words else ExitCode.USAGE)
    if words[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return int(ExitCode.USAGE)
    from detector.registry import run_command

    return run_command(words)


def _run_agents(what: str, arguments: list[str]) -> int:
    """Answer an agent, or filter what a command prints, without argparse."""
    if what == "hook":
        from detector.agents.hook import run as run_hook

        return run_hook(arguments)
    from detector.agents.filter import run as run_filter

    return run_filter(arguments)


def _run_hook(name: str, arguments: list[str]) -> int:
    from detector.contracts import Hook
    from detector.registry import check_contract, load_plugin

    module: Any = load_plugin("hooks", name, what="hook")
    check_contract(module, Hook, "hook")
    hook: Hook = module
    return hook.main(arguments)
