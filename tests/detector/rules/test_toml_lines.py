"""Lines of tables and keys are found, whatever the strings of the file contain."""

import doctest

import pytest

from detector.errors import RuleError
from detector.rules import toml_lines
from detector.rules.loader import parse
from detector.rules.toml_lines import TomlLines, parse_toml

GOOD = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_"]
pattern = '(acme_[0-9a-z]{24})'
"""


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(toml_lines).failed == 0


def test_inline_tables_are_rules_too() -> None:
    (rule,) = parse(
        """rule = [{ id = "a.b", finds = "x", anchors = ["acme_"], pattern = 'acme_[0-9]{9}' }]\n""", "f.toml"
    )
    assert (rule.id, rule.source) == ("a.b", "f.toml:1")


def test_lines_are_those_of_the_tables_whatever_their_strings_hold() -> None:
    rules = parse(GOOD + "misses = ['''\n[[rule]]\n''']\n" + GOOD.replace("acme.key", "acme.other"), "f.toml")
    assert [rule.source for rule in rules] == ["f.toml:2", "f.toml:11"]


def test_a_key_that_is_not_found_has_the_line_of_its_table() -> None:
    lines = TomlLines(GOOD + GOOD, "rule")
    assert lines.key(1, "nope", of=2) == lines.start(1, of=2) == 8
    assert lines.top("nope") == 1


def test_a_mistake_in_the_syntax_has_its_line() -> None:
    with pytest.raises(RuleError, match=r"^f\.toml:3: "):
        parse_toml("a = 1\nb = 2\nc = \n", "f.toml")
