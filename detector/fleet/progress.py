"""The progress of a sweep, for a person at a terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO

from detector.fleet.tally import SweepProgress
from detector.text.numbers import format_size
from detector.text.untrusted import make_printable

UPDATE_SECONDS = 0.2
"""Time between two updates of the display."""

MAX_NAMES = 4
"""Repositories at work that are named."""


class ProgressDisplay:
    """A bar, counts and names of repositories on a terminal's standard error; anywhere else, nothing.

    A context manager. The terminal is used only if *wanted*.
    """

    def __init__(self, wanted: bool, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._wanted = wanted and self._out.isatty() and os.environ.get("TERM") != "dumb"
        self._live: Any = None
        self._began = time.monotonic()
        self._updated = 0.0

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: SweepProgress) -> None:
        """Show *progress*, at most every `UPDATE_SECONDS`."""
        now = time.monotonic()
        if not self._wanted or now - self._updated < UPDATE_SECONDS:
            return
        self._updated = now
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=self._out), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(render_progress(progress, now - self._began), refresh=True)


def render_progress(progress: SweepProgress, seconds: float) -> Any:
    """Return what the terminal shows; the sweep has run for *seconds*."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    ended = progress.done + progress.failed
    rate = ended / seconds if seconds > 0 else 0.0
    remaining = _format_duration((progress.total - ended) / rate) if rate else "?"
    facts = [
        f"{ended} of {progress.total} done ({progress.unchanged} unchanged)",
        f"{len(progress.running)} running",
        f"{progress.waiting} waiting",
        f"{progress.failed} failed",
        f"{format_size(progress.bytes)} read" if progress.bytes else "",
        f"{rate:.1f}/s",
        f"{remaining} remaining",
    ]
    names = [make_printable(name) for name in progress.running[:MAX_NAMES]]
    others = len(progress.running) - MAX_NAMES
    return Group(
        ProgressBar(total=max(progress.total, 1), completed=ended, width=60),
        Text("  ".join(fact for fact in facts if fact)),
        Text(
            f"{', '.join(names)}{f' and {others} more' if others > 0 else ''}",
            overflow="ellipsis",
            no_wrap=True,
            style="dim",
        ),
    )


def _format_duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
