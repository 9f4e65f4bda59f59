"""A repository waits for another one that is reading the same objects."""

import numpy as np

from detector.fleet.claims import MAX_SHARED, Claims
from detector.git.packs import sort_ids
from tests.detector.fleet.test_task_queue import make_work


def ids(numbers, id_bytes: int = 20):
    rows = b"".join(number.to_bytes(id_bytes, "big") for number in numbers)
    return sort_ids(np.frombuffer(rows, np.uint8).reshape(-1, id_bytes))


def test_a_few_shared_objects_are_read_twice_and_many_are_not():
    claims, first, second = Claims(), make_work("a"), make_work("b")
    assert claims.claim(first, ids(range(100)))
    assert claims.claim(second, ids(range(100 - MAX_SHARED, 200)))
    assert not claims.claim(make_work("c"), ids(range(99 - MAX_SHARED, 100)))


def test_who_waited_is_returned_once_when_a_claim_ends():
    claims, first, second, third = Claims(), make_work("a"), make_work("b"), make_work("c")
    assert claims.claim(first, ids(range(100)))
    assert not claims.claim(second, ids(range(100)))
    assert claims.release(third) == []  # it has no claim
    assert claims.release(first) == [second]
    assert claims.release(first) == []
    assert claims.claim(second, ids(range(100)))


def test_ids_of_another_length_have_nothing_in_common():
    claims = Claims()
    assert claims.claim(make_work("a"), ids(range(100)))
    assert claims.claim(make_work("b"), ids(range(100), 32))
