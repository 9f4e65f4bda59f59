"""Members of a container are examined, and what they hold is reported once."""

import io
import zipfile

from detector.containers.unpack import CleanMembers
from detector.engine.engine import Engine
from detector.model import Blob, Origin, Sighting, Skipped
from detector.rules.shapes import expand
from detector.scan.examine import Examiner
from detector.scan.messages import ShareProgress
from detector.scan.unpack import examine_container
from tests.fakes.hidden import zipped

TOKEN = expand("acmekey_{base36:24}", 1).encode()
FILE = Origin("worktree", "a.zip")


def test_a_value_in_a_member_is_not_reported_again_for_the_bytes_of_the_container(engine: Engine) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored without compression, so its bytes hold the value, too
        archive.writestr("inner.txt", b"k=" + TOKEN)
    data = buffer.getvalue()
    messages = list(examine_container(Examiner(engine), Blob(data, FILE), "zip"))
    (sighting,) = (message for message in messages if isinstance(message, Sighting))
    assert (sighting.location.origin.kind, sighting.location.origin.path) == ("archive", "a.zip!inner.txt")
    assert [message for message in messages if isinstance(message, ShareProgress)] == [ShareProgress(len(TOKEN) + 2, 1)]


def test_what_only_the_bytes_of_the_container_hold_is_reported(engine: Engine) -> None:
    data = TOKEN + b"\n" + zipped({"inner.txt": b"nothing"})
    messages = examine_container(Examiner(engine), Blob(data, FILE), "zip")
    assert [message.location.origin.path for message in messages if isinstance(message, Sighting)] == ["a.zip"]


def test_a_broken_container_is_reported_and_examined_as_it_is(engine: Engine) -> None:
    data = b"PK\x03\x04" + b"\0" * 40 + b" " + TOKEN
    messages = list(examine_container(Examiner(engine), Blob(data, FILE), "zip"))
    assert [message.where for message in messages if isinstance(message, Skipped)] == ["a.zip"]
    assert len([message for message in messages if isinstance(message, Sighting)]) == 1


def test_members_without_findings_are_remembered(engine: Engine) -> None:
    clean = CleanMembers()
    origin = Origin("blob", "", "", "1" * 40)
    first = Blob(zipped({"same.txt": b"nothing here " * 20}), origin)
    list(examine_container(Examiner(engine), first, "zip", clean=clean))
    again = list(examine_container(Examiner(engine), first, "zip", clean=clean))
    assert [message for message in again if isinstance(message, ShareProgress)] == [ShareProgress(0, 0)]
