"""Step notify: what was sent is recorded, what failed makes it incomplete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.incident.context import Context
from detector.incident.model import LineKind
from detector.incident.steps.notify import notify, preview_events
from tests.detector.incident.running import get_step, opened
from tests.fakes import receivers

pytestmark = pytest.mark.net

OPERATOR = {"notify": {"room": {"channel": "slack", "url_env": "SLACK_URL"}}}


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> Iterator[receivers.Receivers]:
    with receivers.receiving() as found:
        monkeypatch.setenv("SLACK_URL", f"{found.url}/services/T0/B0/x")
        yield found


@pytest.fixture
def context(tmp_path: Path, leaked: Path) -> Iterator[Context]:
    with opened(tmp_path, [leaked], OPERATOR) as made:
        yield made


def test_a_sent_event_is_recorded_and_not_sent_again(context: Context, arrived: receivers.Receivers) -> None:
    assert len(list(preview_events(context))) == 1 and not arrived.slack
    notify(context)
    notify(context)
    (line,) = [line for line in context.incident.lines if line.kind == LineKind.NOTIFIED]
    assert (line.facts["destination"], line.facts["phase"]) == ("room", "opened")
    assert len(arrived.slack) == 1 and list(preview_events(context)) == []
    assert get_step(context, "notify") == ("done", "")


def test_a_refused_event_makes_it_incomplete(context: Context, arrived: receivers.Receivers) -> None:
    arrived.trouble = [(403, {})]
    notify(context)
    assert get_step(context, "notify") == ("incomplete", "not reached: room")
    assert [result.why for result in context.failed_deliveries] == ["it answered 403"]
    notify(context)
    assert get_step(context, "notify") == ("done", "") and context.failed_deliveries == []
