"""Every probe table of the shipped rules, against a provider that plays what the table says.

The request that arrives is compared with tests/patterns/probe-requests.txt, one
line a rule, which is reviewed against the providers' documentation.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import pytest

from detector.model import Finding, Location, Origin, Rule, Verdict, VerdictState
from detector.probes.core.contract import ProbeSettings
from detector.rules import probe as probes
from detector.rules.loader import load_files
from detector.rules.pack import list_rule_files, shipped_folder
from detector.rules.probe import AnswerCondition, ProbeTable
from detector.secret import Secret
from detector.verify import run
from tests.fakes.provider import Authority, Heard, Provider, Say, client_to, provider

GOLDEN = Path(__file__).parent / "probe-requests.txt"
HOST = "named.by.the.operator.test"


def shipped() -> list[Rule]:
    return [rule for rule in load_files(list_rule_files(shipped_folder())) if rule.probe]


RULES = shipped()
TABLES = {rule.id: probes.parse(rule.probe, rule.source, [part.name for part in rule.companions]) for rule in RULES}


# -- a credential for every rule ------------------------------------------------


def secret_of(rule: Rule, number: int) -> str:
    """Make a value that no other rule has; where it is a whole URL, one of a host that the table names."""
    table = TABLES[rule.id]
    if table.call.url == "{secret}":
        return f"https://{table.hosts[0]}/hook/T{number:05}/aZq9xW7bQ"
    if "{secret|last" in table.call.url:
        return f"S{number:05}aZq9xW7bQ3kLm2-us7"
    return f"S{number:05}aZq9xW7bQ3kLm2"


def part_of(rule: Rule, name: str, number: int) -> str:
    """Make a value for a companion; one that fills in the host fits the hosts that the table names."""
    netloc = urlsplit(TABLES[rule.id].call.url).netloc
    if f"{{{name}}}" in netloc:
        before, after = netloc.split(f"{{{name}}}")
        glob = TABLES[rule.id].hosts[0]
        return glob.replace("*", f"tenant{number}") if not (before or after) else f"tenant{number}"
    return f"P{number:05}{name}"


def finding_of(rule: Rule, number: int) -> Finding:
    place = Location(Origin("worktree", "a"), 0, 1, 1, 1, 1, 2, snippet=f"https://{HOST}/x")
    used = probes.list_fields(TABLES[rule.id]) - {"secret", "host", "site"} | (
        {"site"} if not TABLES[rule.id].sites else set()
    )
    parts = tuple(
        (part.name, Secret(part_of(rule, part.name, number).encode())) for part in rule.companions if part.name in used
    )
    secret = Secret(secret_of(rule, number).encode())
    return Finding(f"lf1:{number}", rule, "high", "high", secret, parts, (place,))


FINDINGS = [finding_of(rule, number) for number, rule in enumerate(RULES)]
BY_NUMBER = {f"{number:05}": rule for number, rule in enumerate(RULES)}


# -- an answer as the table describes it ------------------------------------------


def read_text(table: ProbeTable, *, live: bool) -> Say:
    codes, conditions = (table.live, table.live_body) if live else (table.dead, table.dead_body)
    status = codes[0]
    if conditions:
        body = satisfying(conditions[0])
        if isinstance(body, str) and not live and table.answer != "any":
            return Say(status, body, (("Content-Type", "text/plain"),))
        return Say(status, body)
    return Say(status, {"id": 1} if status != 204 else b"")


def satisfying(condition: AnswerCondition) -> Any:
    """Make a body that fulfils a condition, and check that it does."""
    if not condition.path:
        body: Any = example_of(condition.value)
        text = body
    else:
        value = condition.value
        if condition.operator == "":
            value = "x1"
        elif condition.operator == "~":
            value = example_of(condition.value)
        elif condition.operator == "!=":
            value = f"not {value}"
        body = planted(condition.path, value)
        text = json.dumps(body)
    document = None if isinstance(body, str) else body
    assert condition.is_met(text, document), f"write a simpler condition than {condition}"
    return body


def planted(path: str, value: Any) -> Any:
    for step in reversed(re.findall(r"[^.\[\]]+", path)):
        value = [value] if step in ("0", "*") else {step: value}
    return value


def example_of(expression: str) -> str:
    """Return a text that fits the first alternative of a simple expression."""
    plain = re.sub(r"^\(\?i\)|\(\?i(?=:)", lambda m: "" if m[0] == "(?i)" else "(?", expression)
    plain = plain.strip("^$")
    if plain in (r"\s*\[", r"\s*"):
        return "[]" if "[" in plain else ""
    while (found := re.search(r"\((?:\?:)?([^()]*)\)\??", plain)) is not None:
        plain = plain[: found.start()] + found[1].split("|")[0] + plain[found.end() :]
    plain = plain.split("|")[0]
    return re.sub(r"\[(.)[^\]]*\]", r"\1", plain).replace("\\", "").replace(".*", "")


# -- what was asked ----------------------------------------------------------------


def text_of(heard: Heard) -> str:
    """Everything of a request in which a part of a credential may stand."""
    headers = [plain_of(value) for value in heard.headers.values()]
    return " ".join((f"https://{heard.host}{heard.target}", heard.body.decode(), *headers))


def plain_of(header: str) -> str:
    """Undo base64 where it is; a few providers take the key itself after the word Basic."""
    coded = header.removeprefix("Basic ")
    try:
        plain = base64.b64decode(coded, validate=True).decode()
    except ValueError:
        return header
    return f"Basic base64({plain})" if header.startswith("Basic ") else header


def rule_of(heard: Heard) -> Rule:
    """Tell by the number in its values which rule a request is about; a made-up copy keeps it."""
    found = re.search(r"[SPT](\d{5})", text_of(heard))
    assert found, f"{heard.method} {heard.host}{heard.target}: whose question is this?"
    return BY_NUMBER[found[1]]


def is_genuine(heard: Heard, rule: Rule) -> bool:
    return FINDINGS[RULES.index(rule)].secret.reveal().decode() in text_of(heard)


IGNORED = {"host", "user-agent", "accept-encoding", "content-length", "connection"}


def line_of(heard: Heard) -> str:
    """Write a request down with the names of its parts in place of their values."""
    rule = rule_of(heard)
    found = FINDINGS[RULES.index(rule)]
    values = {"secret": found.secret.reveal().decode()}
    values |= {name: part.reveal().decode() for name, part in found.parts}

    def named(text: str) -> str:
        for name, value in sorted(values.items(), key=lambda pair: -len(pair[1])):
            for form in (value, quote(value, safe=""), quote(value, safe=":"), quote_plus(value)):
                text = text.replace(form, f"{{{name}}}")
        return text

    headers = []
    for name, value in sorted(heard.headers.items()):
        if name in IGNORED or (name, value) == ("accept", "application/json"):
            continue
        headers.append(f"{name}: {named(plain_of(value))}")
    body = [named(heard.body.decode())] if heard.body else []
    url = named(f"https://{heard.host}{heard.target}")
    return " | ".join((rule.id, f"{heard.method} {url}", *headers, *body))


# -- the tests -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def acme(authority: Authority) -> Iterator[Provider]:
    with provider(authority) as made:
        yield made


def ask_all(acme: Provider, authority: Authority, answer: Callable[[Heard], Say], timeout: float = 20) -> list[Verdict]:
    """Ask about one credential of every rule at once."""
    acme.heard.clear()
    acme.answer = answer
    settings = ProbeSettings(hosts=(HOST,), timeout=timeout, rate=1e4, together=64, total_rate=1e4, total_together=64)
    told: dict[int, Verdict] = {}

    async def work() -> None:
        client = client_to(acme, authority, settings, tls=False)
        try:
            told.update([pair async for pair in run.stream_verdicts(FINDINGS, client, b"k" * 32)])
        finally:
            await client.close()

    asyncio.run(work())
    assert sorted(told) == list(range(len(RULES)))
    return [told[index] for index in sorted(told)]


def wrong(told: list[Verdict], state: str) -> list[str]:
    pairs = zip(RULES, told, strict=True)
    return [f"{rule.id}: {verdict.state}, {verdict.why}" for rule, verdict in pairs if verdict.state != state]


def test_many_rules_can_be_asked_about() -> None:
    assert len(RULES) >= 150


def test_a_live_credential(acme: Provider, authority: Authority, pytestconfig: pytest.Config) -> None:
    """It is live by the table's own answer, a made-up copy is not, and the request is the documented one."""

    def answer(heard: Heard) -> Say:
        rule = rule_of(heard)
        return read_text(TABLES[rule.id], live=is_genuine(heard, rule))

    assert not wrong(ask_all(acme, authority, answer), VerdictState.LIVE)
    first: dict[str, str] = {}
    for heard in acme.heard:
        rule = rule_of(heard)
        if is_genuine(heard, rule):
            first.setdefault(rule.id, line_of(heard))
    lines = "".join(f"{line}\n" for _, line in sorted(first.items()))
    if pytestconfig.getoption("--update-golden"):
        GOLDEN.write_text(lines)
    found = GOLDEN.read_text() if GOLDEN.exists() else ""
    assert lines == found, "run this test with --update-golden and read the difference"


def test_a_dead_credential(acme: Provider, authority: Authority) -> None:
    told = ask_all(acme, authority, lambda heard: read_text(TABLES[rule_of(heard).id], live=False))
    assert not wrong(told, VerdictState.DEAD)


@pytest.mark.parametrize(
    ("say", "timeout"),
    [
        pytest.param(Say(429, {}, (("Retry-After", "0"),)), 20, id="rate-limited"),
        pytest.param(Say(200, b"\x00\xff garbage \xfe"), 20, id="garbage"),
        pytest.param(Say(200, "<!doctype html><title>Welcome, please sign in to the WLAN"), 20, id="captive-portal"),
        pytest.param(Say(302, b"", (("Location", "http://169.254.169.254/latest/meta-data/"),)), 20, id="redirect"),
        pytest.param(Say(307, b"", (("Location", "https://169.254.169.254/"),)), 20, id="redirect-with-body"),
        pytest.param(Say(500, {"error": "down"}), 20, id="in-trouble"),
        pytest.param(Say(200, b"{", (("Content-Length", "9999999999"),)), 20, id="huge"),
        pytest.param(Say(200, {}, delay=3600), 0.4, id="hanging"),
    ],
)
def test_no_verdict_from(say: Say, timeout: float, acme: Provider, authority: Authority) -> None:
    told = ask_all(acme, authority, lambda _: say, timeout)
    assert not wrong(told, VerdictState.UNKNOWN)
    assert "169.254.169.254" not in acme.names
    assert not any("169.254" in heard.host for heard in acme.heard)


DOCUMENTED = {
    "github.pat-classic": ("GET", "https://api.github.com/user", {"authorization": "Bearer {secret}"}, ""),
    "gitlab.pat": (
        "GET",
        f"https://{HOST}/api/v4/personal_access_tokens/self",
        {"private-token": "{secret}"},
        "",
    ),
    "slack.bot-token": ("POST", "https://slack.com/api/auth.test", {"authorization": "Bearer {secret}"}, ""),
    "stripe.secret-key": ("GET", "https://api.stripe.com/v1/account", {"authorization": "Bearer {secret}"}, ""),
    "twilio.auth-token": (
        "GET",
        "https://api.twilio.com/2010-04-01/Accounts/{account-sid}.json",
        {"authorization": "Basic base64({account-sid}:{secret})"},
        "",
    ),
    "anthropic.api-key": (
        "GET",
        "https://api.anthropic.com/v1/models?limit=5",
        {"x-api-key": "{secret}", "anthropic-version": "2023-06-01"},
        "",
    ),
    "telegram.bot-token": ("GET", "https://api.telegram.org/bot{secret}/getMe", {}, ""),
    "npm.access-token": ("GET", f"https://{HOST}/-/whoami", {"authorization": "Bearer {secret}"}, ""),
    "mailchimp.api-key": (
        "GET",
        "https://us7.api.mailchimp.com/3.0/",
        {"authorization": "Basic base64(key:{secret})"},
        "",
    ),
    "azure.entra-client-secret": (
        "POST",
        "https://login.microsoftonline.com/{tenant-id}/oauth2/v2.0/token",
        {"content-type": "application/x-www-form-urlencoded"},
        "grant_type=client_credentials&client_id={client-id}&client_secret={secret}"
        "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
    ),
}


@pytest.mark.parametrize("rule", DOCUMENTED)
def test_a_well_known_request_is_the_documented_one(rule: str) -> None:
    """These were written down from the documentation, not from the table."""
    method, url, headers, body = DOCUMENTED[rule]
    line = next(line for line in GOLDEN.read_text().splitlines() if line.startswith(f"{rule} | "))
    assert f" | {method} {url}" in line
    for name, value in headers.items():
        assert f" | {name}: {value}" in line
    assert line.endswith(body)
