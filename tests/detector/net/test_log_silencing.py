"""The canary: with every library's debug log on, no form of a credential is written anywhere."""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import logging
import threading
from collections.abc import Iterator
from functools import cache
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest

from detector.model import Finding, Location, Origin, Rule
from detector.net.log_silencing import CLIENT_LIBRARIES, PLACEHOLDER, silence_client_logs
from detector.probes.core.contract import ProbeSettings
from detector.rules.loader import load_files
from detector.rules.pack import list_rule_files, shipped_folder
from detector.rules.shapes import expand
from detector.secret import Secret
from detector.verify import run
from tests.fakes.provider import Authority, Provider, Say, client_to, provider

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
    names = [name for name in logging.Logger.manager.loggerDict if name.partition(".")[0] in CLIENT_LIBRARIES]
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
    for rule in load_files(list_rule_files(shipped_folder())):
        if not run.has_probe(rule):
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
    kind: str, acme: Provider, authority: Authority, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    acme.answer = lambda _: SAYS[kind]
    settings = ProbeSettings(
        hosts=("acme.test",), host_for=(("*", "acme.test"),), reach=True, timeout=3, rate=1e4, total_rate=1e4
    )
    asked = findings()
    assert len(asked) > 100

    async def work() -> list[tuple[int, object]]:
        client = client_to(acme, authority, settings, tls=False)
        try:
            return [entry async for entry in run.stream_verdicts(asked, client, b"k" * 32)]
        finally:
            await client.close()

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
        client = client_to(modern, authority)
        try:
            async for _ in run.stream_verdicts([found], client, b"k" * 32):
                pass
        finally:
            await client.close()

    with provider(authority, http2=True) as modern:
        # The server shares the process: its own h2 and hpack must not be what is read.
        asyncio.run(work())
    assert modern.heard[0].protocol == "h2"
    client = [line for line in log.getvalue().splitlines() if line.startswith(("httpcore", "httpx", "hpack", "h2"))]
    assert client
    for form in forms(CANARY):
        assert not any(form in line for line in client)


def test_without_silencing_the_log_would_show_it(log: io.StringIO) -> None:
    """It is this module that keeps the log clean, and it gives the records back afterwards."""
    with silence_client_logs():
        logging.getLogger("hpack.hpack").debug("adding %s", CANARY)
    assert CANARY not in log.getvalue()
    logging.getLogger("hpack.hpack").debug("adding %s", CANARY)
    assert CANARY in log.getvalue()


# -- overlapping blocks ----------------------------------------------------------


def said_by(name: str, log: io.StringIO) -> str:
    """What the log shows of a request that the library *name* describes, with headers in `extra` and a traceback."""
    start = len(log.getvalue())
    try:
        raise ValueError(f"bad header {CANARY}")
    except ValueError:
        logging.getLogger(name).error("Authorization: Bearer %s", CANARY, exc_info=True, extra={"headers": CANARY})
    return log.getvalue()[start:]


@pytest.mark.parametrize("first_to_leave", [0, 1])
@pytest.mark.parametrize("strict", [(False, False), (True, False), (False, True), (True, True)])
def test_silence_lasts_until_the_last_block_has_left(
    first_to_leave: int, strict: tuple[bool, bool], log: io.StringIO
) -> None:
    handle, factory, disabled = logging.Logger.handle, logging.getLogRecordFactory(), logging.root.manager.disable
    blocks = [silence_client_logs(other_libraries=other) for other in strict]
    for block in blocks:
        block.__enter__()
    blocks[first_to_leave].__exit__(None, None, None)
    assert said_by("httpcore", log) == f"httpcore ERROR {PLACEHOLDER}\n"
    blocks[1 - first_to_leave].__exit__(None, None, None)
    assert CANARY in said_by("httpcore", log)
    assert logging.Logger.handle is handle
    assert logging.getLogRecordFactory() is factory
    assert logging.root.manager.disable == disabled


def test_other_libraries_are_silent_as_long_as_any_block_wants_it(
    log: io.StringIO, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HTTPConnection, "debuglevel", 1)
    strict, plain = silence_client_logs(other_libraries=True), silence_client_logs()
    strict.__enter__()
    plain.__enter__()
    logging.getLogger("unknown.client").info("token %s", CANARY)
    assert HTTPConnection.debuglevel == 0
    strict.__exit__(None, None, None)
    assert CANARY not in log.getvalue()
    assert HTTPConnection.debuglevel == 1
    logging.getLogger("application").info("its own words")
    plain.__exit__(None, None, None)
    assert "its own words" in log.getvalue()


def test_threads_that_come_and_go_leave_no_gap_and_no_trace(log: io.StringIO) -> None:
    handle = logging.Logger.handle
    start = threading.Barrier(8)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            start.wait()
            for _ in range(200):
                with silence_client_logs(other_libraries=bool(number % 2)):
                    logging.getLogger("httpx").info("Bearer %s", CANARY)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert log.getvalue().count(PLACEHOLDER) == 8 * 200
    assert CANARY not in log.getvalue()
    assert logging.Logger.handle is handle
    assert CANARY in said_by("httpx", log)


@pytest.mark.parametrize("keeps_the_old_one", [True, False])
def test_a_record_factory_that_comes_meanwhile_ends_no_silence(keeps_the_old_one: bool, log: io.StringIO) -> None:
    before = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = (before if keeps_the_old_one else logging.LogRecord)(*args, **kwargs)
        record.request = CANARY
        return record

    (handler,) = [found for found in logging.getLogger().handlers if getattr(found, "stream", None) is log]
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(request)s"))
    try:
        with silence_client_logs():
            logging.setLogRecordFactory(factory)
            logging.getLogger("urllib3").info("Bearer %s", CANARY)
        assert log.getvalue() == f"urllib3 {PLACEHOLDER} {PLACEHOLDER}\n"
        assert logging.getLogRecordFactory() is factory
        logging.getLogger("application").info("its own words")
        assert f"application its own words {CANARY}" in log.getvalue()
    finally:
        logging.setLogRecordFactory(before)


def test_code_that_wraps_the_logger_meanwhile_stays_and_gets_every_record(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    block = silence_client_logs()
    block.__enter__()
    inner = logging.Logger.handle

    def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.name)
        inner(logger, record)

    monkeypatch.setattr(logging.Logger, "handle", handle)
    assert CANARY not in said_by("httpx", log)
    block.__exit__(None, None, None)
    assert logging.Logger.handle is handle
    assert CANARY in said_by("httpx", log)
    with silence_client_logs():
        assert CANARY not in said_by("httpx", log)
    assert seen == ["httpx"] * 3
    monkeypatch.undo()
    assert CANARY in said_by("httpx", log)
