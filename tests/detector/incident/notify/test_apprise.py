"""The apprise channel."""

from __future__ import annotations

import json

import pytest

from detector.incident.messages.event import Link
from detector.incident.notify import apprise
from tests.detector.incident.notify.making import make_event, make_outbox


@pytest.mark.net
def test_a_service_of_the_library_receives_the_event(operator, deliveries, timer, arrived, monkeypatch) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("OTHER", arrived.url.replace("http://", "json://") + "/hook")
    operator["notify"] = {"other": {"channel": "apprise", "urls_env": "OTHER"}}
    (result,) = make_outbox(operator, deliveries, timer).send(make_event())
    assert result.sent, result.why
    assert "acme-widgets" in json.loads(arrived.webhook[0][1])["title"]


def test_untrusted_text_mentions_nobody() -> None:
    hostile = "@everyone <!channel> <@U1>"
    event = make_event(summary=hostile, owner=hostile, lines=(hostile,), links=(Link("a", hostile),))
    assert not {"@", "<"} & {*str(apprise.draft(event, {}).body)}
