"""Pass standard input on to standard output without credentials: what a wrapped command prints.

Whole lines are passed on when nothing has come for a moment, so that a server that runs shows what
it does. A credential of several lines that arrives in two parts with a pause between them is missed.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence

from detector.agents.hook import write_all

PAUSE = 1.0
"""Seconds without input after which the whole lines that have come are passed on."""

MOST = 8 << 20
"""Bytes that are held back at most."""

PROBLEM = "leakfirst: NOT looked at: the filter of command output failed ({}); the output follows as it is\n"
WITHHELD = "leakfirst: the filter of command output failed ({}); the output is withheld (--strict)\n"


def run(words: Sequence[str]) -> int:
    """Filter until the end of input; return 0. With ``--strict`` what cannot be looked at is withheld."""
    held = b""
    try:
        from detector.agents.hook import load_redactor

        redactor = load_redactor(os.getcwd())
        is_open = True
        while is_open:
            at = 0
            if held and not select.select([0], [], [], PAUSE)[0]:
                at = held.rfind(b"\n") + 1
            if not at:
                data = os.read(0, 1 << 16)
                is_open = bool(data)
                held += data
                if len(held) >= MOST or not is_open:
                    at = len(held)
            if at:
                text = redactor.redact_text(held[:at].decode("utf-8", "surrogateescape")).value
                write_all(text.encode("utf-8", "surrogateescape"))
                held = held[at:]
    except BrokenPipeError:
        return 0
    except Exception as problem:
        _give_up(problem, held, "--strict" in words)
    return 0


def _give_up(problem: Exception, held: bytes, is_strict: bool) -> None:
    """Say that the rest was not looked at, and pass it on or withhold it."""
    text = (WITHHELD if is_strict else PROBLEM).format(type(problem).__name__)
    sys.stderr.write(text)
    sys.stderr.flush()
    while held or (held := os.read(0, 1 << 16)):
        if not is_strict:
            write_all(held)
        held = b""
