"""The errors that a user may see, each with its exit code.

The message of an error says what happened and what to do next, in one line. Every
other exception is a bug; its report has no locals and no message, because both may
hold secrets. Content that could not be scanned is not an error but a `Skipped`
(model.py), which is part of the report.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the program."""

    CLEAN = 0
    FOUND = 1
    USAGE = 2
    INCOMPLETE = 3
    NEEDS_PERSON = 4
    BUG = 70
    INTERRUPTED = 130


def join_exit_codes(codes: Iterable[int]) -> int:
    """Return the exit code of several runs that are one for the user: a finding counts before anything that went wrong.

    >>> join_exit_codes([0, 3, 1]), join_exit_codes([0, 3]), join_exit_codes([])
    (1, 3, 0)
    """
    known = list(codes)
    return int(ExitCode.FOUND) if ExitCode.FOUND in known else max(map(int, known), default=int(ExitCode.CLEAN))


class LeakfirstError(Exception):
    """Base of every expected failure; `str()` of it is the one line to print."""

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(LeakfirstError):
    """The command line or the configuration is wrong."""


class RuleError(LeakfirstError):
    """A rule file is wrong. The message starts with ``file:line:``."""


class SourceError(LeakfirstError):
    """A target as a whole cannot be read (a missing path, not a repository)."""


class IncompleteError(SourceError):
    """What has to be looked at is not known, so nobody can say that it is clean."""

    exit_code = ExitCode.INCOMPLETE


class RotationError(LeakfirstError):
    """A rotation stopped; its journal says where, `leakfirst rotate status` what to do next."""

    exit_code = ExitCode.NEEDS_PERSON


class StateError(LeakfirstError):
    """A state file or database cannot be used as it is."""


def locate_error(problem: BaseException) -> str:
    """Return the file and line where *problem* was raised; of its locals, which may be secret, nothing."""
    trace = problem.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "unknown place"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"


def describe_bug(bug: BaseException) -> str:
    """Return the lines to print for an unexpected exception: its type and where it was raised.

    Neither the message of the exception nor any local variable is part of them: both
    may hold a secret.
    """
    import os
    import traceback

    from detector import __version__

    frames = traceback.extract_tb(bug.__traceback__, limit=-12)
    lines = [f"  {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames]
    head = f"leakfirst {__version__}: this is a bug in leakfirst, please report it: {type(bug).__name__}"
    return "\n".join([head, *lines])
