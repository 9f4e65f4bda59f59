"""Reading only what is new gives the findings of reading everything, however a history continues."""

import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from detector.fleet import incremental
from detector.git.blame import Attribution, Introduction
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner

VERSIONS = 12


def line(number: int) -> str:
    return f"TOKEN={synthetic.make_secret(number)}\n"


@pytest.fixture
def runner(tmp_path: Path) -> SweepRunner:
    """One repository: a file with one credential in many versions, a branch, a tag."""
    place = tmp_path / "fleet" / "r.git"
    place.mkdir(parents=True)
    synthetic.run_git(place, "init", "-q", "--bare", "-b", "main", ".")
    stream = synthetic.ImportStream(5)
    for number in range(VERSIONS):
        stream.commit("main", {"app.env": line(1) + f"# {number}\n", "a.txt": stream.make_text(3)}, f"Change {number}")
    stream.commit("side", {"side.env": line(2)}, "Aside", onto="refs/heads/main")
    stream.write_to(place)
    synthetic.run_git(place, "tag", "v1", "main~3")
    return SweepRunner(tmp_path / "fleet", str(tmp_path / "sweep.db"), jobs=1)


def grow(place: Path, files: dict[str, str | None], branch: str = "main", onto: str = "", clock: int = 0) -> None:
    stream = synthetic.ImportStream(7)
    stream.clock = clock or 1_800_000_000
    stream.commit(branch, files, "More", onto=onto or f"refs/heads/{branch}^0")
    stream.write_to(place)


def same_as_anew(runner: SweepRunner, tmp_path: Path) -> None:
    anew = SweepRunner(runner.folder, str(tmp_path / "anew.db"), jobs=1)
    Path(anew.place).unlink(missing_ok=True)
    anew.sweep()
    seen = {name: state for name, state in runner.read_states().items() if state != "absent"}
    assert (runner.read_findings(), seen) == (anew.read_findings(), anew.read_states())


STEPS: dict[str, tuple[Callable[[Path], object], bool]] = {
    "nothing of note": (lambda place: grow(place, {"b.txt": "nothing\n"}), True),
    "a new credential": (lambda place: grow(place, {"new.env": line(3)}), True),
    "one more version": (lambda place: grow(place, {"app.env": line(1) + "# more\n"}), True),
    "another credential in it": (lambda place: grow(place, {"app.env": line(4)}), True),
    "gone": (lambda place: grow(place, {"app.env": None}), True),
    "one in the message": (lambda place: synthetic.run_git(place, "tag", "-a", "v2", "-m", line(6), "main"), True),
    "a branch": (lambda place: grow(place, {"c.env": line(5)}, "other", "refs/heads/main"), True),
    "an older version is back": (lambda place: grow(place, {"app.env": line(1) + "# 3\n"}), False),
    "an older branch appears": (
        lambda place: grow(place, {"app.env": line(1) + "# 5\n", "old.env": line(1)}, "old", "v1~6", 1_600_000_000),
        False,
    ),
    "a branch is deleted": (lambda place: synthetic.run_git(place, "update-ref", "-d", "refs/heads/side"), False),
    "a branch goes back to what another one holds": (
        lambda place: synthetic.run_git(place, "update-ref", "refs/heads/main", "main~2"),
        True,
    ),
    "a branch goes back": (lambda place: synthetic.run_git(place, "update-ref", "refs/heads/side", "main~2"), False),
    "a tag is moved": (lambda place: synthetic.run_git(place, "tag", "-f", "v1", "main"), False),
    "notes": (lambda place: synthetic.run_git(place, "update-ref", "refs/notes/commits", "side"), True),
}


@pytest.mark.parametrize("name", STEPS)
def test_an_incremental_sweep_equals_a_complete_one(runner, tmp_path, name):
    happens, grown = STEPS[name]
    first = runner.sweep()
    assert (first.swept, first.reread) == (1, 0)
    happens(runner.folder / "r.git")
    second = runner.sweep()
    assert second.swept == 1
    assert (second.reread < VERSIONS) == grown
    same_as_anew(runner, tmp_path)
    grow(runner.folder / "r.git", {"last.env": line(9)})
    assert runner.sweep().reread < VERSIONS
    same_as_anew(runner, tmp_path)


def test_a_snapshot_can_be_read_again_and_a_damaged_one_is_ignored():
    objects = {"1" * 40: Attribution("blob", (Introduction("2" * 40, "caf\udce9", "Ada", ""),), "x")}
    before = incremental.AttributionSnapshot({"HEAD": "3" * 40}, "d", objects)
    assert incremental.parse_snapshot(before.to_bytes()) == before
    assert incremental.parse_snapshot(b"") is None
    assert incremental.parse_snapshot(b"nonsense") is None
    assert incremental.parse_snapshot(before.to_bytes()[:-9]) is None


def test_a_snapshot_contains_no_credential_from_names(runner, tmp_path):
    place, value = runner.folder / "r.git", synthetic.make_secret(1)
    synthetic.run_git(place, "tag", f"v_{value}", "main~2")
    synthetic.run_git(place, "-c", f"user.name={value}", "-c", "user.email=a@b", "tag", "-am", value, "noted", "main")
    runner.sweep()
    grow(place, {"b.txt": "nothing\n"})
    assert runner.sweep().reread < VERSIONS, "it is known again all the same"
    with closing(sqlite3.connect(runner.place)) as state:
        (kept,) = state.execute("SELECT attributions FROM repositories").fetchone()
    assert value.encode() not in zlib.decompress(kept)
    grow(place, {f"{value}.env": f"{line(1)}# of that name\n", f"b_{synthetic.make_secret(3)}.env": line(3)})
    runner.sweep()
    with closing(sqlite3.connect(runner.place)) as state:
        (kept,) = state.execute("SELECT attributions FROM repositories").fetchone()
    assert kept == b"", "everything is read again the next time"
    same_as_anew(runner, tmp_path)
