"""Rules come back from rows as they were, whatever folder the shipped ones lie in."""

import os

from detector.rules.loader import load_files
from detector.rules.pack import list_rule_files, shipped_folder
from detector.rules.rule_rows import LazyRules, pack_rules


def test_every_shipped_rule_is_the_same_after_packing() -> None:
    rules = load_files(list_rule_files(shipped_folder()))
    assert list(LazyRules(pack_rules(rules, shipped_folder()), shipped_folder())) == rules


def test_a_source_follows_the_folder_of_the_shipped_rules_and_no_other_does() -> None:
    (rule, *_) = load_files(list_rule_files(shipped_folder()))
    own = rule._replace(source="acme.toml:1")
    found = LazyRules(pack_rules([rule, own], shipped_folder()), "elsewhere")[:]
    assert found[0].source == rule.source.replace(shipped_folder(), "elsewhere")
    assert found[1].source == "acme.toml:1"
    assert not any(os.fsencode(shipped_folder()) in row for row in pack_rules([rule], shipped_folder()))
