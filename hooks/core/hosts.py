"""What a CI host tells in its environment: where the new commits begin, and which commit is the last of a change.

A base that a host names may be older than the branch that the change goes to, and the commit
that is checked out may be a merge that the host made. So a host tells several things, and
`hooks.core.commits` finds in the clone which of them exist.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULT_ADVICE = "clone with the full history and all content (no depth, no filter), or set LEAKFIRST_BASE"
ADVICE = {
    "GITHUB_ACTIONS": "give actions/checkout fetch-depth: 0 and no filter",
    "GITLAB_CI": 'set GIT_DEPTH: "0" in the variables of the job',
    "JENKINS_URL": "use cloneOption(shallow: false, noTags: false) without a reference to filters",
    "CIRCLECI": "use the step `checkout: {method: full}`",
    "TF_BUILD": "set fetchDepth: 0 in the checkout step",
    "BITBUCKET_BUILD_NUMBER": "set clone: depth: full",
    "BUILDKITE": "remove --depth and --filter from BUILDKITE_GIT_CLONE_FLAGS",
}
"""What the job has to change if commits or content are missing, by an environment variable of the host."""


class HostFacts(NamedTuple):
    """What the host tells. All are revisions, "" if it does not tell them.

    `base` is the commit before the new ones; `target` the remote-tracking branch that a change
    goes to; `head` the last commit of a change. `is_github_change` is for the pull requests of GitHub,
    whose merge commits have the target as their first parent. `is_default` is for a push to the default
    branch, or to one that the host does not tell from it. For a push to another branch `default` is the
    remote-tracking branch of the default one: the commit before the push may come from whoever pushes.
    """

    base: str = ""
    target: str = ""
    head: str = ""
    is_github_change: bool = False
    is_default: bool = False
    default: str = ""
    advice: str = DEFAULT_ADVICE


def read_host(environment: Mapping[str, str]) -> HostFacts:
    """Return what the host of this pipeline tells."""
    advice = next((text for name, text in ADVICE.items() if environment.get(name)), DEFAULT_ADVICE)
    return _read_facts(environment)._replace(advice=advice)


def _read_facts(environment: Mapping[str, str]) -> HostFacts:
    given = environment.get("LEAKFIRST_BASE", "")
    if given:
        return HostFacts(given)
    if environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"):  # GitLab
        return HostFacts(
            environment["CI_MERGE_REQUEST_DIFF_BASE_SHA"],
            _name_branch(environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "")),
            environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", ""),
        )
    if environment.get("BITBUCKET_PR_DESTINATION_COMMIT") or environment.get("BITBUCKET_PR_DESTINATION_BRANCH"):
        return HostFacts(
            environment.get("BITBUCKET_PR_DESTINATION_COMMIT", ""),
            _name_branch(environment.get("BITBUCKET_PR_DESTINATION_BRANCH", "")),
        )
    for target, head in (
        ("CHANGE_TARGET", ""),  # Jenkins
        ("SYSTEM_PULLREQUEST_TARGETBRANCH", "SYSTEM_PULLREQUEST_SOURCECOMMITID"),  # Azure
        ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", ""),
    ):
        if environment.get(target):
            return HostFacts("", _name_branch(environment[target]), environment.get(head, ""))
    for name in ("CI_COMMIT_BEFORE_SHA", "GIT_PREVIOUS_SUCCESSFUL_COMMIT"):  # a push: GitLab, Jenkins
        if environment.get(name, "").strip("0"):
            branch, default = environment.get("CI_COMMIT_BRANCH", ""), environment.get("CI_DEFAULT_BRANCH", "")
            is_other = environment.get("BRANCH_NAME") and environment.get("BRANCH_IS_PRIMARY") != "true"  # Jenkins
            is_default = branch == default and not is_other
            return HostFacts(
                environment[name],
                head=environment.get("CI_COMMIT_SHA", ""),
                is_default=is_default,
                default="" if is_default else _name_branch(default),
            )
    if environment.get("GITHUB_EVENT_PATH"):
        return _read_github_event(environment)
    for default, current in (
        ("CI_DEFAULT_BRANCH", "CI_COMMIT_BRANCH"),
        ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "BUILDKITE_BRANCH"),
    ):
        if environment.get(default, "") != environment.get(current, ""):
            return HostFacts("", _name_branch(environment.get(default, "")))
    return HostFacts()


def _name_branch(branch: str) -> str:
    branch = branch.removeprefix("refs/heads/")
    return f"refs/remotes/origin/{branch}" if branch else ""


def _read_github_event(environment: Mapping[str, str]) -> HostFacts:
    try:
        with open(environment["GITHUB_EVENT_PATH"], encoding="utf-8") as file:
            event: dict[str, Any] = json.load(file)
        pull = event.get("pull_request")
        if pull:
            base, head = pull.get("base") or {}, pull.get("head") or {}
            target = _name_branch(str(base.get("ref") or ""))
            return HostFacts(str(base.get("sha") or ""), target, str(head.get("sha") or ""), is_github_change=True)
        queue = event.get("merge_group") or {}
        base_id = str(queue.get("base_sha") or event.get("before") or "")
        default = str((event.get("repository") or {}).get("default_branch") or "")
    except (OSError, ValueError, AttributeError):
        return HostFacts()
    # A tag may have the name of the default branch.
    is_branch = environment.get("GITHUB_REF_TYPE") != "tag"
    is_default = (is_branch and default == environment.get("GITHUB_REF_NAME")) if default else "before" not in event
    head = str(event.get("after") or "")
    told = HostFacts(head=head if head.strip("0") else "", is_default=is_default and not queue)
    other = "" if is_default or queue else _name_branch(default)
    return told._replace(base=base_id, default=other) if base_id.strip("0") else told._replace(target=other)
