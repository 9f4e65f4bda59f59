"""The pool: equal to one process, survives its workers, ends when told."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from detector.model import Blob, Origin, Sighting, Skipped
from detector.rules import pack as packs
from detector.rules.loader import parse
from detector.rules.shapes import expand
from detector.scan import pool
from detector.scan.messages import ShareProgress
from tests.program import FIND_TESTS, environment

PACK = packs.compile_pack(
    parse(
        """
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_[0-9a-z]{6}"]
pattern = '(acme_[0-9a-z]{24})'
"""
    )
)


def token(seed: int) -> bytes:
    return expand("acme_{base36:24}", seed).encode()


class TextShare(NamedTuple):
    name: str
    weight: int = 10
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        yield Blob(b"k=" + token(int(self.name)), Origin("worktree", self.name))
        yield Skipped(self.name + "/x", "not here", expected=True)


class DeadlyShare(NamedTuple):
    """Kills its worker: always, or until a file says that it did so once."""

    name: str
    once: str = ""
    weight: int = 1000
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        yield Blob(b"k=" + token(7), Origin("worktree", "before"))
        if not self.once or not os.path.exists(self.once):
            if self.once:
                with open(self.once, "w"):
                    pass
            os.kill(os.getpid(), signal.SIGKILL)
        yield Blob(b"k=" + token(8), Origin("worktree", "after"))


class FailingShare(NamedTuple):
    name: str = "failing"
    weight: int = 1
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        yield Blob(b"k=" + token(9), Origin("worktree", "fine"))
        held = "acme_" + "secret" * 4
        raise RuntimeError(f"holds {held}")


def outcome(shares, size: int) -> tuple[list, list[Skipped], ShareProgress]:
    seen, skipped, done = [], [], ShareProgress(0, 0)
    for message in pool.examine_shares(shares, PACK, size):
        if isinstance(message, Sighting):
            seen.append((message.location.origin.path, message.secret.reveal()))
        elif isinstance(message, Skipped):
            skipped.append(message)
        elif isinstance(message, ShareProgress):
            done = done.plus(message)
    return sorted(seen), sorted(skipped), done


def test_any_number_of_workers_sees_the_same() -> None:
    shares = [TextShare(str(number)) for number in range(23)]
    alone = outcome(shares, 1)
    assert len(alone[0]) == len(alone[1]) == 23
    assert outcome(shares, 2) == outcome(shares, 5) == alone


class LongShare(NamedTuple):
    """Shows a credential at once, then goes on for some megabytes."""

    name: str = "long"
    weight: int = 1
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        yield Blob(b"k=" + token(1) + b"\n" * (100 << 10), Origin("worktree", "early"))
        for number in range(3):
            yield Blob(bytes(4 << 20), Origin("worktree", str(number)))


def test_where_something_was_seen_is_said_before_its_share_is_complete() -> None:
    messages = list(pool.examine_shares([LongShare(), LongShare("other")], PACK, 2))
    places = [m.origin if isinstance(m, pool.FirstSighting) else m.location.origin for m in messages if hasattr(m, "origin")
              or hasattr(m, "location")]  # fmt: skip
    assert places == [Origin("worktree", "early")] * 4
    first = next(index for index, message in enumerate(messages) if isinstance(message, Sighting))
    assert sum(isinstance(message, ShareProgress) for message in messages[:first]) >= 3
    assert (
        sum(
            isinstance(message, ShareProgress)
            for message in messages[: messages.index(pool.FirstSighting(Origin("worktree", "early")))]
        )
        <= 1
    )


def test_a_worker_that_dies_once_costs_nothing(tmp_path) -> None:
    shares = [DeadlyShare("deadly", once=str(tmp_path / "died")), *(TextShare(str(n)) for n in range(4))]
    seen, skipped, done = outcome(shares, 2)
    assert [path for path, _ in seen] == ["0", "1", "2", "3", "after", "before"]
    assert len(skipped) == 4
    assert done.blobs == 6


def test_what_kills_two_workers_is_named() -> None:
    seen, skipped, _ = outcome([DeadlyShare("deadly"), *(TextShare(str(n)) for n in range(4))], 2)
    assert [path for path, _ in seen] == ["0", "1", "2", "3"]
    (lost,) = (skip for skip in skipped if not skip.expected)
    assert lost.where == "deadly"
    assert "died twice" in lost.reason


@pytest.mark.parametrize("size", [1, 2])
def test_a_bug_in_a_source_costs_one_share_and_tells_no_locals(size: int) -> None:
    seen, skipped, _ = outcome([FailingShare(), TextShare("1")], size)
    assert [path for path, _ in seen] == ["1", "fine"]
    (failed,) = (skip for skip in skipped if not skip.expected)
    assert failed.where == "failing"
    assert "RuntimeError" in failed.reason
    assert "secret" not in failed.reason


def test_secrets_pass_the_pipe_between_our_own_processes_only() -> None:
    (sighting,) = (m for m in pool.examine_shares([TextShare("3")], PACK, 1) if isinstance(m, Sighting))
    (copy,) = pool.unpickle_messages(pool.pickle_messages([sighting]))
    assert copy == sighting
    with pytest.raises(TypeError):
        pickle.dumps(sighting)


def test_workers_end_with_a_parent_that_is_killed(tmp_path) -> None:
    program = tmp_path / "run.py"
    program.write_text(
        FIND_TESTS
        + textwrap.dedent(
            """
            import os, signal, sys
            from detector.scan import pool
            sys.path.insert(0, sys.argv[1])
            from test_pool import PACK, TextShare
            for _ in pool.examine_shares([TextShare(str(number)) for number in range(9)], PACK, 3):
                os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(program), os.path.dirname(__file__)],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    process.communicate(timeout=60)  # ends once nobody holds its output any more: workers do while they live
    assert process.returncode == -signal.SIGKILL


def test_an_interrupt_ends_it_at_once_and_keeps_what_was_found(tmp_path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"k=" + token(1))
    os.mkfifo(folder / "never")
    program = tmp_path / "run.py"
    program.write_text(
        FIND_TESTS
        + textwrap.dedent(
            """
            import sys, time
            from detector.scan import pool
            from detector.model import Blob, Origin, Sighting
            sys.path.insert(0, sys.argv[1])
            from test_pool import PACK, TextShare
            class Slow(TextShare):
                def read(self):
                    yield Blob(b"k=" + b"", Origin("worktree", "slow"))
                    time.sleep(60)
            count = 0
            try:
                for message in pool.examine_shares([TextShare("1"), Slow("2"), TextShare("3")], PACK, 2):
                    if isinstance(message, Sighting):
                        count += 1
                        print("seen", flush=True)
            except KeyboardInterrupt:
                print("interrupted after", count, flush=True)
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(program), os.path.dirname(__file__)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)] == ["seen\n", "seen\n"]
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=50)[0]
    assert rest == "interrupted after 2\n"


@pytest.mark.parametrize(
    ("given", "meanwhile"),
    [
        ((700, 10, 10), pool.RARE_COLLECTION),
        ((1 << 20, 1, 1), (1 << 20, *pool.RARE_COLLECTION[1:])),
        ((0, 10, 10), (0, 10, 10)),
    ],
)
def test_the_garbage_collector_looks_rarely_for_a_while(given, meanwhile) -> None:
    """It is as before afterwards, and one that is off stays off."""
    before = gc.get_threshold()
    gc.set_threshold(*given)
    try:
        with pool.collect_garbage_rarely():
            assert gc.get_threshold() == meanwhile
        assert gc.get_threshold() == given
    finally:
        gc.set_threshold(*before)
