"""A gitleaks or betterleaks file means here what it means there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import RuleError
from detector.rules.gitleaks import is_gitleaks_file, read
from detector.rules.loader import load_all
from detector.rules.pack import build_engine, compile_pack, load_pack

RULE = """
[[rules]]
id = "acme-token"
description = "Acme token"
regex = '''(?i)acme[_-]?key\\s*=\\s*["']?(acme_[a-z0-9]{12})'''
keywords = ["acme"]
"""
LIST = RULE + "[[rules.allowlists]]\n"
VALUE = "acme_q7zt9xblm3k5"
LINE = f'acme_key = "{VALUE}"  # demo\n'
Scan = Callable[..., list[str]]


@pytest.fixture
def scan() -> Scan:
    """Scan a text with the rules of a file; return the secrets."""

    def scanned(config: str, text: str = LINE, path: str = "src/x.py") -> list[str]:
        rules = read(config, "x.toml").rules
        return [hit.secret.reveal().decode() for hit in build_engine(compile_pack(rules)).scan(text.encode(), path)]

    return scanned


def test_the_secret_is_the_first_group_that_is_not_empty(scan: Scan) -> None:
    assert scan(RULE) == [VALUE]
    assert scan(RULE.replace("(acme_[", "(none)?(acme_[")) == [VALUE]
    assert scan(RULE.replace("(acme_[a-z0-9]{12})", "acme_[a-z0-9]{12}")) == [LINE[: LINE.index(VALUE) + len(VALUE)]]
    assert scan(RULE.replace("(acme_[a-z0-9]{12})", "(acme_)([a-z0-9]{12})") + "secretGroup = 2") == [VALUE[5:]]


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (RULE + "entropy = 3.0", True),
        (RULE + "entropy = 4.0", False),
        (RULE.replace('"acme"', '"elsewhere"'), False),
        (RULE + "path = '''\\.py$'''", True),
        (RULE + "path = '''\\.js$'''", False),
        (LIST + "stopWords = ['Q7ZT']", False),
        (LIST + "stopwords = ['zzz']", True),
        (LIST + "regexes = ['''^acme_q''']", False),
        (LIST + "regexes = ['''demo''']", True),
        (LIST + "regexTarget = 'line'\nregexes = ['''# demo$''']", False),
        (LIST + "regexTarget = 'match'\nregexes = ['''^acme_key''']", False),
        (LIST + "paths = ['''^src/''']", False),
        (LIST + "condition = 'AND'\npaths = ['''^src/''']\nstopwords = ['zzz']", True),
        (LIST + "condition = 'AND'\npaths = ['''^src/''']\nstopwords = ['q7']", False),
        (LIST + "condition = 'AND'\ncommits = ['abc']\npaths = ['''^src/''']", True),
        (RULE + "[rules.allowlist]\npaths = ['''^src/''']", False),
        (RULE + "[allowlist]\npaths = ['''^src/''']", False),
        (RULE + "[[allowlists]]\ntargetRules = ['acme-token']\npaths = ['''^src/''']", False),
        (RULE + "filter = '''entropy(finding[\"secret\"]) <= 4.5'''", False),
        ("filter = '''filter.matchesAny(attributes[\"path\"], [`^src/`])'''" + RULE, False),
        (RULE + "skipReport = true", False),
    ],
)
def test_what_lets_a_find_go(scan: Scan, config: str, found: bool) -> None:
    assert bool(scan(config)) is found


def test_a_keyword_opens_the_rule_for_the_whole_file(scan: Scan) -> None:
    config = RULE.replace("acme[_-]?key", "key").replace("(acme_[", "([").replace('"acme"', '"Acme Corp"')
    line = "key = q7zt9xblm3k5\n"
    assert scan(config, "# For ACME CORP.\n" + "x\n" * 9000 + line) == ["q7zt9xblm3k5"]
    assert scan(config, line) == []


def test_required_parts_stand_near(scan: Scan) -> None:
    config = (
        RULE
        + "required = [{ id = 'acme-id', withinLines = 2 }]\n[[rules]]\nid = 'acme-id'\nregex = '''id-(\\d{6})'''\n"
    )
    assert scan(config + "skipReport = true", LINE) == []
    assert scan(config + "skipReport = true", "id-482715\n\n" + LINE) == [VALUE]
    assert scan(config + "skipReport = true", "id-482715\n\n\n" + LINE) == []


def test_an_extended_file_comes_first(tmp_path: Path, scan: Scan) -> None:
    base = tmp_path / "base.toml"
    base.write_text(LIST + "paths = ['''^vendor/''']\n[[rules]]\nid = 'other'\nregex = '''other_[a-z]{8}'''\n")
    config = f"[extend]\npath = '{base}'\ndisabledRules = ['other']\n[[rules]]\nid = 'acme-token'\nentropy = 3.0\n"
    (rule,) = read(config, "x.toml").rules
    assert rule.finds == "Acme token"
    assert scan(config) == [VALUE]
    assert scan(config, path="vendor/x.py") == []
    assert scan(config.replace("3.0", "4.5")) == []


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (RULE + "[extend]\nuseDefault = true", "useDefault"),
        ("[[rules]]\nid = 'p12'\npath = '''\\.p12$'''", "p12: is not carried over: it matches names of files"),
        ("[[rules]]\nid = 'any'\nregex = '''[a-z]{32}'''", "any: is not carried over: .* no literal"),
        ("[[rules]]\nid = 'ahead'\nregex = '''key(?=a)'''", "ahead: is not carried over: look-around"),
        (LIST + "commits = ['abc']", "acme-token: the commits"),
        (LIST + "regexes = ['''(?=a)''']", "acme-token: the expression .* look-around"),
        (RULE + "validate = '''true'''", r"live checks \(validate\) of 1 rules"),
        (RULE + "keyword = ['acme']", r"x\.toml:\d+: acme-token: unknown key 'keyword'; did you mean 'keywords'"),
        ("titel = 'x'\n" + RULE, r"x\.toml:1: unknown key 'titel'; did you mean 'title'"),
        (RULE + "filter = '''let x = 1; x == 1'''", "acme-token: filter is not applied: 'let'"),
    ],
)
def test_what_is_left_out_is_named_in_one_line(config: str, says: str) -> None:
    import re

    assert any(re.search(says, note) for note in read(config, "x.toml").notes)
    assert all("\n" not in note and note.startswith("x.toml:") for note in read(config, "x.toml").notes)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[[rules]]\nregex = 'a'", "rule 1 has no id"),
        ("[[rules]]\nid = 'a'", "neither regex nor path"),
        (RULE + "secretGroup = 3", "no group 3"),
        (RULE + "required = [{ id = 'nope' }]", "requires 'nope'"),
        (LIST + "description = 'x'", "holds commits, paths, regexes or stopwords"),
        (LIST + "paths = ['a']\ncondition = 'XOR'", "OR or AND"),
        (RULE + "[[allowlists]]\ntargetRules = ['nope']\npaths = ['a']", "targets 'nope'"),
        (RULE + "[extend]\nuseDefault = true\npath = 'y'", "not both"),
        (RULE + "[extend]\npath = '/nowhere/y.toml'", "cannot be read"),
        ("[[rules]\n", r"x\.toml:1: "),
        (RULE + RULE, r"x\.toml:\d+: the id 'acme-token' is taken by x\.toml:\d+$"),
        (RULE + "entropy = 'high'", r"x\.toml:\d+: entropy must be a number"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nkeywords = 'acme'", r"x\.toml:4: keywords must be a list of strings"),
        ("rules = 3\n[extend]\nuseDefault = true", r"x\.toml:1: rules must be a list"),
        ("rules = [1]\n[extend]\nuseDefault = true", "two brackets"),
        (LIST + "paths = 'a'", "paths must be a list of strings"),
    ],
)
def test_a_mistake_is_an_error(config: str, says: str) -> None:
    with pytest.raises(RuleError, match=says):
        read(config, "x.toml")


def test_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    assert is_gitleaks_file(RULE)
    assert is_gitleaks_file("title = 'x'\n[extend]\nuseDefault = true\n")
    assert not is_gitleaks_file("[[rule]]\nid = 'acme.key'\n")
    path = tmp_path / ".gitleaks.toml"
    path.write_text(RULE + "validate = '''true'''")
    assert [rule.id for rule in load_all([str(path)]).rules] == ["acme-token"]
    for _ in range(2):  # made, then from the cache
        assert "validate" in load_pack([str(path)], shipped=False).notes[0]
