"""What each CI host tells of the new commits."""

import json
from pathlib import Path

import pytest

from hooks.core.hosts import HostFacts, read_host

ZERO = "0" * 40
A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            {"pull_request": {"base": {"sha": B, "ref": "main"}, "head": {"sha": A}}},
            HostFacts(B, "refs/remotes/origin/main", A, is_github_change=True),
        ),
        ({"pull_request": {"base": {"sha": B}}}, HostFacts(B, is_github_change=True)),
        ({"merge_group": {"base_sha": A}}, HostFacts(A)),
        ({"before": A}, HostFacts(A)),
        ({"before": ZERO, "repository": {"default_branch": "trunk"}}, HostFacts("", "refs/remotes/origin/trunk")),
        (
            {"before": A, "after": B, "repository": {"default_branch": "trunk"}},
            HostFacts(A, head=B, default="refs/remotes/origin/trunk"),
        ),
        ({"before": A, "after": ZERO, "repository": {"default_branch": "topic"}}, HostFacts(A, is_default=True)),
        ({"inputs": {}, "repository": {"default_branch": "trunk"}}, HostFacts("", "refs/remotes/origin/trunk")),
        ({"inputs": {}, "repository": {"default_branch": "topic"}}, HostFacts(is_default=True)),
        ({"before": ZERO, "repository": {"default_branch": "topic"}}, HostFacts(is_default=True)),
        ({"before": A, "repository": {"default_branch": "topic"}}, HostFacts(A, is_default=True)),
        ({"schedule": "0 0 * * *"}, HostFacts(is_default=True)),
        (["no", "event"], HostFacts()),
    ],
)
def test_github_tells_it_in_an_event(tmp_path: Path, content: object, told: HostFacts) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(content))
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path), "GITHUB_REF_NAME": "topic"}
    found = read_host(environment)
    assert found._replace(advice=HostFacts().advice) == told and "fetch-depth: 0" in found.advice


def test_a_tag_with_the_name_of_the_default_branch_is_not_that_branch(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"before": ZERO, "after": A, "repository": {"default_branch": "main"}}))
    environment = {"GITHUB_EVENT_PATH": str(path), "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "tag"}
    assert read_host(environment) == HostFacts("", "refs/remotes/origin/main", A)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, HostFacts()),
        ({"GITHUB_EVENT_PATH": "/nowhere"}, HostFacts()),
        ({"LEAKFIRST_BASE": "v1", "CI_COMMIT_BEFORE_SHA": A}, HostFacts("v1")),
        ({"CI_MERGE_REQUEST_DIFF_BASE_SHA": A, "CI_COMMIT_BEFORE_SHA": ZERO}, HostFacts(A)),
        (
            {
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": A,
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": B,
            },
            HostFacts(A, "refs/remotes/origin/main", B),
        ),
        (
            {"CI_COMMIT_BEFORE_SHA": ZERO, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "x"},
            HostFacts("", "refs/remotes/origin/main"),
        ),
        ({"CI_COMMIT_BEFORE_SHA": ZERO, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "main"}, HostFacts()),
        (
            {
                "CI_COMMIT_BEFORE_SHA": A,
                "CI_COMMIT_SHA": B,
                "CI_DEFAULT_BRANCH": "main",
                "CI_COMMIT_BRANCH": "x",
            },
            HostFacts(A, head=B, default="refs/remotes/origin/main"),
        ),
        ({"GIT_PREVIOUS_SUCCESSFUL_COMMIT": A}, HostFacts(A, is_default=True)),
        ({"GIT_PREVIOUS_SUCCESSFUL_COMMIT": A, "BRANCH_NAME": "x"}, HostFacts(A)),
        (
            {"GIT_PREVIOUS_SUCCESSFUL_COMMIT": A, "BRANCH_NAME": "x", "BRANCH_IS_PRIMARY": "true"},
            HostFacts(A, is_default=True),
        ),
        (
            {"BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main", "BUILDKITE_BRANCH": "x"},
            HostFacts("", "refs/remotes/origin/main"),
        ),
        ({"BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main", "BUILDKITE_BRANCH": "main"}, HostFacts()),
        ({"GIT_PREVIOUS_SUCCESSFUL_COMMIT": A, "CHANGE_TARGET": "main"}, HostFacts("", "refs/remotes/origin/main")),
        (
            {"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main", "SYSTEM_PULLREQUEST_SOURCECOMMITID": B},
            HostFacts("", "refs/remotes/origin/main", B),
        ),
        (
            {"BITBUCKET_PR_DESTINATION_COMMIT": "abcdef123456", "BITBUCKET_PR_DESTINATION_BRANCH": "main"},
            HostFacts("abcdef123456", "refs/remotes/origin/main"),
        ),
    ],
)
def test_other_hosts_tell_it_in_variables(environment: dict[str, str], told: HostFacts) -> None:
    assert read_host(environment) == told
