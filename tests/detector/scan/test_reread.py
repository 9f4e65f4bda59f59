"""The credentials of a report are found again where the report says."""

import io
from pathlib import Path

import pytest

from detector.config import Config
from detector.errors import UsageError
from detector.fingerprint import load_project_key
from detector.model import Finding, Skipped
from detector.reports import load_report
from detector.reports._options import ReportOptions
from detector.rules.pack import Pack
from detector.rules.shapes import expand
from detector.scan import pipeline
from detector.scan.reread import find_in_text, reread_report
from tests.detector.git.building import Built
from tests.detector.scan.conftest import RULE
from tests.fakes.hidden import zipped

TOKEN = expand("acmekey_{base36:24}", 1)
KEY = b"0123456789abcdef"


@pytest.fixture
def built(tmp_path: Path) -> Built:
    """A repository with the token in history, in an archive of the history, staged, and in a file."""
    built = Built(tmp_path / "repo")
    built.commit("old.py", expand("acmekey_{base36:24}", 2).encode())
    built.commit("old.zip", zipped({"inner.txt": expand("acmekey_{base36:24}", 3).encode()}))
    built.git("rm", "-q", "old.py", "old.zip")
    built.git("commit", "-qm", "Remove them")
    built.write("new.py", TOKEN.encode())
    return built


def write_report(folder: Path, built: Built) -> tuple[Path, tuple[Finding, ...]]:
    (folder / "acme.toml").write_text(RULE)
    config = Config(targets=(str(built.path),), patterns=(str(folder / "acme.toml"),), only=("acme.key",), jobs=1)
    result = pipeline.scan(config)
    out = io.StringIO()
    load_report("json").write(result, out, ReportOptions())
    (folder / "report.json").write_text(out.getvalue())
    return folder / "report.json", result.findings


def test_files_objects_and_members_are_read_again(tmp_path: Path, built: Built, acme_pack: Pack) -> None:
    report, findings = write_report(tmp_path, built)
    assert len(findings) == 3 and TOKEN not in report.read_text()
    again, skipped = reread_report(str(report), acme_pack, load_project_key())
    assert {one.secret for one in again} == {one.secret for one in findings} and not skipped


def test_what_is_gone_is_named(tmp_path: Path, built: Built, acme_pack: Pack) -> None:
    report, findings = write_report(tmp_path, built)
    (built.path / "new.py").unlink()
    again, skipped = reread_report(str(report), acme_pack, load_project_key())
    assert len(again) == len(findings) - 1
    assert any(skip.where.endswith("new.py") for skip in skipped)
    assert any("not found again" in skip.reason for skip in skipped)


def test_a_kind_of_origin_that_no_source_knows_is_skipped(tmp_path: Path, built: Built, acme_pack: Pack) -> None:
    report, _ = write_report(tmp_path, built)
    report.write_text(report.read_text().replace('"worktree"', '"tape"'))
    _, skipped = reread_report(str(report), acme_pack, load_project_key())
    (named,) = (skip for skip in skipped if "tape" in skip.reason)
    assert named == Skipped("new.py", "a location of kind tape cannot be read again")


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "other/1", "findings": []}', '{"findings": [{}]}'])
def test_what_is_no_report_is_a_usage_error(tmp_path: Path, acme_pack: Pack, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(UsageError, match="is no report"):
        reread_report(str(tmp_path / "report.json"), acme_pack, KEY)


def test_a_text_may_hold_the_credential_or_be_it(acme_pack: Pack) -> None:
    for text in (TOKEN, f"key = {TOKEN}\n", f"  {TOKEN}\n"):
        assert find_in_text(text.encode(), "acme.key", acme_pack, KEY).secret.reveal().decode() == TOKEN
    assert find_in_text(b"anything", "acme.key", acme_pack, KEY).secret.reveal() == b"anything"
    for text, rule in ((b" \n", "acme.key"), (b"x", "acme.none")):
        with pytest.raises(UsageError):
            find_in_text(text, rule, acme_pack, KEY)
