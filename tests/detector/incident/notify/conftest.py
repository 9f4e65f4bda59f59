from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detector.incident.messages.event import IncidentEvent
from rotators.core.model import Clock
from tests.fakes import mail, receivers


class InMemoryDeliveries:
    """A `DeliveryStore` in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[str, str, float]] = {}

    def was_delivered(self, destination: str, key: str) -> bool:
        return (destination, key) in self.rows

    def find_thread(self, destination: str, thread: str) -> str:
        found = [row[1] for (name, _), row in self.rows.items() if name == destination and row[0] == thread]
        return found[-1] if found else ""

    def count_since(self, destination: str, since: float) -> int:
        return sum(name == destination and row[2] > since for (name, _), row in self.rows.items())

    def record(self, destination: str, event: IncidentEvent, thread: str, at: float) -> None:
        self.rows[destination, event.key] = (event.thread, thread, at)


class Timer:
    """A clock that jumps instead of sleeping."""

    def __init__(self) -> None:
        self.at, self.slept = 1_700_000_000.0, list[float]()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at, self._sleep)


@pytest.fixture
def deliveries() -> InMemoryDeliveries:
    return InMemoryDeliveries()


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def arrived() -> Iterator[receivers.Receivers]:
    """What the fake services have received."""
    with receivers.receiving() as found:
        yield found


@pytest.fixture
def operator(arrived: receivers.Receivers, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An operator's configuration with every channel that `receivers` implements."""
    monkeypatch.setenv("RECEIVER_TOKEN", receivers.TOKEN)
    monkeypatch.setenv("ROUTING_KEY", receivers.ROUTING)
    monkeypatch.setenv("SIGNING_KEY", "signing-key-canary")
    monkeypatch.setenv("SLACK_URL", f"{arrived.url}/services/T0/B0/url-canary")
    monkeypatch.setenv("TEAMS_URL", f"{arrived.url}/workflow?sig=url-canary")
    token = {"token_env": "RECEIVER_TOKEN", "endpoint": arrived.url}
    return {
        "notify": {
            "room": {"channel": "slack", "url_env": "SLACK_URL"},
            "thread": {"channel": "slack", "to": "C123", **token},
            "card": {"channel": "teams", "url_env": "TEAMS_URL"},
            "oncall": {"channel": "pagerduty", "routing_key_env": "ROUTING_KEY", "endpoint": arrived.url},
            "service": {"channel": "webhook", "url": f"{arrived.url}/hook", "key_env": "SIGNING_KEY"},
            "board": {"channel": "github-issue", "repository": "acme/security", **token},
            "lab": {"channel": "gitlab-issue", "project": "acme/security", **token},
        }
    }


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[mail.Mailbox]:
    with mail.receiving(tmp_path) as found:
        yield found


@pytest.fixture
def mail_settings(mailbox: mail.Mailbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A ``[notify.NAME]`` table for `mailbox`."""
    monkeypatch.setenv("MAIL_PASSWORD", mail.PASSWORD)
    return {
        "channel": "email",
        "host": "localhost",
        "port": mailbox.port,
        "ca": mailbox.ca,
        "user": "leakfirst",
        "password_env": "MAIL_PASSWORD",
        "from": "leakfirst@example.test",
        "to": ["oncall@example.test"],
    }
