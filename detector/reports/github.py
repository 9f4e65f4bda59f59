"""github: annotations of a GitHub Actions run, and its summary page.

GitHub reads commands from the log of a job. Only a file of the working tree is
annotated; a finding in history alone gets an annotation without a file. GitHub
shows ten annotations of each kind per step, so the most urgent come first, and
the summary page (``GITHUB_STEP_SUMMARY``) has all of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from detector.model import Finding, Scan
from detector.reports._locations import describe_provenance_in, resolve_paths
from detector.reports._markdown import build_sections, format_headline
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.text.numbers import format_count
from detector.text.untrusted import choose_location, format_location, format_skipped, make_printable

MAX_SUMMARY = 1_000_000
"""Bytes; GitHub rejects a summary of more than 1 MiB."""
_COMMANDS = {"critical": "error", "high": "error", "medium": "warning"}


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print the commands; append to the step summary if there is one."""
    for finding in sort_by_urgency(scan.findings):
        out.write(_format_annotation(resolve_paths(finding, options), options) + "\n")
    for skipped in scan.skipped:
        if not skipped.expected:
            out.write(_format_command("warning", {"title": "Could not be scanned"}, format_skipped(skipped)) + "\n")
    for note in scan.notes:
        out.write(_format_command("notice", {"title": "Note"}, make_printable(note)) + "\n")
    if scan.interrupted:
        out.write(_format_command("warning", {"title": "Interrupted"}, "only a part was scanned") + "\n")
    out.write(_format_command("notice", {"title": "leakfirst"}, format_headline(scan)) + "\n")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append_summary(summary, scan, options)


def _format_annotation(finding: Finding, options: ReportOptions) -> str:
    finds = finding.rule.finds or finding.rule.id
    properties: dict[str, object] = {}
    at = choose_location(finding)
    text = f"{finding.secret.redacted} ({finding.severity}, {finding.verdict.state})"
    if at and at.origin.kind in ("worktree", "index"):
        properties["file"] = make_printable(at.origin.path)
        if at.line > 0:
            properties |= {"line": at.line, "endLine": max(at.end_line, at.line)}
            if at.end_line == at.line and at.column > 0:
                properties |= {"col": at.column, "endColumn": at.end_column}
    elif at:
        text += f" in {', '.join(filter(None, [format_location(at), describe_provenance_in(at.origin, options)]))}"
    if len(finding.locations) > 1:
        text += f", and in {format_count(len(finding.locations) - 1, 'more location')}"
    properties["title"] = make_printable(finds)
    why = f"{finding.severity}: {make_printable(finding.severity_reason)}" if finding.severity_reason else ""
    advice = "\n".join(filter(None, [why, finding.rule.harm, finding.rule.revoke]))
    return _format_command(_COMMANDS.get(finding.severity, "notice"), properties, f"{text}\n{advice}".strip())


def _format_command(name: str, properties: Mapping[str, object], message: str) -> str:
    shown = ",".join(f"{key}={_escape_data(str(value), ':,')}" for key, value in properties.items())
    return f"::{name} {shown}::{_escape_data(message)}"


def _escape_data(text: str, also: str = "") -> str:
    """Return *text* escaped as the runner reads it; *also* lists further characters to escape, in properties."""
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _append_summary(path: str, scan: Scan, options: ReportOptions) -> None:
    room = MAX_SUMMARY
    with open(path, "a", encoding="utf-8") as out:
        for section in build_sections(scan, options):
            room -= len(section.encode())
            if room < 0:
                out.write("\n_The summary is truncated here; the report has the rest._\n")
                return
            out.write(section)
