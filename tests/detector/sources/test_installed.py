"""Sources of other distributions, which read the targets `<name>:…`."""

import io
import json
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from detector.config import Config
from detector.errors import SourceError, UsageError
from detector.fingerprint import load_project_key
from detector.reports import load_report
from detector.reports._options import ReportOptions
from detector.scan import pipeline
from detector.scan.reread import reread_report
from detector.scan.rule_pack import load_rule_pack
from leakfirst._program import main
from tests.detector.sources.sample import RULE, TOKEN
from tests.fakes.hidden import zipped

SHELF = '''
"""A source of another distribution: a shelf of notes."""

from typing import NamedTuple

from detector.contracts import Claim
from detector.model import Blob, Origin

ORIGIN_KINDS = ("shelf",)
NOTES = {"a.txt": b"nothing", "b.txt": b"key = TOKEN"}


class NoteShare(NamedTuple):
    names: tuple[str, ...]
    target: str
    weight: int = 100
    published: bool = False
    read_before: bool = False

    @property
    def name(self):
        return f"notes of {self.target}"

    def read(self):
        for name in self.names:
            yield Blob(NOTES[name], Origin("shelf", name, self.target))


def claim(target, config):
    return Claim.ADDRESS if target.startswith("shelf:") else Claim.NONE


def split(target, config, state):
    for name in NOTES:
        yield NoteShare((name,), target)


def read_again(origins, config):
    for origin in origins:
        yield Blob(NOTES[origin.path], origin)
'''.replace("TOKEN", TOKEN)

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution with a source called *name*."""
    package = tmp_path / "packages"
    package.mkdir()
    monkeypatch.syspath_prepend(str(package))

    def install(name: str, code: str = SHELF, distribution: str = "acme", module: str = "acme_shelf") -> None:
        (package / f"{module}.py").write_text(code)
        info = package / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[leakfirst.sources]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


@pytest.fixture
def config(tmp_path: Path) -> Config:
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE)
    return Config(targets=("shelf:top",), patterns=(str(rules),), only=("acme.key",), jobs=2)


def test_its_content_is_scanned_reported_and_read_again(install: Install, config: Config, tmp_path: Path) -> None:
    install("shelf")
    result = pipeline.scan(config)
    (finding,) = result.findings
    origin = finding.locations[0].origin
    assert (origin.kind, origin.path, origin.repository) == ("shelf", "b.txt", "shelf:top")
    out = io.StringIO()
    load_report("json").write(result, out, ReportOptions())
    schema = json.loads((files("detector.reports") / "findings-1.schema.json").read_text())
    jsonschema.validate(json.loads(out.getvalue()), schema)
    report = tmp_path / "report.json"
    report.write_text(out.getvalue())
    again, skipped = reread_report(str(report), load_rule_pack(config), load_project_key())
    assert [one.secret for one in again] == [finding.secret] and not skipped


def test_a_member_of_a_container_is_read_again_in_its_source(install: Install, config: Config, tmp_path: Path) -> None:
    content = zipped({"inner.txt": f"key = {TOKEN}".encode()})
    install("shelf", SHELF.replace(f'b"key = {TOKEN}"', repr(content)))
    result = pipeline.scan(config)
    (finding,) = result.findings
    assert [(at.origin.kind, at.origin.path) for at in finding.locations] == [("shelf", "b.txt!inner.txt")]
    report = tmp_path / "report.json"
    with open(report, "w") as out:
        load_report("json").write(result, out, ReportOptions())
    again, skipped = reread_report(str(report), load_rule_pack(config), load_project_key())
    assert [one.secret for one in again] == [finding.secret] and not skipped


def test_a_file_of_that_name_is_a_file(install: Install, config: Config, tmp_path: Path, monkeypatch) -> None:
    install("shelf")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shelf:top").write_text("nothing")
    assert not pipeline.scan(config).findings


def test_a_name_that_nobody_serves_is_named(config: Config) -> None:
    with pytest.raises(SourceError, match=r"shelf:top: no such file or folder, and no source is called 'shelf'"):
        pipeline.scan(config)


def test_two_of_one_name_are_refused(install: Install, config: Config) -> None:
    install("shelf")
    install("shelf", distribution="other", module="other_shelf")
    with pytest.raises(UsageError, match=r"'shelf' .* is installed twice, by acme and other"):
        pipeline.scan(config)


def test_it_cannot_replace_one_of_ours(install: Install, config: Config, tmp_path: Path) -> None:
    install("stdin", f"import pathlib; pathlib.Path({str(tmp_path / 'sprung')!r}).touch()")
    pipeline.scan(config._replace(targets=(str(tmp_path / "acme.toml"),)))
    with pytest.raises(UsageError, match="which is the name of a built-in one"):
        pipeline.scan(config)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", "ORIGIN_KINDS is missing"),
        (SHELF.replace("def read_again(origins, config)", "def read_again(origins)"), "read_again() does not take"),
        (SHELF.replace('("shelf",)', '"shelf"'), "ORIGIN_KINDS is a str, not a tuple"),
        ("import nothing_like_it", "acme_shelf"),
        ("1 / 0", "acme_shelf"),
    ],
)
def test_one_that_is_no_source_is_one_line_and_exit_code_2(
    install: Install, code: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install("shelf", code)
    assert main(["scan", "shelf:top"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and problem in said.err
