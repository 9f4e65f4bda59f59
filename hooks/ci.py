"""Look at what a pipeline is about: the commits of the merge request or the push, told in its host's way.

`leakfirst hook run ci [OPTIONS OF scan]` works out from the environment which
commits are new, and which report the host reads. Where it cannot tell, or where
the clone is too shallow to hold the base, everything is looked at.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from hooks import _git

REPORTS = {
    "GITHUB_ACTIONS": ("--report", "github=-", "--report", "sarif=leakfirst.sarif"),
    "GITLAB_CI": ("--report", "text=-", "--report", "gitlab=gl-secret-detection-report.json"),
}
"""What is written where nothing else was asked for; anywhere else it is a text and a JUnit file."""

ELSEWHERE = ("--report", "text=-", "--report", "junit=leakfirst-junit.xml")


def main(arguments: list[str]) -> int:
    """Scan as `leakfirst scan` does, with the range and the reports of this pipeline."""
    from detector.registry import run_command

    words = ["scan", "--no-progress", *arguments]
    if not _asks_for(arguments, ("--format", "-f", "--report", "--output", "-o")):
        words += reports(os.environ)
    if not _asks_for(arguments, ("--since", "--range", "--staged")):
        base = base_of(os.environ)
        commit = _commit(base)
        if commit:
            words += ["--range", f"{commit}..HEAD"]
        else:
            reason = f"{base} is not in this clone (fetch all of it)" if base else "no base is named"
            print(f"leakfirst: looking at everything: {reason}", file=sys.stderr)
    return run_command(words)


def _asks_for(arguments: list[str], options: tuple[str, ...]) -> bool:
    return any(word.partition("=")[0] in options for word in arguments)


def reports(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options that write what the host reads."""
    return next((options for name, options in REPORTS.items() if environment.get(name)), ELSEWHERE)


def base_of(environment: Mapping[str, str]) -> str:
    """Return the revision that what is new is new against, or ""."""
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
        return _github(environment)
    for name in ("CHANGE_TARGET", "BUILDKITE_PULL_REQUEST_BASE_BRANCH", "SYSTEM_PULLREQUEST_TARGETBRANCH"):
        branch = environment.get(name, "").removeprefix("refs/heads/")
        if branch:
            return f"refs/remotes/origin/{branch}"
    branch = environment.get("CI_DEFAULT_BRANCH", "")
    return f"refs/remotes/origin/{branch}" if branch and branch != environment.get("CI_COMMIT_BRANCH") else ""


def _github(environment: Mapping[str, str]) -> str:
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


def _commit(name: str) -> str:
    """Return the commit that *name* stands for in this clone, or ""."""
    if not name or name.startswith("-"):
        return ""
    found = _git.lines_of(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"], quiet=True)
    return found[-1] if found else ""
