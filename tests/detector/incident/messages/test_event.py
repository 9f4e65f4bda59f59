"""Events: threads, markers and their common parts."""

from __future__ import annotations

from detector.incident.messages.event import Draft, format_counts, format_title, limit_lines
from tests.detector.incident.notify.making import make_event


def test_the_events_of_a_person_are_a_thread_of_their_own() -> None:
    event, mine = make_event(), make_event(owner="Ada")
    assert event.thread == "inc-1" and mine.thread == "inc-1/Ada"
    assert mine.marker == make_event(owner="Ada", key="other").marker != event.marker


def test_title_and_counts_are_one_line() -> None:
    assert format_title(make_event()) == "[inc-1] opened: acme-widgets 1.2.3: a source map was published"
    assert format_counts(make_event()) == "credentials 40, live 12"


def test_omitted_lines_are_counted() -> None:
    event = make_event(lines=tuple(map(str, range(5))))
    assert limit_lines(event, 5) == ["0", "1", "2", "3", "4"]
    assert limit_lines(event, 3) == ["0", "1", "2", "… and 2 more"]


def test_a_draft_is_shown_as_text() -> None:
    assert Draft("POST x", {"a": 1}, make_event()).render() == 'POST x\n{\n "a": 1\n}'
