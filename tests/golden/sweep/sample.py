"""An overview with every part, for the golden files of the reports."""

from detector.fleet.coverage import Coverage, Gap, GapKind
from detector.fleet.lifecycle import EventKind
from detector.fleet.overview import FindingChange, ListedFinding, Overview, SharedCredential, UnreadRepository

NOW = "2026-02-01T03:04:05+00:00"


def make_finding(number: int, severity: str, **changes: object) -> ListedFinding:
    return ListedFinding(
        fingerprint=f"lf1:{number:032}",
        rule="github.pat-classic",
        severity=severity,
        state="open",
        redacted="ghp_…9f2k (40)",
        repository="acme/app",
        path=f"config/{number}.env",
        line=number,
        owner="@team" if number % 2 else "",
        deadline="2026-01-31T00:00:00+00:00" if number % 2 else "",
        first_seen="2026-01-24T00:00:00+00:00",
        last_seen=NOW,
    )._replace(**changes)


HOSTILE = make_finding(7, "low", repository="a|<b>\x1b[31m`@all`", path="x`|<i>\n@all.env", owner="<u>@all|")
FINDINGS = tuple(make_finding(number, severity) for number, severity in enumerate(("high", "critical", "medium"), 1))
CHANGES = tuple(
    FindingChange(kind, "removed" if kind == EventKind.CLOSED else "", "ada" if number % 3 else "", NOW, finding)
    for number, kind in enumerate(EventKind)
    for finding in (FINDINGS if kind == EventKind.OPENED else FINDINGS[:1])
)

OVERVIEW = Overview(
    now=NOW,
    run={
        "id": 3,
        "ruleset_id": 1,
        "started": NOW,
        "ended": NOW,
        "host": "scanner",
        "status": "completed",
        "counters": {"repositories": 4, "unchanged": 1, "failed": 1},
    },
    counts={"repositories": 4, "states": {"open": 3, "closed": 1}, "unresolved": {"high": 3}, "overdue": 2},
    changes=(*CHANGES, FindingChange(EventKind.REOPENED, "it is no longer ignored", "", NOW, HOSTILE)),
    overdue=FINDINGS[::2],
    shared=(SharedCredential(FINDINGS[0], ("acme/app", "acme/<fork>")),),
    failed=(UnreadRepository("acme/gone", "not found (HTTP 404)", 3),),
    incomplete=(UnreadRepository("acme/zip", "x.zip: has a password (and 1 more)"),),
    findings=(*FINDINGS, HOSTILE),
    coverage=Coverage(
        known=6,
        listed=4,
        swept=2,
        unchanged=1,
        gaps=(
            Gap(GapKind.LOST, "k", "acme/<lost>", ("lost since x",), "2026-01-30T00:00:00+00:00", 2, True),
            Gap(GapKind.FAILED, "l", "acme/gone", ("not found (HTTP 404)",), NOW, 0, True),
            Gap(GapKind.EMPTY, "gitea:x", "gitea:x", ("lists no repository",), "", 0, False, NOW),
        ),
        left_out={"archived": 1},
        stale=("acme/old\x1b[31m",),
        lost_findings=2,
    ),
)
