"""A mistake in a rule file is named by file, line and remedy."""

import pytest
import regex

from detector.engine.anchors import build_automaton, build_expression
from detector.errors import RuleError
from detector.rules.context import KEY_WORDS
from detector.rules.loader import load_files, parse

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


CONTEXT = """
[[rule]]
id = "acme.key"
finds = "Acme key"
context = ["acme"]
value = '[0-9a-f]{32}'
"""
VALUE = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("keyed", "line", "found"),
    [
        ("", "ACME_BUILD={}", True),
        ("", '"acmeKey": "{}"', True),
        ("", "other={}", False),
        ("", "acme_key={}0", False),
        ("", "acme.{}", False),
        ("keyed = true", "ACME_API_KEY = '{}'", True),
        ("keyed = true", "token_for_acme: {}", True),
        ("keyed = true", "acme={}", False),
        ("keyed = true", "ACME_BUILD={}", False),
        ("keyed = true", "acme_key_id={}", False),
        ("keyed = ['build']", "ACME_BUILD={}", True),
        ("keyed = ['build']", "ACME_TOKEN={}", False),
    ],
)
def test_a_value_is_found_by_the_name_it_is_assigned_to(keyed: str, line: str, found: bool) -> None:
    [rule] = parse(CONTEXT + keyed)
    data = line.format(VALUE).encode()
    assert bool(regex.search(rule.pattern.encode(), data)) is found
    assert all(regex.search(build_expression(anchor), data, regex.IGNORECASE) for anchor in rule.anchors if found)


def test_the_bare_context_word_is_no_anchor() -> None:
    [rule] = parse(CONTEXT)
    [anchor] = rule.anchors
    assert not regex.search(
        build_expression(anchor), b"Acme is a company. See acme.test/docs for more words.", regex.IGNORECASE
    )


@pytest.mark.parametrize(
    ("keyed", "value", "shared"),
    [
        ("keyed = true", "[0-9a-f]{32}", True),
        ("keyed = ['api_key', 'Secret']", "(?=[a-z]{0,31}[0-9])(?:[0-9a-z]{32}|[\\w.-]{40})", True),
        ("", "[0-9a-f]{32}", False),
        ("keyed = ['key', 'app']", "[0-9a-f]{32}", False),
        ("keyed = true", "[0-9a-f]{23}", False),
        ("keyed = true", "[0-9a-f]{16}#[0-9a-f]{16}", False),
        ("keyed = true", "[^#]{32}", False),
        ("keyed = true\nanchors = ['acme_']", "[0-9a-f]{32}", False),
        ("keyed = true\ncontext = ['acme inc']", "[0-9a-f]{32}", False),
    ],
)
def test_long_values_with_the_name_of_a_credential_are_looked_for_together(
    keyed: str, value: str, shared: bool
) -> None:
    text = CONTEXT.replace("[0-9a-f]{32}", value)
    text = text.replace('context = ["acme"]\n', "") if "context" in keyed else text
    [rule] = parse(text + keyed)
    assert {bool(anchor.loose) for anchor in rule.anchors} == {shared}


@pytest.mark.parametrize(
    "gap", ["=", " ", ' = "', "': '", '": "', " => '", "||", "(", "('", ":=", "']='", "`,`", ' <= "']
)
@pytest.mark.parametrize("name", ["acme{}", "{}_acme", "the-{}.acme-x"])
def test_what_is_looked_for_together_is_found(gap: str, name: str) -> None:
    [rule] = parse(CONTEXT + "keyed = true")
    for word in KEY_WORDS:
        data = f"{name.format(word.upper())}{gap}{VALUE} ".encode()
        assert regex.search(rule.pattern.encode(), data)
        for engine in ("hyperscan", "ahocorasick"):
            assert [hit.anchor for hit in build_automaton(rule.anchors, engine).scan(data)], (data, engine)


def test_an_id_is_given_once(tmp_path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(RuleError, match=r"b\.toml:2: the id 'acme\.key' is taken by .*a\.toml:2"):
        load_files([str(tmp_path / "a.toml"), str(tmp_path / "b.toml")])


def test_two_rules_of_one_file_with_one_id_are_an_error(tmp_path) -> None:
    (tmp_path / "a.toml").write_text(GOOD + GOOD)
    with pytest.raises(RuleError, match=r"a\.toml:8: the id 'acme\.key' is taken by .*a\.toml:2"):
        load_files([str(tmp_path / "a.toml")])


def test_inline_tables_are_rules_too() -> None:
    (rule,) = parse(
        """rule = [{ id = "a.b", finds = "x", anchors = ["acme_"], pattern = 'acme_[0-9]{9}' }]\n""", "f.toml"
    )
    assert (rule.id, rule.source) == ("a.b", "f.toml:1")


def test_lines_are_those_of_the_tables_whatever_their_strings_hold() -> None:
    rules = parse(GOOD + "misses = ['''\n[[rule]]\n''']\n" + GOOD.replace("acme.key", "acme.other"), "f.toml")
    assert [rule.source for rule in rules] == ["f.toml:2", "f.toml:11"]


def test_a_file_that_is_no_text_is_named(tmp_path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RuleError, match=r"x\.toml: is not UTF-8"):
        load_files([str(tmp_path / "x.toml")])
    with pytest.raises(RuleError, match=r"y\.toml: cannot be read"):
        load_files([str(tmp_path / "y.toml")])


def test_rules_that_are_no_tables_are_an_error() -> None:
    with pytest.raises(RuleError, match=r"^f\.toml:1: write \[\[rule\]\] with two brackets$"):
        parse("rule = ['x']\n", "f.toml")
