"""Requests to destinations: which statuses are accepted, and how long to wait before a retry."""

from __future__ import annotations

import pytest

from detector.incident.messages.event import DeliveryFailed
from detector.incident.messages.transport import MAX_RETRY_AFTER, parse_retry_after, require_accepted
from detector.net.http_client import Reply


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7.0), ("", 1.0), ("soon", 1.0), ("100000", MAX_RETRY_AFTER), ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0)],
)
def test_retry_after_is_a_number_or_a_date(text: str, expected: float) -> None:
    assert parse_retry_after(text) == expected


@pytest.mark.parametrize(("status", "retry_after"), [(403, None), (404, None), (429, 1.0), (503, 1.0)])
def test_only_a_temporary_error_is_retried(status: int, retry_after: float | None) -> None:
    with pytest.raises(DeliveryFailed, match=f"it answered {status}") as failed:
        require_accepted(make_reply(status))
    assert failed.value.retry_after == retry_after


def test_a_status_may_be_accepted_explicitly() -> None:
    assert require_accepted(make_reply(204)).status == 204
    assert require_accepted(make_reply(404), 404).status == 404


def make_reply(status: int) -> Reply:
    return Reply(status, {}, b"")
