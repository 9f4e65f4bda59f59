"""The catalogue in docs/rules/ is that of the rules, byte for byte."""

import os
from pathlib import Path

from detector.rules.catalogue import INDEX, pages, stale, write
from detector.rules.loader import load_files, parse
from detector.rules.pack import rule_files, shipped_folder

RULES = """
service = "Acme | Co"
[[rule]]
id = "acme.key"
finds = "Acme key"
harm = "Reads everything."
severity = "critical"
anchors = ["acme_[0-9a-z]{4}"]
pattern = '(acme_[0-9a-z]{24})'
revoke = "Console → revoke."
links = ["https://acme.test/docs"]
examples = ["acme_{base36:24}"]
probe = { get = "https://api.acme.test/me", bearer = "{secret}", live = 200, dead = 401 }
[[rule]]
id = "acme.other"
finds = "Acme other"
anchors = ["acmo_"]
pattern = '(acmo_[0-9a-z]{24})'
"""


def test_a_page_says_what_a_rule_says() -> None:
    made = pages(parse(RULES))
    assert set(made) == {INDEX, "acme.md"}
    page = made["acme.md"]
    for text in (
        "## acme.key",
        "Reads everything.",
        "`acme_{base36:24}`",
        "`api.acme.test`",
        "<https://acme.test/docs>",
    ):
        assert text in page
    assert "2 rules for 1 providers" in made[INDEX]
    assert "| [Acme \\| Co](acme.md) | 2 | critical, high |" in made[INDEX]


def test_writing_brings_a_folder_up_to_date(tmp_path: Path) -> None:
    folder = str(tmp_path / "rules")
    made = pages(parse(RULES))
    assert write(folder, made) == [INDEX, "acme.md"]
    assert write(folder, made) == []
    (tmp_path / "rules" / "gone.md").write_text("old")
    (tmp_path / "rules" / "acme.md").write_text("old")
    assert stale(folder, made) == ["acme.md", "gone.md"]
    assert write(folder, made) == ["acme.md", "gone.md"]
    assert not (tmp_path / "rules" / "gone.md").exists()


def test_the_catalogue_is_up_to_date() -> None:
    folder = os.path.join(os.path.dirname(shipped_folder()), "docs", "rules")
    made = pages(load_files(rule_files(shipped_folder())))
    assert len(made) > 100
    assert stale(folder, made) == [], "run `leakfirst rules docs`"
