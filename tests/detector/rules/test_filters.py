"""A filter drops what it dropped where it comes from."""

import pytest

from detector.engine.conditions import is_met
from detector.engine.confirm import Match
from detector.rules.filters import translate_filter
from detector.rules.re2 import Untranslatable

LINE = b'api_key = "q7Zt9XbLm3"  # demo\n'
SECRET = Match(0, 22, 11, 21)


@pytest.mark.parametrize(
    ("text", "reject_when"),
    [
        ('entropy(finding["secret"]) <= 3.0', False),
        ('entropy(finding["secret"]) < 3.4', True),
        ("3.4 > filter.entropy(finding['secret'])", True),
        ('!(entropy(finding["secret"]) < 3.4)', False),
        ('matchesAny(finding["secret"], [`^x`, `^q\\d`])', True),
        ('filter.matchesAny(finding["match"], ["(?i)API_KEY"])', True),
        ('filter.matchesAny(finding["line"], [`# demo$`])', True),
        ('matchesAny(attributes["path"] ?? "", [`^tests/`])', True),
        ('matchesAny(get(attributes, "path", ""), [`^src/`])', False),
        ('containsAny(finding["secret"], ["zt9"])', True),
        ('containsAny(finding["secret"], ["Zt9"])', False),
        ('finding["secret"] contains "Zt9"', True),
        ('finding["secret"] startsWith "q7" && finding["secret"] endsWith "m3"', True),
        ('finding["secret"] in ["a", "q7Zt9XbLm3"]', True),
        ('finding["secret"] != "q7Zt9XbLm3" || len(finding["secret"]) == 10', True),
        ('finding["secret"] matches `^q` and not (attributes["path"] == "tests/x.py")', False),
        ('finding["rule_id"] == "acme"', True),
        ("// nothing else\nfalse || len(finding['secret']) > 99", False),
    ],
)
def test_a_filter_is_applied(text: str, reject_when: bool) -> None:
    assert is_met(translate_filter(text, "acme"), LINE, SECRET, "tests/x.py") is reject_when


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('let s = finding["secret"]; len(s) < 3', "'let'"),
        ('finding["fragment_raw"] == "x"', "fragment_raw"),
        ('attributes["git.sha"] == "x"', "git.sha"),
        ('failsTokenEfficiency(finding["secret"])', "failsTokenEfficiency"),
        ('finding["secret"][0:3] == "abc"', r"'\['"),
        ('matchesAny(finding["secret"], [`(?=a)`])', "look-around"),
        ("1 <", "the end"),
        ('"x"', "not a condition"),
        ("a # b", "in a filter"),
    ],
)
def test_what_is_not_understood_is_named(text: str, says: str) -> None:
    with pytest.raises(Untranslatable, match=says):
        translate_filter(text)
