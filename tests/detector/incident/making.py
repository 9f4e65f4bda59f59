"""Logs of incidents, made line by line."""

from __future__ import annotations

from typing import Any

from detector.incident.ledger import GENESIS, digest
from detector.incident.model import Case, Line, fold
from detector.incident.timeline import text

START = 1_700_000_000.0
DUE = text(START + 48 * 3600)
OWNERS = {"*": "On call", "aws.*": "Ada"}


class Log:
    """A log that grows by a second for each line."""

    def __init__(self, **exposure: Any) -> None:
        told = {"kind": "artefact", "targets": ["/leaked.tgz"], **exposure}
        self.lines: list[Line] = []
        self("opened", "", title="something", exposure=told, due_at=DUE)

    def __call__(self, kind: str, subject: str = "", /, **facts: Any) -> Log:
        prev = self.lines[-1].hash if self.lines else GENESIS
        line = Line(len(self.lines) + 1, text(START + len(self.lines)), kind, subject, facts, "ada", prev)
        self.lines.append(line._replace(hash=digest(line)))
        return self

    def found(self, name: str, rule: str = "aws.access-key", **more: Any) -> Log:
        place = {"path": "a.env", "line": 3, "origin": "worktree"}
        facts = {"rule": rule, "shown": "AKIA… (20)", "severity": "critical", "where": [place], "runbook": "end it"}
        return self("credential", name, **{**facts, **more})

    @property
    def case(self) -> Case:
        return fold("inc-1", self.lines, OWNERS)
