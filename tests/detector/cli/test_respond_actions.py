"""The actions of `leakfirst respond`: steps, notifications, and which incident is meant."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from detector.cli import _respond_actions
from detector.rules.shapes import expand
from leakfirst._program import main

TOKENS = [expand("ATBB{alnum:24}{check:atlassian-crc32}", 40 + number) for number in range(2)]
"""Of a kind without a probe, so that no provider is asked."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def leaked(tmp_path: Path) -> Path:
    file = tmp_path / "leaked.env"
    file.write_text("".join(f"BITBUCKET_{number}={token}\n" for number, token in enumerate(TOKENS)))
    return file


def respond(*words: object) -> int:
    return main(["respond", *map(str, words)])


def open_incident(leaked: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict:
    assert respond("open", "--json", leaked, *more) == 4
    found: dict = json.loads(capsys.readouterr().out)
    return found


def test_each_step_can_be_run_alone_and_repeated(leaked, capsys) -> None:
    assert respond("open", "--only-open", leaked) == 0
    for step in ("detect", "verify", "contain", "spread", "dependents", "prove", "notify"):
        respond("run", step)
        respond("run", step)
    capsys.readouterr()
    respond("log", "--json")
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds.count("credential") == 2 and kinds.count("step") == 7
    assert respond("run", "detection") == 2
    assert "known: detect, verify" in capsys.readouterr().err
    assert respond("log", "--check") == 0


def test_an_earlier_discovery_time_is_escalated_once(leaked, capsys, tmp_path, monkeypatch) -> None:
    from tests.fakes import receivers

    with receivers.receiving() as there:
        monkeypatch.setenv("ROUTING_KEY", receivers.ROUTING)
        config = tmp_path / "config.toml"
        table = '[notify.oncall]\nchannel = "pagerduty"\nrouting_key_env = "ROUTING_KEY"\n'
        config.write_text(f'{table}endpoint = "{there.url}"\nphases = ["escalated"]\n')
        before = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 30 * 3600))
        for _ in range(2):
            code = (
                respond("open", leaked, "--found-at", before, "--config", config)
                if not there.pages
                else respond("next", "--all", "--config", config)
            )
            assert code == 4
    (page,) = there.pages
    assert "left, and 2 tasks open" in page["payload"]["summary"]
    assert page["payload"]["severity"] == "critical"


def test_an_unreachable_destination_is_reported_and_stops_nothing(leaked, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SLACK_URL", "http://127.0.0.1:9/services/x/url-canary")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    config = tmp_path / "config.toml"
    config.write_text('[notify.room]\nchannel = "slack"\nurl_env = "SLACK_URL"\n')
    assert respond("open", leaked, "--config", config) == 4
    message = capsys.readouterr()
    assert "room was not notified" in message.err and "url-canary" not in message.err + message.out
    assert respond("run", "notify", "--dry-run", "--config", config) == 0
    message = capsys.readouterr()
    assert "-- room (slack)" in message.out and "url-canary" not in message.out


def test_missing_leaked_material_is_reported(leaked, capsys) -> None:
    respond("open", "--only-open", leaked)
    leaked.unlink()
    capsys.readouterr()
    assert respond("run", "detect") == 3
    assert "does not exist any more" in capsys.readouterr().out


def test_the_same_leak_is_not_opened_twice_by_mistake(leaked, capsys) -> None:
    assert respond("open", "--only-open", leaked) == 0
    capsys.readouterr()
    assert respond("open", "--only-open", leaked) == 2
    assert "is already open for this: run leakfirst respond next 20" in capsys.readouterr().err
    assert respond("open", "--only-open", leaked, "--again") == 0


def test_a_closed_incident_may_be_opened_again(leaked, capsys) -> None:
    respond("open", "--only-open", leaked)
    respond("close", "--reason", "drill")
    assert respond("open", "--only-open", leaked) == 0


def test_several_incidents_are_listed(leaked, capsys) -> None:
    for title in ("first", "second"):
        respond("open", "--only-open", "--title", title, leaked, "--again")
    capsys.readouterr()
    assert respond("status") == 0
    out = capsys.readouterr().out
    assert "first" in out and "second" in out and "1 d 23 h left" in out
    for words in (["next"], ["take"], ["run", "notify"], ["close", "--reason", "drill"]):
        assert respond(*words) == 2, "which one?"
        err = capsys.readouterr().err
        assert "2 incidents are open; name one: " in err and "(first)" in err and "(second)" in err, err


def test_without_a_name_the_only_open_incident_is_used(leaked, capsys) -> None:
    respond("open", "--only-open", leaked)
    assert respond("close", "--reason", " ") == 2
    assert "give a reason" in capsys.readouterr().err
    assert respond("close", "--reason", "drill") == 0
    capsys.readouterr()
    name = open_incident(leaked, capsys)["incident"]
    assert respond("run", "prove") == 4
    capsys.readouterr()
    assert respond("status") == 4
    assert capsys.readouterr().out.startswith(name)


@pytest.mark.parametrize(
    ("targets", "package"),
    [
        (["npm:acme@1.2.3"], "npm:acme@1.2.3"),
        (["npm:@acme/ui@^1"], "npm:@acme/ui@^1"),
        (["npm:acme@all"], "npm:acme"),
        (["pypi:acme==1.2"], "pypi:acme@==1.2"),
        (["npm:@acme/*"], ""),
        (["/srv/x"], ""),
        (["npm:a@1", "npm:b@1"], ""),
    ],
)
def test_the_package_that_leaked_is_that_of_the_target(targets: list[str], package: str) -> None:
    assert _respond_actions._find_package(targets) == package
