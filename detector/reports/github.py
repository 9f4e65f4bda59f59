"""github: annotations of a GitHub Actions run, and its summary page.

GitHub reads commands from the log of a job. Only a file at hand is annotated;
what stands in history alone is told without a file. GitHub shows ten
annotations of each kind a step, which is why the most urgent come first, and
why the summary page (``GITHUB_STEP_SUMMARY``) has them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from detector.model import Finding, Scan
from detector.reports import markdown
from detector.reports._options import Options
from detector.reports._order import by_urgency
from detector.text.numbers import counted
from detector.text.untrusted import first_place, from_here, place, printable, provenance_in, without_password

TITLE = "GitHub Actions annotations and step summary"
STREAMS = False

MOST_SUMMARY = 1_000_000
"""Bytes; GitHub refuses a summary of more than 1 MiB."""
_COMMANDS = {"critical": "error", "high": "error", "medium": "warning"}


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print the commands; append to the step summary if there is one."""
    for finding in by_urgency(scan.findings):
        out.write(_annotation(from_here(finding, options), options) + "\n")
    for skipped in scan.skipped:
        if not skipped.expected:
            text = f"{printable(without_password(skipped.where))}: {printable(skipped.reason)}"
            out.write(_command("warning", {"title": "Could not be scanned"}, text) + "\n")
    out.write(_command("notice", {"title": "leakfirst"}, markdown.headline(scan)) + "\n")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append(summary, scan, options)


def _annotation(finding: Finding, options: Options) -> str:
    finds = finding.rule.finds or finding.rule.id
    properties: dict[str, object] = {}
    at = first_place(finding)
    text = f"{finding.secret.redacted} ({finding.severity}, {finding.verdict.state})"
    if at and at.origin.kind in ("worktree", "index"):
        properties["file"] = printable(at.origin.path)
        if at.line > 0:
            properties |= {"line": at.line, "endLine": max(at.end_line, at.line)}
            if at.end_line == at.line and at.column > 0:
                properties |= {"col": at.column, "endColumn": at.end_column}
    elif at:
        text += f" in {', '.join(filter(None, [place(at), provenance_in(at.origin, options)]))}"
    if len(finding.locations) > 1:
        text += f", and in {counted(len(finding.locations) - 1, 'more location')}"
    properties["title"] = printable(finds)
    advice = "\n".join(filter(None, [finding.rule.harm, finding.rule.revoke]))
    return _command(_COMMANDS.get(finding.severity, "notice"), properties, f"{text}\n{advice}".strip())


def _command(name: str, properties: Mapping[str, object], message: str) -> str:
    shown = ",".join(f"{key}={_data(str(value), ':,')}" for key, value in properties.items())
    return f"::{name} {shown}::{_data(message)}"


def _data(text: str, also: str = "") -> str:
    """Return *text* escaped as the runner reads it; *also* for what a property may not hold."""
    for sign in "%\r\n" + also:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _append(path: str, scan: Scan, options: Options) -> None:
    room = MOST_SUMMARY
    with open(path, "a", encoding="utf-8") as out:
        for section in markdown.sections(scan, options):
            room -= len(section.encode())
            if room < 0:
                out.write("\n_The summary is cut off here; the report has the rest._\n")
                return
            out.write(section)
