"""prometheus: the numbers of the last sweep, for the textfile collector of node_exporter.

No name of a repository and no path is a label: their number has no bound, and whoever reads metrics need not know them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from detector.fleet.overview import Overview


def render(overview: Overview, include_open: bool) -> Iterator[str]:
    """Yield the metrics; *include_open* changes nothing, since metrics have no findings."""
    del include_open
    counts, coverage = overview.counts, overview.coverage
    numbers = coverage.to_counts()
    total = {"known": numbers.pop("known"), "listed": numbers.pop("listed")}
    failing, acknowledged = numbers.pop("failing"), numbers.pop("acknowledged")
    numbers.pop("lost_findings")
    yield from _render("repositories", "Repositories that are known, and that the last sweep listed.", total, "which")
    yield from _render("coverage", "Repositories and lists by what the last sweep did with them.", numbers, "what")
    gaps = {"failing": failing, "acknowledged": acknowledged}
    yield from _render(
        "gaps", "Gaps of the coverage that fail the sweep, and that somebody acknowledged.", gaps, "which"
    )
    yield from _render("findings", "Findings by state.", counts["states"], "state")
    yield from _render("unresolved_findings", "Unresolved findings by severity.", counts["unresolved"], "severity")
    yield from _render("overdue_findings", "Unresolved findings after their deadline.", {"": counts["overdue"]}, "")
    lost = {"": counts.get("lost_sight_of", 0)}
    yield from _render("lost_findings", "Unresolved findings in repositories that are not listed any more.", lost, "")
    counters = overview.run.get("counters", {}) if overview.run else {}
    yield from _render("changes", "Changes of findings in the last sweep.", counters.get("events", {}), "kind")
    for name, text, instant in (
        ("end", "When the last sweep ended.", overview.run.get("ended", "") if overview.run else ""),
        (
            "oldest_check",
            "When the repository was checked that was not checked for the longest time.",
            coverage.oldest_check,
        ),
    ):
        if instant:
            stamp = {"": int(datetime.fromisoformat(instant).timestamp())}
            yield from _render(f"{name}_timestamp_seconds", text, stamp, "")


def _render(name: str, text: str, values: Mapping[str, int], label: str) -> Iterator[str]:
    """Yield one gauge with a value for each value of *label*, or with one value if *label* is empty."""
    if not values:
        return
    yield f"# HELP leakfirst_sweep_{name} {text}\n# TYPE leakfirst_sweep_{name} gauge\n"
    for value, number in sorted(values.items()):
        labels = f'{{{label}="{value}"}}' if label else ""
        yield f"leakfirst_sweep_{name}{labels} {number}\n"
