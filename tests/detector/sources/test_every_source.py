"""What every source must do, whichever is added.

The test of a source, `test_<name>.py`, has a function `make_sample(folder)` that
returns a target which the source claims.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pickle
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from detector.config import Config
from detector.contracts import NestedRepository, Share, TargetNote
from detector.git.history import NoState
from detector.model import Blob, Scan, Skipped
from detector.registry import list_names
from detector.reports import load_report
from detector.reports._options import ReportOptions
from detector.scan import pipeline
from detector.scan.targets import PACKAGE, choose_sources, find_source, load_source
from tests.detector.sources.sample import RULE, TOKEN, Sample

NAMES = list_names(PACKAGE)
SCHEMA = json.loads((files("detector.reports") / "findings-1.schema.json").read_text())


def test_the_sources_of_the_interface_are_there() -> None:
    assert {"changes", "files", "history", "published", "remote", "stdin", "worktree"} <= set(NAMES)


@pytest.fixture(params=NAMES)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Sample]]:
    """The name of a source and a target that it claims."""
    name: str = request.param
    module = importlib.import_module(f"tests.detector.sources.test_{name.replace('-', '_')}")
    make_sample: Callable[[Path], Sample] = module.make_sample
    environment = dict(os.environ)
    made = make_sample(tmp_path)
    with read_standard_input_from(tmp_path / "stdin"):
        yield name, made
    os.environ.clear()
    os.environ.update(environment)


@contextmanager
def read_standard_input_from(path: Path) -> Iterator[None]:
    path.touch()
    saved = os.dup(0)
    with open(path) as stream:
        os.dup2(stream.fileno(), 0)
    yield
    os.dup2(saved, 0)
    os.close(saved)


def scan(sample: Sample, folder: Path, jobs: int) -> Scan:
    rules = folder / "acme.toml"
    rules.write_text(RULE)
    config = sample.config._replace(targets=(sample.target,), patterns=(str(rules),), only=("acme.key",), jobs=jobs)
    return pipeline.scan(config)


def test_it_claims_its_target_and_splits_it_into_shares_for_any_worker(sample: tuple[str, Sample]) -> None:
    name, (target, config) = sample
    source = load_source(name)
    assert source in choose_sources(target, config)
    items = list(source.split(target, config, NoState()))
    shares = [item for item in items if not isinstance(item, Skipped | NestedRepository | TargetNote)]
    assert shares
    for share in shares:
        check_share(share)
        assert pickle.loads(pickle.dumps(share)) == share


def check_share(share: Share) -> None:
    assert isinstance(share.name, str) and share.name.isprintable()
    assert isinstance(share.weight, int) and share.weight >= 0
    assert isinstance(share.published, bool) and isinstance(share.read_before, bool)


def test_nobody_claims_what_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert choose_sources(missing, Config()) == [load_source("files")]


def test_its_blobs_have_its_kinds_of_origin_and_are_read_again(sample: tuple[str, Sample]) -> None:
    name, (target, config) = sample
    source = load_source(name)
    blobs: list[Blob] = []
    for item in source.split(target, config, NoState()):
        if not isinstance(item, Skipped | NestedRepository | TargetNote):
            blobs += [blob for blob in item.read() if isinstance(blob, Blob)]
    assert blobs
    assert {blob.origin.kind for blob in blobs} <= set(source.ORIGIN_KINDS)
    for kind in source.ORIGIN_KINDS:
        jsonschema.validate(kind, SCHEMA["$defs"]["origin"])
    again = list(source.read_again([blob.origin for blob in blobs], config))
    contents = {blob.origin: blob.data for blob in blobs if blob.data}  # without content it stands for its name
    read = [item for item in again if isinstance(item, Blob) and item.origin in contents]
    assert again and all(contents[item.origin] == item.data for item in read)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_scan_finds_the_credential_and_its_report_is_valid(
    sample: tuple[str, Sample], tmp_path: Path, jobs: int
) -> None:
    name, made = sample
    result = scan(made, tmp_path, jobs)
    (finding,) = result.findings
    assert finding.secret.reveal().decode() == TOKEN
    origins = [at.origin for at in finding.locations]
    assert {origin.kind for origin in origins} & set(load_source(name).ORIGIN_KINDS)
    assert all(find_source(origin) for origin in origins)
    out = io.StringIO()
    load_report("json").write(result, out, ReportOptions())
    jsonschema.validate(json.loads(out.getvalue()), SCHEMA)


def test_the_sample_runs_no_program_of_the_target(sample: tuple[str, Sample], tmp_path: Path) -> None:
    """The target may belong to somebody else: git is the only program that is run for it."""
    started: list[str] = []

    def record(event: str, arguments: tuple[object, ...]) -> None:
        if recording and event == "subprocess.Popen":
            started.append(os.path.basename(str(arguments[0])))

    import sys

    recording = True
    sys.addaudithook(record)
    try:
        scan(sample[1], tmp_path, 1)
    finally:
        recording = False
    assert set(started) <= {"git"}, subprocess.list2cmdline(started)
