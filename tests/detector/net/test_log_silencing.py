"""The canary: with every library's debug log on, no form of a credential is written anywhere."""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import logging
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote

import pytest

from detector.model import Finding, Location, Origin, Rule
from detector.net.log_silencing import WIRE, hushed
from detector.probes._contract import Settings
from detector.rules.loader import load_files
from detector.rules.pack import rule_files, shipped_folder
from detector.rules.shapes import expand
from detector.secret import Secret
from detector.verify import run
from tests.fakes.issuer import Authority, Issuer, Say, issuer, wire_to

CANARY = "CANARY" + expand("{alnum:34}", 9)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any logger says, at the lowest level, with tracebacks."""
    for name in ("httpx", "httpcore", "h2", "hpack", "urllib3", "botocore", "hvac", "asyncssh", "pymongo", "redis"):
        importlib.import_module(name)
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    before = root.level
    names = [name for name in logging.Logger.manager.loggerDict if name.partition(".")[0] in WIRE]
    levels = {name: logging.getLogger(name).level for name in names}
    root.addHandler(handler)
    for name in ("", *names):
        logging.getLogger(name).setLevel(1)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def forms(value: str) -> list[str]:
    raw = value.encode()
    coded = [base64.b64encode(b"x" * shift + raw)[4:-4].decode() for shift in range(3)]
    return [value, value[6:30], quote(value, safe=""), raw.hex(), *coded]


@cache
def findings() -> list[Finding]:
    """Make one finding for every shipped rule that somebody can be asked about, all with the canary in it."""
    place = Location(Origin("worktree", "a"), 0, 1, 1, 1, 1, 2, snippet="https://acme.test/ postgres://u:X@acme.test/d")
    made = []
    for rule in load_files(rule_files(shipped_folder())):
        if not run.provable(rule):
            continue
        secret = Secret(CANARY.encode())
        parts = tuple((part.name, Secret(CANARY.encode() + b"9")) for part in rule.companions if part.secret)
        parts += tuple((part.name, Secret(b"acme")) for part in rule.companions if not part.secret)
        snippet = place.snippet.replace("X", secret.redacted)
        made.append(Finding("lf1:x", rule, "high", "high", secret, parts, (place._replace(snippet=snippet),)))
    return made


SAYS = {
    "live": Say(200, {"echo": CANARY, "login": CANARY, "ok": True}),
    "dead": Say(401, {"echo": CANARY}),
    "redirect": Say(302, b"", (("Location", f"https://169.254.169.254/{CANARY}"),)),
    "garbage": Say(200, b"\xff\x00" + CANARY.encode(), (("X-Echo", CANARY),)),
    "broken": Say(99, b""),
}


@pytest.mark.parametrize("kind", SAYS)
def test_no_probe_shows_the_credential(
    kind: str, acme: Issuer, authority: Authority, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    acme.answer = lambda _: SAYS[kind]
    settings = Settings(
        hosts=("acme.test",), host_for=(("*", "acme.test"),), reach=True, timeout=3, rate=1e4, total_rate=1e4
    )
    asked = findings()
    assert len(asked) > 100

    async def work() -> list[tuple[int, object]]:
        wire = wire_to(acme, authority, settings, tls=False)
        try:
            return [entry async for entry in run.verdicts(asked, wire, b"k" * 32)]
        finally:
            await wire.close()

    told = asyncio.run(work())
    assert len(told) == len(asked)
    assert len(acme.heard) > 50
    out, err = capfd.readouterr()
    written = "\n".join((log.getvalue(), out, err, repr(told)))
    assert "httpcore" in log.getvalue(), "nothing was logged, so nothing was tested"
    for form in forms(CANARY):
        assert not [line[:200] for line in written.splitlines() if form in line]


def test_http2_headers_stay_out_of_the_log(authority: Authority, log: io.StringIO) -> None:
    rule = Rule("acme.key", "x", probe={"get": "https://api.acme.test/{secret}", "bearer": "{secret}"})
    place = Location(Origin("worktree", "a"), 0, 1, 1, 1, 1, 2)
    found = Finding("lf1:x", rule, "high", "high", Secret(CANARY.encode()), (), (place,))

    async def work() -> None:
        wire = wire_to(modern, authority)
        try:
            async for _ in run.verdicts([found], wire, b"k" * 32):
                pass
        finally:
            await wire.close()

    with issuer(authority, http2=True) as modern:
        # The server shares the process: its own h2 and hpack must not be what is read.
        asyncio.run(work())
    assert modern.heard[0].protocol == "h2"
    client = [line for line in log.getvalue().splitlines() if line.startswith(("httpcore", "httpx", "hpack", "h2"))]
    assert client
    for form in forms(CANARY):
        assert not any(form in line for line in client)


def test_without_hushing_the_log_would_show_it(log: io.StringIO) -> None:
    """It is this module that keeps the log clean, and it gives the records back afterwards."""
    with hushed():
        logging.getLogger("hpack.hpack").debug("adding %s", CANARY)
    assert CANARY not in log.getvalue()
    logging.getLogger("hpack.hpack").debug("adding %s", CANARY)
    assert CANARY in log.getvalue()
