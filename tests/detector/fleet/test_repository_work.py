"""The intermediate results of a repository."""

from detector.fleet.tasks import SurveyResult
from tests.detector.fleet.test_task_queue import make_work


def test_flagged_objects_are_collected_by_their_length():
    work = make_work("a")
    assert (work.key, work.ended, work.flagged) == ("a", False, set())
    work.survey = SurveyResult("", id_bytes=32)
    work.flag(b"1" * 32 + b"2" * 32)
    work.flag(b"1" * 32)
    assert work.flagged == {b"1" * 32, b"2" * 32}
