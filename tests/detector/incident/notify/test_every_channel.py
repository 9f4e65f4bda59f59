"""The contract that every channel in the folder fulfils, and the tables that configure them."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from detector.errors import UsageError
from detector.incident.messages import outbox
from detector.incident.messages.event import Channel
from detector.incident.messages.outbox import PACKAGE, Outbox, read_destinations
from detector.registry import check_contract, list_names, load_plugin
from tests.detector.incident.notify.making import make_event, make_outbox
from tests.fakes import mail
from tests.fakes.receivers import TOKEN
from tests.protocols import check_with_mypy

CHANNELS = list_names(PACKAGE)


def test_there_are_channels() -> None:
    assert len(CHANNELS) >= 8


def test_mypy_accepts_every_channel_as_a_channel() -> None:
    check_with_mypy(PACKAGE, Channel)


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_fulfils_the_contract(name: str) -> None:
    channel = load_plugin(PACKAGE, name, what="channel")
    check_contract(channel, Channel, "channel")
    assert not channel.SETTINGS & {"token", "password", "key", "routing_key"}, "a credential is named, never written"


def test_a_channel_without_deliver_is_a_usage_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ModuleType(f"{PACKAGE}.pigeon")
    vars(broken).update(SETTINGS=frozenset(), PER_OWNER=False, draft=lambda event, settings: None)
    monkeypatch.setattr(outbox, "load_plugin", lambda *_, **__: broken)
    with pytest.raises(UsageError, match=r"^channel 'pigeon' does not fulfil Channel \(.*\): deliver\(\) is missing$"):
        read_destinations({"notify": {"x": {"channel": "pigeon"}}})


@pytest.mark.net
def test_every_destination_receives_an_event_once(operator, deliveries, timer, arrived) -> None:
    box = make_outbox(operator, deliveries, timer)
    for _ in range(2):
        for result in box.send(make_event(owner="Ada")):
            assert not result.why, result
    assert len(arrived.slack) == 2, "the room and the thread"
    assert len(arrived.teams) == len(arrived.webhook) == len(arrived.pages) == 1
    assert len(arrived.issues) == len(arrived.work_items) == 1


@pytest.mark.net
def test_a_dry_run_shows_what_is_sent_without_the_senders_credentials(
    operator, deliveries, timer, arrived, mailbox, mail_settings
) -> None:
    tables = {**operator["notify"], "mail": mail_settings}
    box = Outbox(read_destinations({"notify": tables}), deliveries, timer.clock, str)
    drafts = list(box.preview(make_event(owner="Ada")))
    assert {destination.name for destination, _ in drafts} == set(tables)
    assert not arrived.requests and not mailbox.arrived
    shown = "".join(draft.render() for _, draft in drafts)
    for hidden in (TOKEN, mail.PASSWORD, "url-canary", "signing-key-canary"):
        assert hidden not in shown
    box.send(make_event(owner="Ada"))
    for destination, draft in drafts:
        if isinstance(draft.body, dict):
            bodies = [json.loads(body) for _, _, _, body in arrived.requests if body]
            assert any(draft.body.items() <= body.items() for body in bodies), destination.name


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"channel": "carrier-pigeon"}, "unknown channel"),
        ({"url_env": "X"}, "needs a channel"),
        ({"channel": "slack", "uri_env": "X"}, "has no setting 'uri_env'"),
        ({"channel": "slack", "token": "t", "to": "C1"}, "has no setting 'token'"),
        ({"channel": "slack", "phases": "opened"}, "phases must be a list"),
        ({"channel": "slack", "phases": ["close"]}, "matches none of opened"),
    ],
)
def test_a_wrong_table_is_one_clear_line(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_destinations({"notify": {"x": table}})
