"""The trail of a hook's decisions: JSON lines in the git directory, appended whole.

It tells what was refused, let through, set aside or skipped, by which hook,
when and for whom. Credentials are in it as keyed fingerprints only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from detector.model import Finding, Ignored

NAME = os.path.join("leakfirst", "audit.jsonl")
WHO = ("GL_USERNAME", "GL_ID", "GITEA_PUSHER_NAME", "GITHUB_USER_LOGIN", "REMOTE_USER", "LOGNAME", "USER")
"""Where hosts say who pushes, the most telling first."""


def note(git_directory: str, hook: str, event: str, **facts: Any) -> None:
    """Append one line; a trail that cannot be written is said, never in the way."""
    import json
    import time

    who = next((os.environ[name] for name in WHO if os.environ.get(name)), "")
    line = {"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "hook": hook, "event": event, "who": who, **facts}
    path = os.path.join(git_directory, NAME)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, (json.dumps(line) + "\n").encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        print(f"leakfirst: {path}: the audit trail cannot be written ({error.strerror})", file=_errors())


def facts_of(findings: Iterable[Finding], ignored: Iterable[Ignored] = ()) -> dict[str, Any]:
    """Return what a line says of findings: fingerprint, rule and first place."""

    def one(finding: Finding) -> dict[str, Any]:
        first = finding.locations[0]
        row = {"fingerprint": finding.fingerprint, "rule": finding.rule.id, "path": first.origin.path}
        commit = {"commit": first.origin.commit} if first.origin.commit else {}
        return {**row, "line": first.line, **commit}

    return {
        "findings": [one(finding) for finding in findings],
        "ignored": [{**one(entry.finding), "by": entry.by} for entry in ignored],
    }


def _errors() -> Any:
    import sys

    return sys.stderr
