"""docs/providers.md names every rule, and only adding, renaming or removing one changes it."""

from detector.rules.loader import load_files, parse
from detector.rules.pack import list_rule_files, shipped_folder
from detector.rules.provider_index import MADE, render
from tests.program import CHECKOUT

RULES = """
service = "Acme | Co"
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{4}"]
pattern = '(acme_[0-9a-z]{24})'
probe = { get = "https://api.acme.test/me", bearer = "{secret}", live = 200, dead = 401 }
[[rule]]
id = "acme.other"
finds = "Acme other"
anchors = ["acmo_"]
pattern = '(acmo_[0-9a-z]{24})'
[[rule]]
id = "aaa.key"
service = "zebra"
finds = "Zebra key"
anchors = ["zeb_"]
pattern = '(zeb_[0-9a-z]{24})'
"""


def test_a_provider_is_one_row_with_its_rules() -> None:
    page = render(parse(RULES))
    assert page.startswith(f"{MADE}# Providers\n\n3 rules for 2 providers. 0 have an offline check; 1, marked with ✓, ")
    assert page.endswith("| Acme \\| Co | `acme.key` ✓, `acme.other` |\n| zebra | `aaa.key` |\n")


def test_the_order_of_rules_and_what_they_say_change_nothing() -> None:
    rules = parse(RULES)
    other = [rule._replace(harm="Reads all.", severity=rule.severity, pattern="(x)") for rule in reversed(rules)]
    assert render(other) == render(rules)


def test_the_page_is_up_to_date() -> None:
    path = CHECKOUT / "docs" / "providers.md"
    rules = load_files(list_rule_files(shipped_folder()))
    assert len(rules) > 1000
    with path.open(encoding="utf-8", newline="") as file:
        assert file.read() == render(rules), "run `leakfirst rules docs`"
