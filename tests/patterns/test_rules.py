"""Every rule on disk, looked at through the whole engine.

A new rule file is tested before anyone writes its test. How an example is
carried depends on what it is:

* a *token* (the example is the secret itself) is put into an assignment, JSON,
  an address, a header;
* an *assignment* (`NAME=secret`) is written as a shell, Python, YAML and JSON
  line;
* any other *passage* (several lines, a header, a connection string) stands
  alone, among other lines, indented, and with Windows line ends; one without
  quotes or line breaks is also quoted.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from functools import cache

import pytest

from detector.engine.confirm import compile_pattern
from detector.engine.engine import Engine
from detector.model import Rule
from detector.rules.check import draw_match
from detector.rules.pack import build_engine, load_pack
from detector.rules.shapes import expand
from tests.patterns.each_rule import RULES, for_each_rule

SEEDS = range(3)


@cache
def engine(automaton: str = "") -> Engine:
    return build_engine(load_pack(engine=automaton))


# Rules of what must not be published look at names: tests/detector/scan/test_publishing.py
EACH = for_each_rule(lambda rule: not rule.published)


def test_there_are_rules() -> None:
    assert len(RULES) > 60


def found(rule: Rule, text: str, path: str = "") -> list[bytes]:
    """Return what the engine reports of *rule* in *text*."""
    data = text.encode()
    return [hit.secret.reveal() for hit in engine().scan(data, path) if hit.rule.id == rule.id]


def path_for(rule: Rule) -> str:
    """Return a path that the rule's own path patterns accept."""
    names = ("", ".npmrc", "main.tf", ".pypirc", ".netrc", ".env", "config.json", "settings.xml", "app.yml", "x.sql")
    for name in names:
        if not rule.paths or (name and any(compile_pattern(pattern).search(name.encode()) for pattern in rule.paths)):
            return name
    return ""


def carriers(example: str, secret: bytes) -> Iterator[str]:
    """Put *example* where such things stand in real files."""
    value = secret.decode()
    assignment = re.fullmatch(r"""(?:export )?([\w.\-]+)["']?\s*[=:]\s*["']?""", example.partition(value)[0])
    yield example
    if example == value:
        yield f'token = "{value}"\n'
        yield json.dumps({"name": "x", "token": value})
        yield f"https://api.acme.io/v1/me?a=1&token={value}&b=2\n"
        yield f"curl -sS -H 'Authorization: Bearer {value}' https://api.acme.io/ | jq .\n"
    elif assignment and example.strip() == example and example.endswith(value):
        name = assignment[1]
        yield f"export {name}={value}\n"
        yield f'{name} = "{value}"\n'
        yield f"  {name}: {value}\n"
        yield json.dumps({"name": "x", name: value})
        yield f"client = Client({name}='{value}', retries=3)\n"
    else:
        yield f"# what follows\n\nx = 1\n{example}\ny = 2\n"
        yield "\n".join("    " + line for line in example.split("\n"))
        yield example.replace("\n", "\r\n") + "\r\n"
        if not re.search(r"""[\n"'\\]""", example):
            yield f'value = "{example}"\n'
            yield json.dumps({"value": example})


@EACH
def test_a_rule_says_what_a_person_needs(rule: Rule) -> None:
    assert rule.examples, "no example"
    assert rule.misses, "no near-miss"
    assert len(rule.harm) > 20 and rule.harm.endswith("."), "say what harm it does, in a sentence"
    assert rule.revoke, "say how to end it by hand"
    assert all(link.startswith("https://") for link in rule.links)


@EACH
def test_examples_are_found_in_every_carrier(rule: Rule) -> None:
    path = path_for(rule)
    for shape in rule.examples:
        for seed in SEEDS:
            example = expand(shape, seed)
            values = found(rule, example, path)
            assert len(values) == 1, f"{example!r}: found {len(values)} times"
            kinds = list(carriers(example, values[0]))
            assert len(kinds) >= 4
            for carried in kinds:
                again = found(rule, carried, path)
                same = [re.sub(rb"\s+", b"", value) for value in again] == [re.sub(rb"\s+", b"", values[0])]
                assert same, f"lost in {carried[:200]!r}"


@EACH
def test_near_misses_are_not_found(rule: Rule) -> None:
    path = path_for(rule)
    for shape in rule.misses:
        for seed in SEEDS:
            miss = expand(shape, seed)
            assert found(rule, miss, path) == [], f"{miss!r} is found"
            assert found(rule, f'key = "{miss}"\n', path) == [], f"{miss!r} is found in quotes"


@EACH
def test_a_damaged_secret_is_not_found(rule: Rule) -> None:
    """Where length is fixed or a checksum stands, one letter less or another letter is no such secret."""
    path = path_for(rule)
    rng = random.Random(rule.id)
    for shape in rule.examples:
        example = expand(shape, 0)
        (value,) = found(rule, example, path)
        text = value.decode()
        if fixed_length(rule, shape) and example.count(text) == 1 and example == text:
            shorter = found(rule, text[:-1], path)
            assert shorter == [], "found with its last letter missing"
        if rule.checks and rule.checks[0] in STRICT:
            at = rng.randrange(len(text) - 12, len(text) - 2)
            other = "B" if text[at] in "0aA" else "0" if text[at].isdigit() else "a" if text[at].islower() else "A"
            damaged = example.replace(text, text[:at] + other + text[at + 1 :])
            assert found(rule, damaged, path) == [], f"found with the letter at {at} replaced"


STRICT = {
    "github-crc32", "npm-crc32", "gitlab-routable", "grafana-crc32", "cloudflare-crc32", "atlassian-crc32",
    "zuplo-crc32", "azure-key", "nats-nkey", "bech32",
}  # fmt: skip


def fixed_length(rule: Rule, shape: str) -> bool:
    """Say whether neither the shape nor the pattern leaves the length open."""
    holes = re.sub(r"\{(?:\[[^\]]+\]|[a-z][\w-]*):\d+\}", "", shape, flags=re.IGNORECASE)
    made = re.search(r"\{(?:b64|repeat|text64|azure|pem)", shape)
    open_ended = re.search(r"\{\d*,\d*\}|[*+?](?![:<=!P])", rule.pattern.partition("(?!")[0].replace("(?<", ""))
    return "{" not in holes and not made and not open_ended


@EACH
def test_both_automata_agree(rule: Rule) -> None:
    pytest.importorskip("hyperscan")
    path = path_for(rule)
    for shape in (*rule.examples, *rule.misses):
        data = f"x\n{expand(shape, 7)}\n".encode()
        fast, plain = (engine(name).scan(data, path) for name in ("hyperscan", "ahocorasick"))
        assert fast == plain


@EACH
def test_anchors_are_implied_by_the_pattern(rule: Rule) -> None:
    """Whatever the pattern matches contains an anchor, or its required companion does."""
    if rule.scored:
        assert not rule.anchors and not rule.pattern, "the scoring has anchors of its own"
        return
    anchors = [
        re.compile((b"(?i)" if a.ignore_case else b"") + re.escape(a.text) + a.tail.encode(), re.DOTALL)
        for a in rule.anchors
    ]
    rng = random.Random(rule.id)
    for _ in range(6):
        texts = [draw_match(rule.pattern, rng)]
        assert texts[0], "no text can be drawn from this pattern"
        if not compile_pattern(rule.pattern).search(texts[0]):
            continue
        places = [match.start() for anchor in anchors for match in anchor.finditer(texts[0])]
        if places:
            assert min(places) <= rule.window[0], "the anchor stands further inside than the window reaches"
            continue
        texts += [draw_match(part.pattern, rng) for part in rule.companions if part.required]
        assert any(anchor.search(text) for anchor in anchors for text in texts), f"no anchor in {texts[0][:120]!r}"


def test_ids_and_files_agree() -> None:
    for rule in RULES.values():
        assert rule.source, rule.id
        assert os.path.basename(rule.source.rpartition(":")[0]).endswith(".toml")
