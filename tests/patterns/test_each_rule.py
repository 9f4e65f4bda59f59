import pytest

from detector.model import Rule
from tests.patterns.each_rule import RULES, for_each_rule


def test_every_rule_is_tested_and_each_that_fails_is_named() -> None:
    seen = []

    @for_each_rule(lambda rule: rule.id.startswith("aws."))
    def test(rule: Rule) -> None:
        seen.append(rule.id)
        assert "key" not in rule.id

    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    assert mark.args[1] == ["aws"]
    with pytest.raises(AssertionError) as failed:
        test("aws")
    assert seen == [name for name in RULES if name.startswith("aws.")]
    assert [line.partition(":")[0] for line in str(failed.value).splitlines() if line.startswith("aws.")] == [
        name for name in seen if "key" in name
    ]
