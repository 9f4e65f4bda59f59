"""A kingfisher or noseyparker file means here what it means there."""

from pathlib import Path

import pytest

from detector.errors import RuleError
from detector.rules.kingfisher import read
from detector.rules.loader import load_all
from detector.rules.pack import build_engine, compile_pack
from detector.rules.shapes import expand

RULE = """rules:
- name: Acme token
  id: acme.1
  pattern: |
    (?x)(?i)
    \\b acme [_-]? key .{0,5}
    ( acme_ [a-z0-9]{12} )  \\b    # the token
"""
VALUE = "acme_q7zt9xblm3k5"
LINE = f"acme_key = {VALUE}\n"


def scan(config: str, text: str = LINE) -> list[str]:
    return [
        hit.secret.reveal().decode()
        for hit in build_engine(compile_pack(read(config, "x.yml").rules)).scan(text.encode())
    ]


def test_the_secret_is_the_named_group_else_the_first() -> None:
    assert scan(RULE) == [VALUE]
    assert scan(RULE.replace("( acme_ [a-z0-9]{12} )", "( acme_ ) (?P<TOKEN> [a-z0-9]{12} )")) == [VALUE[5:]]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("  min_entropy: 3.0\n", True),
        ("  min_entropy: 4.5\n", False),
        ("  pattern_requirements: {min_digits: 4}\n", True),
        ("  pattern_requirements: {min_digits: 5}\n", False),
        ("  pattern_requirements: {min_uppercase: 1}\n", False),
        ("  pattern_requirements: {min_special_chars: 1}\n", True),
        ("  pattern_requirements: {min_special_chars: 1, special_chars: '#'}\n", False),
        ("  pattern_requirements: {ignore_if_contains: [ZT9]}\n", False),
        ("  visible: false\n", False),
    ],
)
def test_what_lets_a_find_go(more: str, found: bool) -> None:
    assert bool(scan(RULE + more)) is found


def test_what_it_depends_on_is_a_part_when_it_is_near() -> None:
    config = RULE + "  depends_on_rule: [{rule_id: acme.2, variable: ACME_ID}]\n"
    config += "- {name: Acme id, id: acme.2, visible: false, pattern: 'id-(\\d{6})'}\n"
    engine = build_engine(compile_pack(read(config, "x.yml").rules))
    (hit,) = engine.scan(b"id-482715\n" + LINE.encode())
    assert [(part.name, part.secret.reveal()) for part in hit.parts] == [("acme-id", b"482715")]
    assert len(engine.scan(LINE.encode())) == 1


def test_examples_stand_for_themselves() -> None:
    (rule,) = read(
        RULE + "  examples: ['{acme_key}']\n  negative_examples: [none]\n  confidence: High\n", "x.yml"
    ).rules
    assert [expand(text) for text in rule.examples] == ["{acme_key}"]
    assert (rule.misses, rule.confidence) == (("none",), "high")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (RULE.replace("(?x)(?i)", "(?x)(?=a)"), "acme.1: is not carried over: look-around"),
        ("rules: [{name: x, id: y, pattern: '[a-z]{32}'}]", "y: is not carried over: its expression has no literal"),
        (RULE + "  validation: {type: Http}\n", "the validation of 1 rules"),
        (RULE + "  depends_on_rule: [{rule_id: nope}]\n", "depends on 'nope'"),
        (RULE + "  pattern_requirements: {checksum: {}}\n", None),
        (RULE + "  pattern_requirements: {checksum: {expected: x}}\n", "checksum template"),
        (RULE + "rulesets: [{id: a}]\n", "rulesets"),
    ],
)
def test_what_is_left_out_is_named_in_one_line(config: str, says: str | None) -> None:
    notes = read(config, "x.yml").notes
    assert (len(notes), says is None or says in notes[0]) == (int(says is not None), True)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("rules: [", r"x\.yml:\d+: is not YAML"),
        ("- 1", "holds a list called rules"),
        ("rules: [1]", "a rule is a mapping"),
        ("rules: [{name: x, id: y}]", r"a rule \(y\) has no pattern"),
        (RULE + RULE.partition("\n")[2], r"x\.yml:\d+: the id 'acme\.1' is taken by x\.yml:2"),
        (RULE + "  min_entropy: high\n", r"x\.yml:2: acme\.1: a value has the wrong type"),
    ],
)
def test_a_mistake_is_an_error(config: str, says: str) -> None:
    with pytest.raises(RuleError, match=says):
        read(config, "x.yml")


def test_yaml_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(RULE)
    assert [rule.id for rule in load_all([str(path)]).rules] == ["acme.1"]
