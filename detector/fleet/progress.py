"""How far a sweep is, for a person at a terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO

from detector.fleet.tally import SweepProgress
from detector.text.numbers import format_size
from detector.text.untrusted import make_printable

AGAIN = 0.2
"""Seconds between two pictures."""


class Display:
    """A bar and what is at work, on a terminal's standard error; silent anywhere else. A context manager."""

    def __init__(self, wanted: bool, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._wanted = wanted and self._out.isatty() and os.environ.get("TERM") != "dumb"
        self._live: Any = None
        self._began = time.monotonic()
        self._last = 0.0

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, tally: SweepProgress) -> None:
        """Show *tally*, at most every `AGAIN` seconds."""
        now = time.monotonic()
        if not self._wanted or now - self._last < AGAIN:
            return
        self._last = now
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=self._out), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(picture(tally, now - self._began), refresh=True)


def picture(tally: SweepProgress, seconds: float) -> Any:
    """Return what is shown of *tally* after *seconds*."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    ended = tally.done + tally.failed
    rate = ended / seconds if seconds > 0 else 0.0
    left = _clock((tally.total - ended) / rate) if rate else "?"
    facts = [
        f"{ended} of {tally.total} done ({tally.unchanged} unchanged)",
        f"{len(tally.running)} at work",
        f"{tally.waiting} waiting",
        f"{tally.failed} failed",
        f"{format_size(tally.bytes)} read" if tally.bytes else "",
        f"{rate:.1f}/s",
        f"{left} left",
    ]
    names = [make_printable(name) for name in tally.running[:SHOWN]]
    more = f" and {len(tally.running) - SHOWN} more" if len(tally.running) > SHOWN else ""
    return Group(
        ProgressBar(total=max(tally.total, 1), completed=ended, width=60),
        Text("  ".join(fact for fact in facts if fact)),
        Text(f"{', '.join(names)}{more}", overflow="ellipsis", no_wrap=True, style="dim"),
    )


SHOWN = 4
"""Repositories at work that are named."""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
