"""The leaked material is read completely, whatever it says about ignoring, and can be read again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from detector.errors import LeakfirstError, SourceError, UsageError
from detector.incident import leaked_material
from detector.incident.model import Exposure, ExposureKind
from detector.rules.shapes import expand
from tests.detector.fleet.synthetic import ImportStream, run_git
from tests.detector.incident.making import IncidentLog
from tests.fakes.registries import add_npm_package, make_tgz, server

TOKENS = [expand("ghp_{alnum:30}{check:github-crc32}", 500 + number) for number in range(4)]


@pytest.fixture
def leaked(tmp_path: Path) -> Path:
    file = tmp_path / "bundle.js"
    file.write_text(f'a = "{TOKENS[0]}"\nb = "{TOKENS[1]}"  // leakfirst:allow\n')
    return file


def read(*targets: Path, kind: str = ExposureKind.ARTEFACT, **more: object) -> leaked_material.MaterialResult:
    return leaked_material.read_material(Exposure(kind, tuple(map(str, targets)), **more), jobs=1)  # type: ignore[arg-type]


def record_credentials(found: leaked_material.MaterialResult) -> list:
    log = IncidentLog()
    for one in found.findings:
        log("credential", one.fingerprint, **leaked_material.describe_finding(one))
    return list(log.incident.credentials)


def test_an_ignore_comment_in_the_leaked_material_has_no_effect(leaked: Path) -> None:
    found = read(leaked)
    assert len(found.findings) == 2
    (material,) = found.material
    assert material.facts["bytes"] == os.path.getsize(leaked) and len(material.facts["sha256"]) == 64


def test_the_facts_for_the_log_contain_no_value(leaked: Path) -> None:
    text = json.dumps([leaked_material.describe_finding(one) for one in read(leaked).findings])
    assert not any(token in text or token[4:24] in text for token in TOKENS)


def test_values_are_read_again(leaked: Path) -> None:
    before = read(leaked)
    exposure = Exposure(ExposureKind.ARTEFACT, (str(leaked),))
    reread = leaked_material.reread_credentials(exposure, record_credentials(before))
    assert set(reread) == {one.fingerprint for one in before.findings}
    leaked.write_text("nothing")
    assert leaked_material.reread_credentials(exposure, record_credentials(before)) == {}
    leaked.unlink()
    with pytest.raises(SourceError, match="does not exist any more"):
        leaked_material.reread_credentials(exposure, record_credentials(before))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    location = tmp_path / "app.git"
    location.mkdir()
    run_git(location, "init", "-q", "--bare", "-b", "main", ".")
    stream = ImportStream(1)
    stream.commit("main", {"old.env": f"T={TOKENS[0]}\n"}, "One")
    git_tag = ["tag", "v1", "main"]
    stream.write_to(location)
    run_git(location, *git_tag)
    stream.commit("main", {"deploy/new.env": f"T={TOKENS[1]}\n", "src/a.py": f'T = "{TOKENS[2]}"\n'}, "Two", "main^0")
    stream.commit("main", {"src/a.py": None, "deploy/new.env": None}, "Three")
    stream.write_to(location)
    return location


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, {0, 1, 2}), ({"range": "v1..main"}, {1, 2}), ({"paths": ("deploy",)}, {1}), ({"paths": ("*.py",)}, {2})],
)
def test_a_repository_is_read_completely_or_in_part(repository: Path, more: dict, expected: set[int]) -> None:
    found = read(repository, kind=ExposureKind.REPOSITORY, **more)
    shown = {one.secret.redacted for one in found.findings}
    assert {number for number, token in enumerate(TOKENS) if f"ghp_…{token[-4:]} (40)" in shown} == expected
    reread = leaked_material.reread_credentials(
        Exposure(ExposureKind.REPOSITORY, (str(repository),), **more), record_credentials(found)
    )
    assert len(reread) == len(expected)


def test_a_leakfirst_report_is_reread(leaked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leakfirst._program import main

    monkeypatch.chdir(tmp_path)
    report = tmp_path / "report.json"
    assert main(["scan", "--quiet", "--report", f"json={report}", str(leaked)]) == 1
    found = read(report, kind=ExposureKind.FINDINGS)
    assert len(found.findings) == 1, "the report omits the ignored finding"
    assert (
        len(
            leaked_material.reread_credentials(
                Exposure(ExposureKind.FINDINGS, (str(report),)), record_credentials(found)
            )
        )
        == 1
    )


def test_a_report_cannot_name_files_outside_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    own = tmp_path / "credentials"
    own.write_text(f"token={TOKENS[0]}\n")
    link = tmp_path / "work" / "link"
    link.symlink_to(own)
    monkeypatch.chdir(tmp_path / "work")
    report = tmp_path / "work" / "gitleaks.json"
    report.write_text(json.dumps([{"File": str(own)}, {"File": "../credentials"}, {"File": "link"}]))
    found = read(report, kind=ExposureKind.FINDINGS)
    assert not found.findings and len(found.skipped) == 3


def test_sarif_and_gitleaks_name_files(leaked: Path, tmp_path: Path) -> None:
    location = {"physicalLocation": {"artifactLocation": {"uri": f"file://{leaked}"}}}
    sarif = tmp_path / "other.sarif"
    sarif.write_text(json.dumps({"version": "2.1.0", "runs": [{"results": [{"locations": [location]}]}]}))
    gitleaks = tmp_path / "gitleaks.json"
    gitleaks.write_text(json.dumps([{"File": str(leaked), "RuleID": "x"}, {"File": "gone.env"}]))
    assert len(read(sarif, kind=ExposureKind.FINDINGS).findings) == 2
    found = read(gitleaks, kind=ExposureKind.FINDINGS)
    assert len(found.findings) == 2 and [skip.where for skip in found.skipped] == ["gone.env"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[1, 2]", '{"runs": 3}', '{"runs": [{"results": [{"locations": [{"physicalLocation": 1}]}]}]}'],
)
def test_a_file_that_is_not_a_report_is_one_clear_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(LeakfirstError):
        read(file, kind=ExposureKind.FINDINGS)


@pytest.mark.parametrize(
    ("exposure", "message"),
    [
        (Exposure(ExposureKind.ARTEFACT, ()), "name what leaked"),
        (Exposure(ExposureKind.ARTEFACT, ("/nowhere/x.tgz",)), "no such file"),
        (Exposure(ExposureKind.ARTEFACT, ("/",), range="a..b"), "apply only to a repository"),
        (
            Exposure(ExposureKind.REPOSITORY, ("https://me:tok@git.test/a.git",)),
            "^https://git.test/a.git: remove user and password",
        ),
    ],
)
def test_a_wrong_exposure_is_refused(exposure: Exposure, message: str) -> None:
    with pytest.raises((UsageError, SourceError), match=message):
        leaked_material.validate_exposure(exposure)


def test_an_unknown_revision_is_refused(repository: Path) -> None:
    leaked_material.validate_exposure(Exposure(ExposureKind.REPOSITORY, (str(repository),), range="v1..main"))
    with pytest.raises(UsageError, match=r"--range v1..nope: no such revision in "):
        leaked_material.validate_exposure(Exposure(ExposureKind.REPOSITORY, (str(repository),), range="v1..nope"))


@pytest.mark.parametrize("url", ["git@git.test:a.git", "ssh://git@git.test/a.git", "https://git.test/a.git"])
def test_a_url_may_contain_the_user_name_of_ssh(url: str) -> None:
    leaked_material.validate_exposure(Exposure(ExposureKind.REPOSITORY, (url,), range="a..b"))


def test_a_remote_repository_is_cloned_again(repository: Path) -> None:
    url = f"file://{repository}"
    found = read(url, kind=ExposureKind.REPOSITORY)  # type: ignore[arg-type]
    known = record_credentials(found)
    assert len(known) == 3 and {location["repository"] for one in known for location in one.where} == {url}
    assert len(leaked_material.reread_credentials(Exposure(ExposureKind.REPOSITORY, (url,)), known)) == 3


@pytest.mark.net
def test_a_package_is_fetched_from_its_registry() -> None:
    with server() as registry:
        archive = make_tgz({"package/a.js": f'a = "{TOKENS[0]}"\n'.encode()})
        add_npm_package(registry, "acme-ui", {"1.2.0": archive})
        exposure = Exposure(ExposureKind.ARTEFACT, ("npm:acme-ui@1.2.0",), registry=registry.url)
        leaked_material.validate_exposure(exposure)
        found = leaked_material.read_material(exposure, jobs=1)
        assert len(found.findings) == 1 and not found.skipped
        (credential,) = record_credentials(found)
        assert credential.where[0]["path"] == "npm:acme-ui@1.2.0!package/a.js"
        assert set(leaked_material.reread_credentials(exposure, [credential])) == {credential.fingerprint}
