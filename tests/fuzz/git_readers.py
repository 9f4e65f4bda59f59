"""Fuzz the readers of git directories, guided by coverage. Not part of the test run.

    pip install atheris
    python -m tests.fuzz.git_readers index|pack|delta|loose|log [-max_total_time=120] [-seed=1] [corpus folder ...]

Arguments after the name of the reader are passed to libFuzzer. Without a corpus folder, one is created from the objects
of a generated repository. A reader may raise its own errors; anything else is a bug and becomes a test of the module.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import atheris

with atheris.instrument_imports(include=["detector.git", "detector.engine.delta_reuse"]):
    from detector.git import blame, deltas, objects, pack_walker, packs, repository, shares
    from detector.git.objects import ObjectBudget, ObjectError
    from detector.git.packs import PackError

from detector.engine import delta_reuse
from tests.detector.git.building import Built
from tests.interpreted import load_interpreted

BUDGET = ObjectBudget(1 << 20, 1 << 24)
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
MAX_INPUT = 1 << 14
"""The largest input in bytes."""


def load_instrumented(module: ModuleType) -> ModuleType:
    """Load the Python source of a compiled module and instrument it for coverage."""
    loaded = load_interpreted(module.__name__)
    own = [value for value in vars(loaded).values() if getattr(value, "__module__", "") == loaded.__name__]
    for holder in (loaded, *(value for value in own if isinstance(value, type))):
        for name, value in list(vars(holder).items()):
            if getattr(value, "__module__", "") == loaded.__name__ and hasattr(value, "__code__"):
                setattr(holder, name, atheris.instrument_func(value))
    return loaded


DELTAS, DELTA_REUSE, PACK_WALKER = (
    load_instrumented(deltas),
    load_instrumented(delta_reuse),
    load_instrumented(pack_walker),
)
PACK_WALKER.deltas = DELTAS
shares.PackWalker = PACK_WALKER.PackWalker


def fuzz_index(data: bytes) -> None:
    """Read an index with ids of both lengths, and a reverse index."""
    path = FOLDER / "fuzzed.idx"
    path.write_bytes(data)
    for width in (20, 32):
        try:
            found = packs.read_index(str(path), width)
        except (PackError, ValueError):
            continue
        assert len(found.ids) == len(found.offsets)
        packs.find_rows(found.ids, found.ids[:3])
    packs.read_reverse_index(str(path), len(data) // 4)


STORE = FOLDER / "store"


def fuzz_pack(data: bytes) -> None:
    """Read an index and its pack; the first two bytes are the length of the index."""
    length = int.from_bytes(data[:2], "little")
    idx, body = bytearray(data[2 : 2 + length]), data[2 + length :]
    idx[-40:-20] = body[-20:]  # otherwise the pack is rejected at once
    folder = STORE / "objects" / "pack"
    (folder / "pack-fuzzed.idx").write_bytes(idx)
    (folder / "pack-fuzzed.pack").write_bytes(body)
    plan = shares.plan_shares(repository.discover(str(STORE)), workers=2, kinds=("blob", "tree", "commit", "tag"))
    known = {row.tobytes() for row in plan.ids}
    read: set[bytes] = set()
    for share in plan.shares:
        for entry in shares.read_share(share, [], BUDGET):
            assert entry.id in known
            assert len(entry.data) <= BUDGET.object
            read.add(entry.id)


def fuzz_delta(data: bytes) -> None:
    """Apply a delta to a base object; the first two bytes are the length of the base object."""
    length = int.from_bytes(data[:2], "little")
    base, stored = data[2 : 2 + length], data[2 + length :]
    try:
        made: bytes | None = DELTAS.apply_delta(base, stored, 1 << 16)
    except DELTAS.DeltaError:
        made = None
    try:
        again = deltas.apply_delta(base, stored, 1 << 16)
    except deltas.DeltaError:
        again = None
    assert made == again
    if made is None:
        return
    ends = range(1, len(base) + 1)
    for reach in (1, 9, 200):
        fresh = DELTA_REUSE.fresh(stored, reach)
        carried = DELTA_REUSE.carried(stored, ends, [1] * len(base))
        assert fresh == delta_reuse.find_new_ranges(stored, reach)
        assert carried == delta_reuse.carry_over(stored, ends, [1] * len(base))
        seen = bytearray(len(made))
        for start, end in zip(fresh[::2], fresh[1::2], strict=True):
            seen[start:end] = bytes([1]) * (end - start)
        for at, end in zip(carried[::2], carried[1::2], strict=True):
            assert base[at] == made[end - 1]
            seen[end - 1] = 1
        assert all(seen)


def fuzz_loose(data: bytes) -> None:
    """Read a loose object, as it is and compressed."""
    path = FOLDER / "fuzzed.loose"
    for content in (data, zlib.compress(data, 1)):
        path.write_bytes(content)
        try:
            found = objects.read_loose(str(path), budget=BUDGET)
        except ObjectError:
            continue
        assert found is None or len(found[1]) <= BUDGET.object


def fuzz_log(data: bytes) -> None:
    """Parse the output of `git log`, in which paths can be anything."""
    wanted = {b"a" * 40, data[:40].ljust(40, b"b")}
    for commit, changes in blame._find_changes(blame._read_blocks(io.BytesIO(data), 40), wanted):
        assert len(commit) == 40 and all(name in wanted for _, name in changes)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "index": fuzz_index,
    "pack": fuzz_pack,
    "delta": fuzz_delta,
    "loose": fuzz_loose,
    "log": fuzz_log,
}


def build_corpus() -> dict[str, list[bytes]]:
    """Store a few objects in every format of git, and return the files."""
    built = Built(FOLDER / "built")
    built.history(4)
    built.git("tag", "-am", "a tag", "v1")
    files = [*(built.path / ".git" / "objects").glob("??/*")]
    found: dict[str, list[bytes]] = {"loose": [path.read_bytes() for path in files]}
    found["loose"] += [zlib.decompress(content) for content in found["loose"]]
    found["index"], found["pack"] = [], []
    for options in (["-adf"], ["-adf", "--no-write-bitmap-index", "--depth=1"]):
        built.git("-c", "repack.useDeltaBaseOffset=" + str(options[-1] == "-adf").lower(), "repack", "-q", *options)
        (path,) = (built.path / ".git" / "objects" / "pack").glob("*.pack")
        idx, body = path.with_suffix(".idx").read_bytes(), path.read_bytes()
        found["index"] += [idx, idx[:1400]]
        found["pack"].append(len(idx).to_bytes(2, "little") + idx + body)
    base = b"".join(b"line %d\n" % number for number in range(60))
    change = bytes([*encode_size(len(base)), *encode_size(300), 0x90, 100, 5]) + b"hello" + bytes([0xB1, 100, 195, 0])
    found["delta"] = [len(base).to_bytes(2, "little") + base + change]
    log = built.git("log", "--all", "--raw", "-z", "--no-renames", "--no-abbrev", "--format=%H")
    found["log"] = [log.encode(), log.replace(log[:40], "a" * 40).encode()]
    return found


def encode_size(value: int) -> list[int]:
    """Encode a size as in a delta."""
    return [value] if value < 128 else [value & 127 | 128, *encode_size(value >> 7)]


def main() -> None:
    """Fuzz the reader named on the command line."""
    name, options = sys.argv[1], sys.argv[2:]
    for folder in ("objects/pack", "refs"):
        (STORE / folder).mkdir(parents=True, exist_ok=True)
    (STORE / "HEAD").write_text("ref: refs/heads/main\n")
    if all(word.startswith("-") for word in options):
        seeds = FOLDER / "corpus"
        seeds.mkdir()
        for count, content in enumerate(build_corpus()[name]):
            (seeds / str(count)).write_bytes(content)
        options.append(str(seeds))
    atheris.Setup([sys.argv[0], f"-max_len={MAX_INPUT}", "-timeout=20", "-rss_limit_mb=1024", *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
