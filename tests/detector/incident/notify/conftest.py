from __future__ import annotations

from collections.abc import Iterator

import pytest

from detector.incident.notify._event import Event
from rotators.core.model import Clock
from tests.fakes import receivers


class Kept:
    """What was told, in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[str, str, float]] = {}

    def told(self, destination: str, key: str) -> bool:
        return (destination, key) in self.rows

    def thread(self, destination: str, thread: str) -> str:
        found = [row[1] for (place, _), row in self.rows.items() if place == destination and row[0] == thread]
        return found[-1] if found else ""

    def lately(self, destination: str, since: float) -> int:
        return sum(place == destination and row[2] > since for (place, _), row in self.rows.items())

    def note(self, destination: str, event: Event, thread: str, at: float) -> None:
        self.rows[destination, event.key] = (event.thread, thread, at)


class Turned:
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
def kept() -> Kept:
    return Kept()


@pytest.fixture
def turned() -> Turned:
    return Turned()


@pytest.fixture
def there() -> Iterator[receivers.Receivers]:
    with receivers.receiving() as found:
        yield found


@pytest.fixture
def operator(there: receivers.Receivers, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """An operator's file with every channel that is played here."""
    monkeypatch.setenv("RECEIVER_TOKEN", receivers.TOKEN)
    monkeypatch.setenv("ROUTING_KEY", receivers.ROUTING)
    monkeypatch.setenv("SIGNING_KEY", "signing-key-canary")
    monkeypatch.setenv("SLACK_URL", f"{there.url}/services/T0/B0/url-canary")
    monkeypatch.setenv("TEAMS_URL", f"{there.url}/workflow?sig=url-canary")
    token = {"token_env": "RECEIVER_TOKEN", "endpoint": there.url}
    return {
        "notify": {
            "room": {"channel": "slack", "url_env": "SLACK_URL"},
            "thread": {"channel": "slack", "to": "C123", **token},
            "card": {"channel": "teams", "url_env": "TEAMS_URL"},
            "oncall": {"channel": "pagerduty", "routing_key_env": "ROUTING_KEY", "endpoint": there.url},
            "service": {"channel": "webhook", "url": f"{there.url}/hook", "key_env": "SIGNING_KEY"},
            "board": {"channel": "github-issue", "repository": "acme/security", **token},
            "lab": {"channel": "gitlab-issue", "project": "acme/security", **token},
        }
    }
