"""Attribution begins early where a repository is large, and says the same as when it begins late."""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.config import Config
from detector.errors import SourceError
from detector.git import blame
from detector.model import Scan, Sighting, Skipped
from detector.rules.shapes import expand
from detector.scan import attribution, pipeline, recheck
from detector.scan.locate import SpanIndex
from detector.scan.state import ScanState
from tests.detector.git.building import Built
from tests.fakes.hidden import zipped


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Built]:
    return lambda: Built(tmp_path / "repo")


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[blame.Blame]:
    """The attributions that were left, in order."""
    found: list[blame.Blame] = []
    leave = blame.Blame.__exit__
    monkeypatch.setattr(blame.Blame, "__exit__", lambda self, *why: found.append(self) or leave(self, *why))
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_large_repository_is_begun_with_before_it_is_planned(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    built = build()
    built.commit("settings.py", f"TOKEN = '{expand('npm_{alnum:30}{check:npm-crc32}', 1)}'\n".encode())
    built.git("repack", "-adq")
    config = Config(targets=(str(built.path),), worktree=False, jobs=jobs)
    late = pipeline.scan(config)
    told: list[str] = []
    start, plan = blame.Blame.start, ScanState.plan
    monkeypatch.setattr(attribution, "EARLY_START_BYTES", 1)
    monkeypatch.setattr(blame.Blame, "start", lambda self: told.append("begun") or start(self))
    monkeypatch.setattr(ScanState, "plan", lambda *args: told.append("planned") or plan(*args))
    early = pipeline.scan(config)
    assert told[:2] == (["begun", "planned"] if jobs > 1 else ["planned", "begun"])
    assert early.findings == late.findings and len(early.findings) == 1
    assert early.findings[0].locations[0].origin.path == "settings.py"


def test_what_was_begun_is_ended_even_if_it_could_not_start(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, ended: list[blame.Blame]
) -> None:
    built = build()
    built.commit("settings.py", b"nothing")

    def fail(self: blame.Blame) -> None:
        raise SourceError("git is gone")

    monkeypatch.setattr(attribution, "EARLY_START_BYTES", 0)
    monkeypatch.setattr(blame.Blame, "start", fail)
    pipeline.scan(Config(targets=(str(built.path),), worktree=False, jobs=2))
    assert len(ended) == 1


def test_a_target_named_twice_and_further_targets_are_not_begun_with_early(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, ended: list[blame.Blame]
) -> None:
    built = build()
    built.commit("settings.py", b"nothing")
    started: list[blame.Blame] = []
    monkeypatch.setattr(attribution, "EARLY_START_BYTES", 0)
    monkeypatch.setattr(blame.Blame, "start", lambda self: started.append(self))
    pipeline.scan(Config(targets=(str(built.path), str(built.path), f"{built.path}/.git"), worktree=False, jobs=2))
    assert len(started) == 1 and ended == started


LINES = [
    "DB_PASSWORD=%s", "password: %s", "spring.datasource.password=%s", 'auth_token = "%s"', "secret => '%s'",
    '{"api_key": "%s"}', "export PASSWORD=%s", "mysql -u root --password=%s", "const password = `%s`",
]  # fmt: skip
NAMES = [
    ".env",
    "app.yml",
    "app.properties",
    "t.ini",
    "app.py",
    "app.rb",
    "app.go",
    "data.json",
    "read.md",
    "run.sh",
    "x",
]
SIGNS = [
    "{alnum:12}",
    "{alnum:5}&{alnum:3}",
    "{alnum:4}$vQ2({alnum:2}",
    "{alnum:6},{alnum:8}",
    "{alnum:6}RO({alnum:8}",
]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_history_says_what_the_files_of_it_say(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    built = build()
    for number, name in enumerate(NAMES):
        lines = [
            line % expand(shape, 1000 * number + 100 * at + column)
            for at, line in enumerate(LINES)
            for column, shape in enumerate(SIGNS)
        ]
        built.commit(name, "".join(f"{line}\n# between\n" for line in lines).encode())
    monkeypatch.setattr(recheck, "MIN_PARALLEL_OBJECTS", 2)
    config = Config(targets=(str(built.path),), jobs=workers, min_confidence="low")
    files = seen(pipeline.scan(config._replace(history=False)))
    assert len(files) > 200
    assert seen(pipeline.scan(config._replace(worktree=False))) == files


@pytest.mark.parametrize("wrapped", ["utf-16", "gzip", "base64", "escapes"])
def test_what_is_wrapped_is_judged_again_as_it_was_seen(build: Callable[..., Built], wrapped: str) -> None:
    built = build()
    told = f"name: x\nDB_PASSWORD: '{expand('{alnum:16}', 5)}'\npassword = fetch_it(now)\n"
    content = {
        "utf-16": told.encode("utf-16"),
        "gzip": gzip.compress(told.encode(), mtime=0),
        "base64": b"data: " + base64.b64encode(told.encode()) + b"\n",
        "escapes": json.dumps({"text": told}).encode(),
    }[wrapped]
    built.commit("settings.py", content)
    config = Config(targets=(str(built.path),), jobs=1, min_confidence="low")
    files = seen(pipeline.scan(config._replace(history=False)))
    assert len(files) == 1
    assert seen(pipeline.scan(config._replace(worktree=False))) == files


def seen(scan: Scan) -> set[tuple[object, ...]]:
    return {
        (finding.rule.id, finding.confidence, finding.secret, at.origin.path, *at[1:7], at.snippet)
        for finding in scan.findings
        for at in finding.locations
    }


def test_what_could_not_be_looked_at_is_called_by_path_and_commit(build: Callable[..., Built]) -> None:
    data = bytearray(zipped({".env": b"PASSWORD=x"}))
    data[6] |= 1  # says that it is encrypted, here and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    built = build()
    first = built.commit("a.txt", b"1")
    commit = built.commit("backup/s.zip", bytes(data))
    blob = built.git("rev-parse", "HEAD:backup/s.zip")
    built.git("mv", "backup/s.zip", "later.zip")
    built.git("commit", "-qm", "Move it")
    result = pipeline.scan(Config(targets=(str(built.path),), worktree=False, jobs=1))
    where = f"{built.path}:backup/s.zip!.env (blob {blob[:7]} of commit {commit[:7]})"
    assert Skipped(where, "is protected by a password") in result.skipped and not result.complete
    assert not [skip for skip in result.skipped if blob in skip.where]
    result = pipeline.scan(Config(targets=(str(built.path),), since=first, jobs=1))
    assert Skipped("backup/s.zip!.env", "is protected by a password") in result.skipped


def test_an_interrupt_while_findings_are_placed_loses_none(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build()
    built.commit("settings.py", f"TOKEN = '{expand('npm_{alnum:30}{check:npm-crc32}', 1)}'\n".encode())

    def interrupt(*args: object) -> list[Sighting]:
        raise KeyboardInterrupt

    monkeypatch.setattr(attribution, "recheck_with_paths", interrupt)
    scan = pipeline.scan(Config(targets=(str(built.path),), worktree=False, jobs=1))
    assert scan.interrupted and not scan.complete and len(scan.findings) == 1


def test_a_thousand_lines_are_compared_with_their_neighbours_alone(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build()
    built.commit(".env", "".join(f"PASSWORD_{n}={expand('{alnum:14}', n)}\n" for n in range(400)).encode())
    steps = []
    overlapping = SpanIndex.overlapping
    monkeypatch.setattr(
        SpanIndex, "overlapping", lambda self, *span: (steps.append(one) or one for one in overlapping(self, *span))
    )
    scan = pipeline.scan(Config(targets=(str(built.path),), worktree=False, jobs=1))
    assert len(scan.findings) == 400 and len(steps) < 20 * 400
