"""What a sweep counts."""

from detector.fleet.inventory import RepositoryEntry
from detector.fleet.result_writer import WrittenResult
from detector.fleet.tally import SweepProgress, SweepSummary, Tally, collect_counters
from detector.fleet.tasks import ShareResult
from detector.model import Skipped
from detector.scan.messages import ShareProgress


def entry(name: str) -> RepositoryEntry:
    return RepositoryEntry(name, name, f"/{name}")


def test_everything_that_happens_is_in_the_progress_and_in_the_summary():
    shown: list[SweepProgress] = []
    tally = Tally(shown.append)
    for _ in range(4):
        tally.count_listed()
    tally.count_progress(ShareProgress(100, 3))
    tally.count_progress(ShareProgress(-40, -1))  # a worker was lost, and its task begins again
    tally.count_scan(ShareResult(20, objects=5))
    tally.count_unchanged(entry("a"), incomplete=True)
    tally.count_failed(entry("b"), "is corrupt")
    tally.count_swept(entry("c"), WrittenResult((("opened", "lf1:1"),), incomplete=True), 7)
    tally.count_swept(entry("d"), WrittenResult(superseded=True), 0)
    tally.show(("x",), 2)
    assert shown == [SweepProgress(4, 3, 1, 1, 2, ("x",), 60, 2)]
    summary = tally.summarize(9, 1.5, interrupted=False)
    assert summary == SweepSummary(
        run=9,
        repositories=4,
        swept=2,
        unchanged=1,
        failed=(("b", "is corrupt"),),
        incomplete=("a", "c"),
        skipped=(),
        events=(("opened", "lf1:1", "c"),),
        objects=5,
        reread=7,
        bytes=60,
        seconds=1.5,
        superseded=1,
    )
    stored = collect_counters(summary)
    assert (stored["failed"], stored["incomplete"], stored["events"]) == (1, 2, {"opened": 1})


def test_a_sweep_is_complete_if_nothing_unexpected_is_missing():
    skipped = Skipped("acme", "left out, forks: 3", expected=True)
    complete = SweepSummary(1, 0, 0, 0, (), (), (skipped,), ())
    assert complete.complete
    for incomplete in (
        complete._replace(skipped=(skipped._replace(expected=False),)),
        complete._replace(failed=(("a", "is corrupt"),)),
        complete._replace(incomplete=("a",)),
        complete._replace(interrupted=True),
    ):
        assert not incomplete.complete
