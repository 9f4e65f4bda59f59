"""Which rotator serves a rule."""

import pytest

from detector.errors import UsageError
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


def test_shared_packages_are_no_rotators() -> None:
    assert {"core", "stores"}.isdisjoint(list_rotators())
    assert "env-file" in list_stores()
    with pytest.raises(UsageError, match=r"unknown rotator 'core'; known: .*aws-iam"):
        load_rotator("core")


def test_dashes_and_underscores_are_the_same_in_a_policy() -> None:
    assert select_settings({"aws_iam": {"region": "x"}}, "aws-iam") == {"region": "x"}
    assert select_settings({"aws-iam": {"region": "x"}}, "aws-iam") == {"region": "x"}
    assert select_settings({}, "aws-iam") == {}
