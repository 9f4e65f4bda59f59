"""A share is read, examined and reported, whatever it holds and whatever fails."""

from collections.abc import Iterator

import pytest

from detector.engine.engine import Engine
from detector.engine.stored import Stored
from detector.errors import SourceError
from detector.model import Blob, Origin, Sighting, Skipped
from detector.rules.shapes import expand
from detector.scan import worker
from detector.scan.messages import ExamineOptions, Message, ShareProgress
from tests.fakes.hidden import zipped

TOKEN = expand("acmekey_{base36:24}", 1).encode()


class ListedShare:
    """Contents by path; *then* is raised behind the last one."""

    weight = 1
    name = "a list"
    published = False
    read_before = False

    def __init__(self, contents: dict[str, bytes], then: BaseException | None = None) -> None:
        self._contents = contents
        self._then = then

    def read(self) -> Iterator[Blob | Skipped]:
        for path, data in self._contents.items():
            yield Blob(data, Origin("worktree", path))
        if self._then:
            raise self._then


class ObjectsShare(ListedShare):
    """The same as objects of a repository."""

    def read_objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        skipped.append(Skipped("object", "is missing"))
        for number, data in enumerate(self._contents.values()):
            yield Stored(bytes([number]) * 20, "blob", data)
        if self._then:
            raise self._then

    def make_blob(self, stored: Stored) -> Blob:
        return Blob(stored.data, Origin("blob", "", "", stored.id.hex()))


def paths(messages: list[Message]) -> list[str]:
    return [one.location.origin.path for one in messages if isinstance(one, Sighting)]


CONTENTS = {
    "small": b"k=" + TOKEN,
    "large": b"\n" * worker.SMALL + TOKEN,
    "utf-16": TOKEN.decode().encode("utf-16"),
    "zip": zipped({"inner": TOKEN}),
    "nothing": b"nothing",
}


def test_every_kind_of_blob_is_examined(engine: Engine) -> None:
    messages = list(worker.examine_share(ListedShare(CONTENTS), engine))
    assert sorted(paths(messages)) == ["large", "small", "utf-16", "zip!inner"]
    assert sum(one.blobs for one in messages if isinstance(one, ShareProgress)) == len(CONTENTS) + 1


def test_objects_of_a_history_are_examined_as_blobs_are(engine: Engine) -> None:
    messages = list(worker.examine_share(ObjectsShare(CONTENTS), engine))
    assert len(paths(messages)) == 4
    assert Skipped("object", "is missing") in messages


@pytest.mark.parametrize("kind", [ListedShare, ObjectsShare])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SourceError("the disk is gone"), "the disk is gone"),
        (MemoryError(), "not enough memory"),
        (RuntimeError(f"holds {TOKEN!r}"), "failed: RuntimeError in test_worker.py:"),
    ],
)
def test_what_was_read_before_a_failure_counts(
    engine: Engine, kind: type[ListedShare], error: Exception, reason: str
) -> None:
    messages = list(worker.examine_safely(kind({"a": b"k=" + TOKEN}, error), engine))
    assert len(paths(messages)) == 1
    (skipped,) = (one for one in messages if isinstance(one, Skipped) and one.where == "a list")
    assert skipped.reason.startswith(reason) and TOKEN.decode() not in skipped.reason


@pytest.mark.parametrize("kind", [ListedShare, ObjectsShare])
def test_of_a_share_that_was_read_before_only_changed_rules_report(engine: Engine, kind: type[ListedShare]) -> None:
    share = kind({"a": TOKEN})
    share.read_before = True
    assert not paths(list(worker.examine_share(share, engine)))
    changed = ExamineOptions(changed_rules=frozenset({"acme.key"}))
    assert len(paths(list(worker.examine_share(share, engine, changed)))) == 1


def test_a_single_blob_is_examined_in_whatever_it_is_wrapped(engine: Engine) -> None:
    for name, data in CONTENTS.items():
        found = list(worker.find_sightings(engine, Blob(data, Origin("worktree", name))))
        assert len(found) == (name != "nothing"), name
