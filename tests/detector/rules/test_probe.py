"""Probe tables: what is wrong with one is said when the rule is read."""

import pytest

from detector.errors import RuleError
from detector.rules import probe
from detector.rules.loader import parse

RULE = """
# a comment
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_"]
pattern = 'acme_[a-z]{{8}}'
probe = {probe}
"""

GOOD = '{ get = "https://api.acme.test/me", bearer = "{secret}" }'


def test_a_table_has_sensible_defaults() -> None:
    (rule,) = parse(RULE.format(probe=GOOD), "acme.toml")
    table = probe.parse(rule.probe, "x")
    assert (table.live, table.dead, table.answer, table.control, table.follow) == ((200,), (401,), "json", True, False)
    assert table.call.headers == (("Authorization", "Bearer {secret}"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{ gets = "https://a.test/{secret}" }', "unknown key 'gets'; did you mean 'get'?"),
        ('{ bearer = "{secret}" }', "give one of get, post, head"),
        ('{ get = "https://a.test/", post = "https://a.test/", bearer = "{secret}" }', "give one of"),
        ('{ get = "https://a.test/" }', "does not contain {secret}"),
        ('{ get = "https://a.test/{account}", bearer = "{secret}" }', "{account} is not a part of the credential"),
        ('{ get = "http://a.test/{secret}" }', "must start with https://"),
        ('{ get = "/{secret}" }', "must start with https://"),
        ('{ get = "{secret}" }', "list in 'hosts' the hosts that may be asked"),
        ('{ get = "https://{secret}.a.test/" }', "list in 'hosts'"),
        ('{ get = "{secret}", hosts = ["*"] }', "not a host name"),
        ('{ get = "https://a.test/{secret}", live = "200" }', "live is a status code"),
        ('{ get = "https://a.test/{secret}", dead = [200, 99] }', "dead is a status code"),
        ('{ get = "https://a.test/{secret}", live = 200, dead = 200 }', "distinguish them"),
        ('{ get = "https://a.test/{secret}", live_body = "(" }', "not a regular expression"),
        ('{ get = "https://a.test/{secret}", live_body = "$.a = 1" }', "write '$.path'"),
        ('{ get = "https://a.test/{secret}", host = "a.test" }', 'host is "line"'),
        ('{ get = "https://a.test/{secret}", answer = "xml" }', "answer is one of"),
        ('{ get = "https://a.test/{secret}", control = 1 }', "true or false"),
        ('{ get = "https://a.test/{secret}", owner = "a b" }', "owner is a path"),
        ('{ get = "https://a.test/{secret}", headers = ["X"] }', "table of strings"),
        ('{ post = "https://a.test/", body = "{secret}", form = "a={secret}" }', "exclude each other"),
        ('{ post = "https://a.test/", json = "{secret" }', "not JSON"),
        ('{ get = "https://a.test/{secret}", reach = [{ get = "https://b.test/", bearer = "x" }] }', "unknown key"),
        ("3", "write a table"),
    ],
)
def test_a_mistake_is_named_by_file_and_line(text: str, words: str) -> None:
    with pytest.raises(RuleError) as raised:
        parse(RULE.format(probe=text), "acme.toml")
    assert str(raised.value).startswith("acme.toml:8: acme.key: probe: ")
    assert words in str(raised.value)


def test_a_companion_cannot_take_the_name_of_the_secret() -> None:
    text = RULE.format(probe=GOOD) + '[[rule.companions]]\nname = "secret"\npattern = "x+"\n'
    with pytest.raises(RuleError, match="cannot be called secret"):
        parse(text, "acme.toml")


@pytest.mark.parametrize(
    ("condition", "document", "holds"),
    [
        ("$.ok == true", {"ok": True}, True),
        ("$.ok == true", {"ok": 1}, True),
        ("$.ok == true", {"ok": "true"}, False),
        ("$.ok == null", None, False),
        ("$.ok == null", {"ok": None}, True),
        ("$.ok", {"ok": []}, False),
        ("$.a[0].b != x", {"a": [{"b": "y"}]}, True),
        ("$.error ~ ^in", {"error": "invalid"}, True),
        ("$.error ~ ^in", {}, False),
    ],
)
def test_a_condition_on_json(condition: str, document: object, holds: bool) -> None:
    table = probe.parse({"get": "https://a.test/{secret}", "live_body": condition}, "x")
    assert table.live_body[0].is_met("", document) is holds
