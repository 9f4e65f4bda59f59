"""No shipped rule takes long for text made of beginnings of its tokens: such text would switch it off."""

from __future__ import annotations

import re
import re._constants as kinds
import re._parser as parser
from collections.abc import Iterator
from typing import Any

from detector.engine.confirm import find_matches
from detector.model import Rule
from detector.rules.shapes import expand
from tests.patterns.each_rule import for_each_rule

REPETITIONS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT)
TEXT_BYTES = 20_000


def find_unbounded(tree: Any) -> Iterator[str]:
    """Yield the repetitions in a parsed pattern that have no upper bound."""
    for operation, argument in tree:
        if operation in REPETITIONS:
            _, most, inner = argument
            if most == kinds.MAXREPEAT:
                yield str(inner)
            yield from find_unbounded(inner)
        elif operation is kinds.SUBPATTERN:
            yield from find_unbounded(argument[3])
        elif operation is kinds.BRANCH:
            for branch in argument[1]:
                yield from find_unbounded(branch)
        elif operation in (kinds.ASSERT, kinds.ASSERT_NOT):
            yield from find_unbounded(argument[1])
        elif operation is kinds.ATOMIC_GROUP:
            yield from find_unbounded(argument)


@for_each_rule(lambda rule: rule.pattern and not rule.published)
def test_each_repetition_has_a_bound(rule: Rule) -> None:
    for pattern in [rule.pattern, *(part.pattern for part in rule.companions)]:
        assert not list(find_unbounded(parser.parse(pattern, re.NOFLAG)))


@for_each_rule(lambda rule: rule.pattern and rule.examples and not rule.published)
def test_a_token_behind_many_beginnings_is_found(rule: Rule) -> None:
    example = expand(rule.examples[0], 1)
    for beginning in (example[:-1], example[: len(example) // 2]):
        text = f"{beginning} " * (TEXT_BYTES // (len(beginning) + 1)) + f"\n\n{example}\n"
        data = text.encode()
        assert any(
            match.end >= len(data) - 1 - len(example.encode()) for match in find_matches(rule, data, 0, len(data))
        )
