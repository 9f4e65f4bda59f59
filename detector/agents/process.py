"""Go on in the background after an event was answered: the agent waits for no more than the answer."""

from __future__ import annotations

import os
from collections.abc import Callable


def run_detached(work: Callable[[], object]) -> None:
    """Run *work* in a process of its own, without terminal or output, and return at once.

    Where there is no `fork`, nothing is done.
    """
    if not hasattr(os, "fork") or os.fork():
        return
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        work()
    finally:
        os._exit(0)
