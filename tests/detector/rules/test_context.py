"""A value without a prefix is found by the name that it is assigned to."""

import pytest
import regex

from detector.engine.anchors import build_automaton, build_expression
from detector.rules.context import KEY_WORDS
from detector.rules.loader import parse

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
            assert list(build_automaton(rule.anchors, engine).scan(data)), (data, engine)
