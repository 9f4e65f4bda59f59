"""Issues at GitHub and GitLab: one per owner, updated instead of duplicated, without active content."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from detector.incident.messages.event import Phase
from tests.detector.incident.notify.making import make_event, make_hostile_event, make_outbox

pytestmark = pytest.mark.net


def test_a_second_machine_with_another_state_creates_no_duplicate(operator, deliveries, timer, arrived) -> None:
    for store in (type(deliveries)(), type(deliveries)()):
        make_outbox(operator, store, timer).send(make_event(owner="Ada"), ("board", "lab"))
    closed = make_event(owner="Ada", phase=Phase.CLOSED, key="c")
    make_outbox(operator, deliveries, timer).send(closed, ("board", "lab"))
    assert [issue["state"] for issue in arrived.issues] == ["closed"]
    assert [issue["state"] for issue in arrived.work_items] == ["closed"]
    assert arrived.work_items[0]["confidential"] is True


def test_an_event_without_an_owner_creates_no_issue(operator, deliveries, timer, arrived) -> None:
    make_outbox(operator, deliveries, timer).send(make_event())
    assert not arrived.issues and not arrived.work_items


def test_untrusted_text_is_in_code_spans(operator, deliveries, timer, arrived) -> None:
    make_outbox(operator, deliveries, timer).send(make_hostile_event(), ("board", "lab"))
    for text in (arrived.issues[0]["body"], arrived.work_items[0]["description"]):
        for line in text.splitlines():
            assert not line.startswith("/")
        assert "https://evil" not in text
        shown = MarkdownIt("commonmark").render(text.partition("<!--")[0])
        assert "<script>" not in shown and 'evil.test"' not in shown
        outside = shown
        while "<code>" in outside:
            before, _, rest = outside.partition("<code>")
            outside = before + rest.partition("</code>")[2]
        assert "@" not in outside and "channel" not in outside
