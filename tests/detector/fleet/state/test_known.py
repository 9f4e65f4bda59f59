"""The stored ids equal a plain set, before and after merging."""

import random

import numpy as np
import pytest

from detector.fleet.state import known, open_state
from detector.fleet.state.known import KnownObjects
from detector.git.packs import sort_ids
from tests.detector.fleet.conftest import KEY


def ids(numbers, width: int = 20):
    rows = b"".join(random.Random(number).randbytes(width) for number in numbers)
    return sort_ids(np.frombuffer(rows, np.uint8).reshape(-1, width))


@pytest.fixture
def state(place):
    with open_state(place, KEY) as opened:
        yield opened


@pytest.mark.parametrize("width", [20, 32])
def test_added_ids_are_known_before_and_after_merging_and_reopening(state, monkeypatch, width):
    monkeypatch.setattr(known, "MERGED_ROW_IDS", 64)
    monkeypatch.setattr(known, "MIN_UNMERGED_IDS", 200)
    monkeypatch.setattr(known, "CACHE_BYTES", 4000)
    ruleset = state.save_ruleset({"a": "1"})
    draw = random.Random(5)
    objects, plain = KnownObjects(state, ruleset), set()
    for _ in range(40):
        some = draw.sample(range(3000), draw.randrange(1, 60))
        objects.add(ids(some, width))
        plain.update(some)
        asked = draw.sample(range(3000), 50)
        rows = ids(asked, width)
        expected = {random.Random(number).randbytes(width) for number in asked if number in plain}
        assert {row.tobytes() for row in rows[objects.find_known(rows)]} == expected
    again = KnownObjects(state, ruleset)
    everything = ids(range(3000), width)
    assert int(again.find_known(everything).sum()) == len(plain)
    assert len(again) >= len(plain)


def test_rule_sets_and_id_lengths_are_kept_apart(state):
    one, other = state.save_ruleset({"a": "1"}), state.save_ruleset({"a": "2"})
    assert one != other
    KnownObjects(state, one).add(ids(range(10)))
    assert not KnownObjects(state, other).find_known(ids(range(10))).any()
    assert not KnownObjects(state, one).find_known(ids(range(10), 32)).any()
    assert KnownObjects(state, one).find_known(ids(range(10))).all()


def test_merging_by_another_coordinator_loses_nothing(state, monkeypatch):
    ruleset = state.save_ruleset({"a": "1"})
    mine, theirs = KnownObjects(state, ruleset), KnownObjects(state, ruleset)
    mine.add(ids(range(50)))
    monkeypatch.setattr(known, "MAX_UNMERGED_ROWS", 0)
    monkeypatch.setattr(known, "MERGED_ROW_IDS", 16)
    theirs.add(ids(range(50, 200)))
    assert mine.find_known(ids(range(200))).all()
    assert theirs.find_known(ids(range(200))).all() or KnownObjects(state, ruleset).find_known(ids(range(200))).all()
