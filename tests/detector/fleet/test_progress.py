"""The progress display of a sweep."""

import io

from rich.console import Console

from detector.fleet.progress import ProgressDisplay, render_progress
from detector.fleet.tally import SweepProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(tally: SweepProgress, seconds: float) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(render_progress(tally, seconds))
    return console.file.getvalue()


def test_it_shows_counts_rate_and_remaining_time():
    names = tuple(f"acme/{number}" for number in range(6))
    said = shown(SweepProgress(200, 50, 40, 10, 134, names, 5_000_000), 30.0)
    for part in ("60 of 200 done (40 unchanged)", "6 running", "134 waiting", "10 failed", "5.0 MB read", "2.0/s"):
        assert part in said
    assert "1:10 remaining" in said
    assert "acme/0, acme/1, acme/2, acme/3 and 2 more" in said


def test_names_of_repositories_are_neither_terminal_codes_nor_markup():
    said = shown(SweepProgress(1, running=("a\x1b[2Jb", "[red]x[/red]")), 1.0)
    assert "\x1b[2J" not in said
    assert "[red]x[/red]" in said


def test_it_prints_nothing_unless_on_a_terminal():
    for wanted, out in ((True, io.StringIO()), (False, Terminal())):
        with ProgressDisplay(wanted, out) as display:
            display(SweepProgress(1))
        assert out.getvalue() == ""
    terminal = Terminal()
    with ProgressDisplay(True, terminal) as display:
        display(SweepProgress(1, running=("acme/app",)))
    assert "acme/app" in terminal.getvalue()
