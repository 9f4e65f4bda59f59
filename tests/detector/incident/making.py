"""Build the logs of incidents line by line."""

from __future__ import annotations

from typing import Any

from detector.incident.ledger import GENESIS, compute_hash
from detector.incident.model import Incident, LogLine, fold_log
from detector.incident.timeline import format_time

START = 1_700_000_000.0
DUE = format_time(START + 48 * 3600)
OWNERS = {"*": "On call", "aws.*": "Ada"}


class IncidentLog:
    """A log in which each line is one second later than the one before."""

    def __init__(self, **exposure: Any) -> None:
        exposure_facts = {"kind": "artefact", "targets": ["/leaked.tgz"], **exposure}
        self.lines: list[LogLine] = []
        self("opened", "", title="something", exposure=exposure_facts, due_at=DUE)

    def __call__(self, kind: str, subject: str = "", /, **facts: Any) -> IncidentLog:
        prev = self.lines[-1].hash if self.lines else GENESIS
        line = LogLine(len(self.lines) + 1, format_time(START + len(self.lines)), kind, subject, facts, "ada", prev)
        self.lines.append(line._replace(hash=compute_hash(line)))
        return self

    def found(self, name: str, rule: str = "aws.access-key", **more: Any) -> IncidentLog:
        place = {"path": "a.env", "line": 3, "origin": "worktree"}
        facts = {"rule": rule, "redacted": "AKIA… (20)", "severity": "critical", "where": [place], "runbook": "end it"}
        return self("credential", name, **{**facts, **more})

    @property
    def incident(self) -> Incident:
        return fold_log("inc-1", self.lines, OWNERS)
