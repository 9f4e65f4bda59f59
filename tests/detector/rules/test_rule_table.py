"""A mistake in a rule's table is named by file, line and remedy."""

import pytest

from detector.errors import RuleError
from detector.rules.loader import parse

GOOD = """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_"]
pattern = '(acme_[0-9a-z]{24})'
"""


def test_defaults_are_filled_in() -> None:
    (rule,) = parse(GOOD, "acme.toml")
    assert (rule.service, rule.severity, rule.confidence, rule.group) == ("Acme", "high", "medium", 1)
    assert rule.source == "acme.toml:2"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[[rule]]", "[rule]"), r"two brackets"),
        (('id = "acme.key"', 'id = "Acme Key"'), r"f\.toml:3: a rule needs an id such as"),
        (('finds = "Acme key"', ""), r"f\.toml:2: acme\.key: say in 'finds'"),
        (('anchors = ["acme_"]', ""), r"acme\.key: name at least one anchor"),
        (('anchors = ["acme_"]', 'anchors = ["a"]'), r"too short"),
        (
            ("(acme_[0-9a-z]{24})", "(acme_[0-9a-z{24})"),
            r"f\.toml:6: acme\.key: pattern is not a valid regular expression",
        ),
        (("(acme_[0-9a-z]{24})", "(acme_)?"), r"matches the empty string"),
        (('finds = "Acme key"', 'finds = "x"\nseverity = "urgent"'), r"severity is one of info, low"),
        (('finds = "Acme key"', 'finds = "x"\nmin_entropy = "3"'), r"min_entropy is a number"),
        (('finds = "Acme key"', 'finds = "x"\nlinks = "http"'), r"links must be a list"),
        (
            ('finds = "Acme key"', 'finds = "x"\nchecks = ["nope"]'),
            r"f\.toml:5: acme\.key: unknown check 'nope'; known: .*github-crc32",
        ),
        (
            ('finds = "Acme key"', 'finds = "x"\nregex = "a"'),
            r"f\.toml:5: acme\.key: unknown key 'regex'; known: alphabet, ",
        ),
        (('finds = "Acme key"', 'finds = "x"\nwindow = [1, -2]'), r"window is \[bytes before"),
        (('finds = "Acme key"', 'finds = "x"\ncontext = ["acme"]'), r"either a 'pattern', or 'context'"),
        (('finds = "Acme key"', 'finds = "x"\ngroup = 2'), r"no group 2"),
        (
            ('finds = "Acme key"', 'finds = "x"\nserverity = "low"'),
            r"f\.toml:5: .* 'serverity'; did you mean 'severity'\?$",
        ),
        (
            ('finds = "Acme key"', 'finds = "x"\nspecificity = "far"'),
            r"f\.toml:5: .*: specificity must be a whole number",
        ),
        (('finds = "Acme key"', 'finds = "x"\nscored = 1'), r"f\.toml:5: .*: scored is true or false"),
        (
            ('finds = "Acme key"', 'finds = "x"\ncompanions = [{name = "y"}]'),
            r"f\.toml:5: .*: a companion needs a pattern",
        ),
        (
            ("24})'", "24})'\n[[rule.companions]]\nname = 'x'\npattern = 'y'\nwitin = 3"),
            r"f\.toml:10: .* did you mean 'within'",
        ),
        (
            ("24})'", "24})'\n[[rule.companions]]\nname = 'x'\npattern = 'y'\nwithin = '3'"),
            r"f\.toml:10: .*within of companion 'x'",
        ),
        (("[[rule]]", "harm = 3\n[[rule]]"), r"f\.toml:2: harm must be a string"),
        (('finds = "Acme key"', 'finds = "x"\nkeyed = 3'), r"keyed"),
        (("[[rule]]", "x = 1\n[[rule]]"), r"f\.toml:2: unknown key 'x' outside of \[\[rule\]\] tables"),
        (('id = "acme.key"', 'id = "acme.key'), r"f\.toml:3: "),
    ],
)
def test_a_mistake_is_named(change: tuple[str, str], says: str) -> None:
    with pytest.raises(RuleError, match=says):
        parse(GOOD.replace(*change), "f.toml")
