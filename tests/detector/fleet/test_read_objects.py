"""Which objects of a repository have to be read."""

import pytest

from detector.fleet.read_objects import ReadObjects
from detector.fleet.state import open_state
from detector.fleet.tasks import ShareResult
from tests.detector.fleet.conftest import KEY
from tests.detector.fleet.test_claims import ids


@pytest.fixture
def state(tmp_path):
    with open_state(str(tmp_path / "sweep.db"), KEY) as opened:
        yield opened


def add(objects: ReadObjects, numbers) -> None:
    objects.add(ShareResult(20, ids(numbers).tobytes()))


def test_objects_that_were_read_and_flagged_ones_are_known(state):
    objects = ReadObjects(state, {"a": "1"})
    add(objects, range(10))
    selection = objects.select(ids(range(20)), ids([15]))
    assert selection.known.tolist() == ids([*range(10), 15]).tolist()
    assert selection.unread.tolist() == ids([*range(10, 15), *range(16, 20)]).tolist()
    assert len(selection.older) == 0 and objects.changed_rules == frozenset()


def test_after_a_change_of_the_rules_objects_are_older_until_everything_was_read_again(state):
    add(ReadObjects(state, {"a": "1", "b": "1"}), range(10))
    objects = ReadObjects(state, {"a": "1", "b": "2", "c": "1"})
    assert objects.changed_rules == {"b", "c"}
    selection = objects.select(ids(range(12)), ids([]))
    assert selection.unread.tolist() == ids(range(12)).tolist()
    assert selection.older.tolist() == ids(range(10)).tolist()
    add(objects, range(12))
    objects.forget_previous()
    assert len(ReadObjects(state, {"a": "1", "b": "2", "c": "1"}).select(ids(range(12)), ids([])).unread) == 0
