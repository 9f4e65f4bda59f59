"""The errors that a user may see, each with its exit code.

An error says what happened and what to do next, in one line. Whatever is not
one of these is a bug and is reported as one, without locals in the traceback:
locals hold secrets. What could not be looked at is no error at all but a
`Skipped` (model.py) that reaches the report.
"""

from __future__ import annotations

import os
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    CLEAN = 0
    FOUND = 1
    USAGE = 2
    INCOMPLETE = 3
    NEEDS_PERSON = 4
    INTERRUPTED = 130


class LeakfirstError(Exception):
    """Base of every expected failure; `str()` of it is the one line to print."""

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(LeakfirstError):
    """The command line or the configuration asks for something that cannot be."""


class RuleError(LeakfirstError):
    """A rule file is wrong. The message starts with ``file:line:``."""


class SourceError(LeakfirstError):
    """A target as a whole cannot be read (a missing path, not a repository)."""


class RotationError(LeakfirstError):
    """A rotation stopped; the journal says where, `status` says what is next."""

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
