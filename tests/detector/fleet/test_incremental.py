"""Telling what is new says the same as telling everything, however a history goes on."""

import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from detector.fleet import incremental
from detector.git.blame import Attribution, Introduction
from tests.detector.fleet import making
from tests.detector.fleet.test_sweep import Bench

VERSIONS = 12


def line(number: int) -> str:
    return f"TOKEN={making.secret(number)}\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One repository: a file with one credential in many versions, a branch, a tag."""
    place = tmp_path / "fleet" / "r.git"
    place.mkdir(parents=True)
    making.git(place, "init", "-q", "--bare", "-b", "main", ".")
    stream = making.Stream(5)
    for number in range(VERSIONS):
        stream.commit("main", {"app.env": line(1) + f"# {number}\n", "a.txt": stream.text(3)}, f"Change {number}")
    stream.commit("side", {"side.env": line(2)}, "Aside", onto="refs/heads/main")
    stream.into(place)
    making.git(place, "tag", "v1", "main~3")
    return Bench(tmp_path / "fleet", str(tmp_path / "sweep.db"), jobs=1)


def grow(place: Path, files: dict[str, str | None], branch: str = "main", onto: str = "", clock: int = 0) -> None:
    stream = making.Stream(7)
    stream.clock = clock or 1_800_000_000
    stream.commit(branch, files, "More", onto=onto or f"refs/heads/{branch}^0")
    stream.into(place)


def same_as_anew(bench: Bench, tmp_path: Path) -> None:
    anew = Bench(bench.folder, str(tmp_path / "anew.db"), jobs=1)
    Path(anew.place).unlink(missing_ok=True)
    anew.sweep()
    seen = {name: state for name, state in bench.states().items() if state != "absent"}
    assert (bench.told(), seen) == (anew.told(), anew.states())


STEPS: dict[str, tuple[Callable[[Path], object], bool]] = {
    "nothing of note": (lambda place: grow(place, {"b.txt": "nothing\n"}), True),
    "a new credential": (lambda place: grow(place, {"new.env": line(3)}), True),
    "one more version": (lambda place: grow(place, {"app.env": line(1) + "# more\n"}), True),
    "another credential in it": (lambda place: grow(place, {"app.env": line(4)}), True),
    "gone": (lambda place: grow(place, {"app.env": None}), True),
    "one in the message": (lambda place: making.git(place, "tag", "-a", "v2", "-m", line(6), "main"), True),
    "a branch": (lambda place: grow(place, {"c.env": line(5)}, "other", "refs/heads/main"), True),
    "an older version is back": (lambda place: grow(place, {"app.env": line(1) + "# 3\n"}), False),
    "an older branch appears": (
        lambda place: grow(place, {"app.env": line(1) + "# 5\n", "old.env": line(1)}, "old", "v1~6", 1_600_000_000),
        False,
    ),
    "a branch is deleted": (lambda place: making.git(place, "update-ref", "-d", "refs/heads/side"), False),
    "a branch goes back to what another one holds": (
        lambda place: making.git(place, "update-ref", "refs/heads/main", "main~2"),
        True,
    ),
    "a branch goes back": (lambda place: making.git(place, "update-ref", "refs/heads/side", "main~2"), False),
    "a tag is moved": (lambda place: making.git(place, "tag", "-f", "v1", "main"), False),
    "notes": (lambda place: making.git(place, "update-ref", "refs/notes/commits", "side"), True),
}


@pytest.mark.parametrize("name", STEPS)
def test_it_equals_telling_everything(bench, tmp_path, name):
    happens, grown = STEPS[name]
    first = bench.sweep()
    assert (first.swept, first.reread) == (1, 0)
    happens(bench.folder / "r.git")
    second = bench.sweep()
    assert second.swept == 1
    assert (second.reread < VERSIONS) == grown
    same_as_anew(bench, tmp_path)
    grow(bench.folder / "r.git", {"last.env": line(9)})
    assert bench.sweep().reread < VERSIONS
    same_as_anew(bench, tmp_path)


def test_what_is_kept_comes_back_and_nonsense_does_not():
    objects = {"1" * 40: Attribution("blob", (Introduction("2" * 40, "caf\udce9", "Ada", ""),), "x")}
    before = incremental.AttributionSnapshot({"HEAD": "3" * 40}, "d", objects)
    assert incremental.parse_snapshot(before.to_bytes()) == before
    assert incremental.parse_snapshot(b"") is None
    assert incremental.parse_snapshot(b"nonsense") is None
    assert incremental.parse_snapshot(before.to_bytes()[:-9]) is None


def test_what_is_kept_of_names_holds_no_value(bench, tmp_path):
    place, value = bench.folder / "r.git", making.secret(1)
    making.git(place, "tag", f"v_{value}", "main~2")
    making.git(place, "-c", f"user.name={value}", "-c", "user.email=a@b", "tag", "-am", value, "noted", "main")
    bench.sweep()
    grow(place, {"b.txt": "nothing\n"})
    assert bench.sweep().reread < VERSIONS, "it is known again all the same"
    with closing(sqlite3.connect(bench.place)) as state:
        (kept,) = state.execute("SELECT attributions FROM repositories").fetchone()
    assert value.encode() not in zlib.decompress(kept)
    grow(place, {f"{value}.env": f"{line(1)}# of that name\n", f"b_{making.secret(3)}.env": line(3)})
    bench.sweep()
    with closing(sqlite3.connect(bench.place)) as state:
        (kept,) = state.execute("SELECT attributions FROM repositories").fetchone()
    assert kept == b"", "it is told whole the next time"
    same_as_anew(bench, tmp_path)
