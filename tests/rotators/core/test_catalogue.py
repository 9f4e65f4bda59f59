"""Which rotator serves a rule."""

import types

import pytest

from detector.errors import UsageError
from rotators.core import catalogue
from rotators.core.catalogue import find_rotator, list_rotators, list_stores, load_rotator, select_settings
from tests.rotators.test_hosted_providers import KINDS


@pytest.mark.parametrize(("name", "rule"), [(name, kind.rule) for name, kind in KINDS.items()])
def test_a_rule_finds_its_rotator(name: str, rule: str) -> None:
    assert find_rotator(rule) == name


def test_the_longest_pattern_wins() -> None:
    assert find_rotator("aws.access-key") == "aws-iam"
    assert find_rotator("aws.temporary-key") == "aws-sts"
    assert find_rotator("aws.ses-smtp") == "ses-smtp"
    assert find_rotator("vault.approle-secret-id") == "vault-approle"
    assert find_rotator("nobody.serves-this") is None


@pytest.mark.parametrize(
    "rule",
    ["aws.appsync-key", "aws.mws-auth-token", "aws.bedrock-session-key", "vault.unseal-key", "vault.recovery-token"],
)
def test_a_kind_that_no_call_ends_is_not_asked_about_as_another_kind(rule: str) -> None:
    assert find_rotator(rule) == "runbook"


def test_of_equal_patterns_that_of_another_distribution_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = types.SimpleNamespace(SERVES=("aws.*", "slack.bot-*"))
    monkeypatch.setattr(catalogue, "_load_installed", lambda: iter([("acme", theirs)]))
    assert find_rotator("aws.access-key") == "acme"
    assert find_rotator("aws.temporary-key") == "aws-sts"
    assert find_rotator("slack.bot-token") == "slack"
    assert find_rotator("slack.bot-other") == "acme"


def test_shared_packages_are_no_rotators() -> None:
    assert {"core", "stores"}.isdisjoint(list_rotators())
    assert "env-file" in list_stores()
    with pytest.raises(UsageError, match=r"unknown rotator 'core'; known: .*aws-iam"):
        load_rotator("core")


def test_dashes_and_underscores_are_the_same_in_a_policy() -> None:
    assert select_settings({"aws_iam": {"region": "x"}}, "aws-iam") == {"region": "x"}
    assert select_settings({"aws-iam": {"region": "x"}}, "aws-iam") == {"region": "x"}
    assert select_settings({}, "aws-iam") == {}
