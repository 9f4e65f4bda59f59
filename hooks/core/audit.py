"""The audit log of the hooks: JSON lines in the git directory, each appended in one write.

It records what was refused, allowed, ignored or skipped, by which hook, when and
for whom. Of credentials it contains only keyed fingerprints.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from typing import Any

from detector.model import Finding, Ignored

NAME = os.path.join("leakfirst", "audit.jsonl")
USER_VARIABLES = ("GL_USERNAME", "GL_ID", "GITEA_PUSHER_NAME", "GITHUB_USER_LOGIN", "REMOTE_USER", "LOGNAME", "USER")
"""Environment variables that name the person who pushes, the most specific first."""


def append_event(git_directory: str, hook: str, event: str, **facts: Any) -> None:
    """Append one line. If that fails, a warning is printed; the hook goes on."""
    import json
    import time

    who = next((os.environ[name] for name in USER_VARIABLES if os.environ.get(name)), "")
    line = {"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "hook": hook, "event": event, "who": who, **facts}
    path = os.path.join(git_directory, NAME)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(0, "it is no plain file")
            os.write(descriptor, (json.dumps(line) + "\n").encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        print(f"leakfirst: {path}: the audit log cannot be written ({error.strerror})", file=sys.stderr)


def describe_findings(
    findings: Iterable[Finding], ignored: Iterable[Ignored] = (), mild: Iterable[Finding] = ()
) -> dict[str, Any]:
    """Return the members of a line for *findings* and *ignored*: fingerprint, rule and first location of each.

    *mild* are those that were told and refused nothing.
    """

    def describe(finding: Finding) -> dict[str, Any]:
        first = finding.locations[0]
        row = {"fingerprint": finding.fingerprint, "rule": finding.rule.id, "path": first.origin.path}
        commit = {"commit": first.origin.commit} if first.origin.commit else {}
        return {**row, "line": first.line, **commit}

    return {
        "findings": [describe(finding) for finding in findings],
        "mild": [{**describe(finding), "severity": finding.severity} for finding in mild],
        "ignored": [{**describe(entry.finding), "by": entry.by} for entry in ignored],
    }
