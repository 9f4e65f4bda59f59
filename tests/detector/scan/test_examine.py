"""What the engine finds in a blob becomes messages."""

from detector.engine.engine import Engine
from detector.model import Blob, Origin, Sighting
from detector.rules.shapes import expand
from detector.scan.examine import Examiner
from detector.scan.messages import ExamineOptions, UnusedMark

TOKEN = expand("acmekey_{base36:24}", 1).encode()
FILE = Origin("worktree", "a.py")


def sightings(examiner: Examiner, blob: Blob) -> list[Sighting]:
    return [message for message in examiner.examine(blob) if isinstance(message, Sighting)]


def test_only_hits_that_start_in_the_core_and_on_new_lines_count(engine: Engine) -> None:
    data = TOKEN + b"\n" + TOKEN + b"\n"
    examiner = Examiner(engine)
    assert len(sightings(examiner, Blob(data, FILE))) == 2
    assert [one.location.line for one in sightings(examiner, Blob(data, FILE, core=(1, len(data))))] == [2]
    assert [one.location.line for one in sightings(examiner, Blob(data, FILE, new=((0, 3),)))] == [1]


def test_rules_that_did_not_change_report_nothing_of_what_was_read_before(engine: Engine) -> None:
    blob = Blob(TOKEN, FILE)
    assert sightings(Examiner(engine, only=frozenset({"acme.key"})), blob)
    assert not sightings(Examiner(engine, only=frozenset({"other.key"})), blob)


def test_a_batch_reports_what_each_blob_reports_alone(engine: Engine) -> None:
    blobs = [Blob(text, FILE._replace(path=str(n))) for n, text in enumerate((b"x", TOKEN, b"", b"k=" + TOKEN))]
    examiner = Examiner(engine)
    together = list(examiner.examine_batch(blobs))
    assert together == [(index, message) for index, blob in enumerate(blobs) for message in examiner.examine(blob)]
    assert [index for index, _ in together] == [1, 3]


def test_marks_and_patterns_near_a_hit_come_with_it_and_unused_marks_are_named(engine: Engine) -> None:
    mark = b"leakfirst:" + b"allow"
    data = b"a = 1  # " + mark + b"\nkey = " + TOKEN + b"  # " + mark + b"\n"
    options = ExamineOptions(keep_rejected=True, patterns=("line:key",))
    messages = list(Examiner(engine, options).examine(Blob(data, FILE)))
    (sighting,) = (message for message in messages if isinstance(message, Sighting))
    assert sighting.nearby_ignores == (mark.decode(), "line:key")
    assert [message for message in messages if isinstance(message, UnusedMark)] == [UnusedMark(FILE, 1, mark.decode())]
    history = Blob(data, Origin("blob", "", "", "1" * 40))
    assert not [message for message in Examiner(engine, options).examine(history) if isinstance(message, UnusedMark)]
