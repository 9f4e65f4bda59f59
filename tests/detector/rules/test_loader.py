"""A mistake in a rule file is named by file, line and remedy."""

import pytest

from detector.errors import RuleError
from detector.rules.loader import load_files, parse

GOOD = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_"]
pattern = '(acme_[0-9a-z]{24})'
"""


def test_an_id_is_given_once(tmp_path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(RuleError, match=r"b\.toml:2: the id 'acme\.key' is taken by .*a\.toml:2"):
        load_files([str(tmp_path / "a.toml"), str(tmp_path / "b.toml")])


def test_two_rules_of_one_file_with_one_id_are_an_error(tmp_path) -> None:
    (tmp_path / "a.toml").write_text(GOOD + GOOD)
    with pytest.raises(RuleError, match=r"a\.toml:8: the id 'acme\.key' is taken by .*a\.toml:2"):
        load_files([str(tmp_path / "a.toml")])


def test_a_file_that_is_no_text_is_named(tmp_path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RuleError, match=r"x\.toml: is not UTF-8"):
        load_files([str(tmp_path / "x.toml")])
    with pytest.raises(RuleError, match=r"y\.toml: cannot be read"):
        load_files([str(tmp_path / "y.toml")])


def test_rules_that_are_no_tables_are_an_error() -> None:
    with pytest.raises(RuleError, match=r"^f\.toml:1: write \[\[rule\]\] with two brackets$"):
        parse("rule = ['x']\n", "f.toml")
