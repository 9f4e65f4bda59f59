"""Read the first words of the command line and hand over to one command.

Only the module of the command that was asked for is imported. `--version` and
the git hooks do without argparse.
"""

from __future__ import annotations

import errno
import os
import sys

from detector.errors import ExitCode, LeakfirstError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What writing says where no more fits: files that we name say it themselves, this is standard output."""

USAGE = "usage: leakfirst COMMAND [OPTIONS]   (leakfirst --help lists the commands)"


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code; nothing escapes as a traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = _dispatch(words)
        print(end="", flush=True)  # what standard output does not take shows here at the latest
        return code
    except LeakfirstError as error:
        line = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(error))
        print(f"leakfirst: {line}", file=sys.stderr)  # a message may hold names out of a hostile repository
        return int(error.exit_code)
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


def _dispatch(words: list[str]) -> int:
    if words[:1] in (["--version"], ["-V"]):
        from detector.version import version

        print(f"leakfirst {version()}")
        return int(ExitCode.CLEAN)
    if words[:2] == ["hook", "run"]:
        from detector.registry import load

        name = words[2] if len(words) > 2 else ""
        return int(load("hooks", name, what="hook").main(words[3:]))
    if not words or words[0] in ("-h", "--help", "help"):
        from detector.cli._help import overview

        print(overview(), end="")
        return int(ExitCode.CLEAN if words else ExitCode.USAGE)
    if words[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return int(ExitCode.USAGE)
    return _command(words)


def _command(words: list[str]) -> int:
    import argparse

    from detector.registry import load

    command = load("detector.cli", words[0], what="command")
    parser = argparse.ArgumentParser(prog=f"leakfirst {words[0]}", description=command.SUMMARY, allow_abbrev=False)
    command.add_arguments(parser)
    try:
        mixed = getattr(command, "INTERMIXED", False)  # options may stand between arguments
        args = parser.parse_intermixed_args(words[1:]) if mixed else parser.parse_args(words[1:])
    except SystemExit as done:
        return int(done.code or 0)
    return int(command.run(args))


def _entry() -> None:
    """Run as a program; a bug is reported without the locals, which may hold secrets."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = int(ExitCode.FOUND)
    except Exception as bug:
        from detector.cli._bug_report import describe

        print(describe(bug), file=sys.stderr)
        code = 70
    sys.exit(code)


if __name__ == "__main__":
    _entry()
