"""Scan the commits of a merge request or a push in a CI pipeline, and write the report that its host reads.

`leakfirst hook run ci [OPTIONS OF scan]` finds the new commits and the report format
from the environment variables of the pipeline. If they do not name the base commit,
or the clone is too shallow to contain it, everything is scanned.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from hooks.core import git

REPORTS = {
    "GITHUB_ACTIONS": ("--report", "github=-", "--report", "sarif=leakfirst.sarif"),
    "GITLAB_CI": ("--report", "text=-", "--report", "gitlab=gl-secret-detection-report.json"),
}
"""Options for the reports of each host, by an environment variable that it sets."""

DEFAULT_REPORTS = ("--report", "text=-", "--report", "junit=leakfirst-junit.xml")


def main(arguments: list[str]) -> int:
    """Scan like `leakfirst scan`, with the range and the reports of this pipeline; return its exit code."""
    from detector.registry import run_command

    words = ["scan", "--no-progress", *arguments]
    if not _has_option(arguments, ("--format", "-f", "--report", "--output", "-o")):
        words += choose_reports(os.environ)
    if not _has_option(arguments, ("--since", "--range", "--staged")):
        base = find_base(os.environ)
        commit = _resolve_commit(base)
        if commit:
            words += ["--range", f"{commit}..HEAD"]
        else:
            reason = f"the base {base} is not in this clone; fetch it with full depth" if base else "no base is known"
            print(f"leakfirst: scanning everything: {reason}", file=sys.stderr)
    return run_command(words)


def _has_option(arguments: list[str], options: tuple[str, ...]) -> bool:
    return any(word.partition("=")[0] in options for word in arguments)


def choose_reports(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options for the reports that the host reads."""
    return next((options for name, options in REPORTS.items() if environment.get(name)), DEFAULT_REPORTS)


def find_base(environment: Mapping[str, str]) -> str:
    """Return the revision that the new commits are based on, "" if it is not known."""
    given = environment.get("LEAKFIRST_BASE", "")
    if given:
        return given
    for name in (
        "CI_MERGE_REQUEST_DIFF_BASE_SHA",  # GitLab: a merge request
        "CI_COMMIT_BEFORE_SHA",  # GitLab: a push
        "BITBUCKET_PR_DESTINATION_COMMIT",
        "GIT_PREVIOUS_SUCCESSFUL_COMMIT",  # Jenkins
    ):
        if name == "GIT_PREVIOUS_SUCCESSFUL_COMMIT" and environment.get("CHANGE_TARGET"):
            break
        if environment.get(name, "").strip("0"):
            return environment[name]
    if environment.get("GITHUB_EVENT_PATH"):
        return _find_github_base(environment)
    for name in ("CHANGE_TARGET", "BUILDKITE_PULL_REQUEST_BASE_BRANCH", "SYSTEM_PULLREQUEST_TARGETBRANCH"):
        branch = environment.get(name, "").removeprefix("refs/heads/")
        if branch:
            return f"refs/remotes/origin/{branch}"
    branch = environment.get("CI_DEFAULT_BRANCH", "")
    return f"refs/remotes/origin/{branch}" if branch and branch != environment.get("CI_COMMIT_BRANCH") else ""


def _find_github_base(environment: Mapping[str, str]) -> str:
    try:
        with open(environment["GITHUB_EVENT_PATH"], encoding="utf-8") as file:
            event: dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        return ""
    pull = event.get("pull_request") or {}
    queue = event.get("merge_group") or {}
    before = str(event.get("before") or "")
    found = (pull.get("base") or {}).get("sha") or queue.get("base_sha") or (before if before.strip("0") else "")
    if not found and "before" in event:
        default = (event.get("repository") or {}).get("default_branch")
        if default and environment.get("GITHUB_REF_NAME") != default:
            found = f"refs/remotes/origin/{default}"
    return str(found)


def _resolve_commit(name: str) -> str:
    """Return the id of the commit *name* in this clone, "" if it is not here."""
    if not name or name.startswith("-"):
        return ""
    found = git.read_lines(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"], quiet=True)
    return found[-1] if found else ""
