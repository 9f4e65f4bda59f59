"""Which rules a scan applies."""

from pathlib import Path

import pytest

from detector.config import Config
from detector.errors import UsageError
from detector.scan.rule_pack import load_rule_pack
from tests.detector.scan.conftest import RULE


def test_rules_are_chosen_by_globs_over_their_ids(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(RULE)
    (tmp_path / "other.toml").write_text(RULE.replace("acme.key", "acme.other"))
    chosen = Config(patterns=(str(tmp_path),), only=("acme.*",))
    assert [rule.id for rule in load_rule_pack(chosen).rules] == ["acme.key", "acme.other"]
    assert [rule.id for rule in load_rule_pack(chosen._replace(skip=("*.other",))).rules] == ["acme.key"]


@pytest.mark.parametrize("option", ["only", "skip"])
def test_a_glob_that_fits_no_rule_is_named(option: str) -> None:
    with pytest.raises(UsageError, match=r"no rule fits 'nothing\.\*'"):
        load_rule_pack(Config()._replace(**{option: ("nothing.*",)}))
