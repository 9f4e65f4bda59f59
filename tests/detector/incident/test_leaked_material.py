"""What leaked is read whole, obeys nobody, and is read again by whoever needs a value."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from detector.errors import LeakfirstError, SourceError, UsageError
from detector.incident import leaked_material
from detector.incident.model import ARTEFACT, FINDINGS, REPOSITORY, Exposure
from detector.rules.shapes import expand
from tests.detector.fleet.making import Stream, git
from tests.detector.incident.making import Log

TOKENS = [expand("ghp_{alnum:30}{check:github-crc32}", 500 + number) for number in range(4)]


@pytest.fixture
def leaked(tmp_path: Path) -> Path:
    file = tmp_path / "bundle.js"
    file.write_text(f'a = "{TOKENS[0]}"\nb = "{TOKENS[1]}"  // leakfirst:allow\n')
    return file


def look(*targets: Path, kind: str = ARTEFACT, **more: object) -> leaked_material.Found:
    return leaked_material.look(Exposure(kind, tuple(map(str, targets)), **more), jobs=1)  # type: ignore[arg-type]


def credentials(found: leaked_material.Found) -> list:
    log = Log()
    for one in found.findings:
        log("credential", one.fingerprint, **leaked_material.note_of(one))
    return list(log.case.credentials)


def test_a_mark_in_the_leaked_material_hides_nothing(leaked: Path) -> None:
    found = look(leaked)
    assert len(found.findings) == 2
    (material,) = found.material
    assert material.facts["bytes"] == os.path.getsize(leaked) and len(material.facts["sha256"]) == 64


def test_no_value_is_in_what_is_noted(leaked: Path) -> None:
    text = json.dumps([leaked_material.note_of(one) for one in look(leaked).findings])
    assert not any(token in text or token[4:24] in text for token in TOKENS)


def test_values_are_read_again(leaked: Path) -> None:
    before = look(leaked)
    exposure = Exposure(ARTEFACT, (str(leaked),))
    again = leaked_material.again(exposure, credentials(before))
    assert set(again) == {one.fingerprint for one in before.findings}
    leaked.write_text("nothing")
    assert leaked_material.again(exposure, credentials(before)) == {}
    leaked.unlink()
    with pytest.raises(SourceError, match="not there any more"):
        leaked_material.again(exposure, credentials(before))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "app.git"
    place.mkdir()
    git(place, "init", "-q", "--bare", "-b", "main", ".")
    stream = Stream(1)
    stream.commit("main", {"old.env": f"T={TOKENS[0]}\n"}, "One")
    git_tag = ["tag", "v1", "main"]
    stream.into(place)
    git(place, *git_tag)
    stream.commit("main", {"deploy/new.env": f"T={TOKENS[1]}\n", "src/a.py": f'T = "{TOKENS[2]}"\n'}, "Two", "main^0")
    stream.commit("main", {"src/a.py": None, "deploy/new.env": None}, "Three")
    stream.into(place)
    return place


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, {0, 1, 2}), ({"range": "v1..main"}, {1, 2}), ({"paths": ("deploy",)}, {1}), ({"paths": ("*.py",)}, {2})],
)
def test_a_repository_or_a_part_of_it(repository: Path, more: dict, expected: set[int]) -> None:
    found = look(repository, kind=REPOSITORY, **more)
    shown = {one.secret.redacted for one in found.findings}
    assert {number for number, token in enumerate(TOKENS) if f"ghp_…{token[-4:]} (40)" in shown} == expected
    again = leaked_material.again(Exposure(REPOSITORY, (str(repository),), **more), credentials(found))
    assert len(again) == len(expected)


def test_our_own_report(leaked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leakfirst._program import main

    monkeypatch.chdir(tmp_path)
    report = tmp_path / "report.json"
    assert main(["scan", "--quiet", "--report", f"json={report}", str(leaked)]) == 1
    found = look(report, kind=FINDINGS)
    assert len(found.findings) == 1, "the report does not have what was set aside"
    assert len(leaked_material.again(Exposure(FINDINGS, (str(report),)), credentials(found))) == 1


def test_a_foreign_report_names_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    own = tmp_path / "credentials"
    own.write_text(f"token={TOKENS[0]}\n")
    link = tmp_path / "work" / "link"
    link.symlink_to(own)
    monkeypatch.chdir(tmp_path / "work")
    report = tmp_path / "work" / "gitleaks.json"
    report.write_text(json.dumps([{"File": str(own)}, {"File": "../credentials"}, {"File": "link"}]))
    found = look(report, kind=FINDINGS)
    assert not found.findings and len(found.skipped) == 3


def test_sarif_and_gitleaks_name_files(leaked: Path, tmp_path: Path) -> None:
    place = {"physicalLocation": {"artifactLocation": {"uri": f"file://{leaked}"}}}
    sarif = tmp_path / "other.sarif"
    sarif.write_text(json.dumps({"version": "2.1.0", "runs": [{"results": [{"locations": [place]}]}]}))
    gitleaks = tmp_path / "gitleaks.json"
    gitleaks.write_text(json.dumps([{"File": str(leaked), "RuleID": "x"}, {"File": "gone.env"}]))
    assert len(look(sarif, kind=FINDINGS).findings) == 2
    found = look(gitleaks, kind=FINDINGS)
    assert len(found.findings) == 2 and [skip.where for skip in found.skipped] == ["gone.env"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[1, 2]", '{"runs": 3}', '{"runs": [{"results": [{"locations": [{"physicalLocation": 1}]}]}]}'],
)
def test_what_is_no_report_is_one_clear_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(LeakfirstError):
        look(file, kind=FINDINGS)


@pytest.mark.parametrize(
    ("exposure", "said"),
    [
        (Exposure(ARTEFACT, ()), "name what leaked"),
        (Exposure(ARTEFACT, ("/nowhere/x.tgz",)), "no such file"),
        (Exposure(ARTEFACT, ("/",), range="a..b"), "go with a repository"),
        (Exposure(REPOSITORY, ("https://me:tok@git.test/a.git",)), "^https://git.test/a.git: leave user and password"),
    ],
)
def test_what_cannot_be_opened_is_said_before(exposure: Exposure, said: str) -> None:
    with pytest.raises((UsageError, SourceError), match=said):
        leaked_material.check(exposure)


def test_a_mistyped_range_is_said_before(repository: Path) -> None:
    leaked_material.check(Exposure(REPOSITORY, (str(repository),), range="v1..main"))
    with pytest.raises(UsageError, match=r"--range v1..nope: no such revision in "):
        leaked_material.check(Exposure(REPOSITORY, (str(repository),), range="v1..nope"))


@pytest.mark.parametrize("url", ["git@git.test:a.git", "ssh://git@git.test/a.git", "https://git.test/a.git"])
def test_a_url_may_name_who_one_is_to_ssh(url: str) -> None:
    leaked_material.check(Exposure(REPOSITORY, (url,), range="a..b"))


def test_a_remote_repository_is_cloned_again(repository: Path) -> None:
    url = f"file://{repository}"
    found = look(url, kind=REPOSITORY)  # type: ignore[arg-type]
    known = credentials(found)
    assert len(known) == 3 and {place["repository"] for one in known for place in one.where} == {url}
    assert len(leaked_material.again(Exposure(REPOSITORY, (url,)), known)) == 3
