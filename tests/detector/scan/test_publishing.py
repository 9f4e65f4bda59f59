"""What should not be published is reported for packages and images, and for nothing else."""

import re

import pytest

from detector.config import Config
from detector.model import Blob, Origin, Rule
from detector.rules.loader import load_files
from detector.rules.pack import list_rule_files, shipped_folder
from detector.scan import pipeline
from detector.scan.publishing import PublishingCheck
from tests.fakes.hidden import image, source_map, tarred, zipped

RULES = [rule for rule in load_files(list_rule_files(shipped_folder())) if rule.published]
EACH = pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])

PEM = b"-----BEGIN " + b"PRIVATE KEY-----\nAAAA\n"
FILES = {
    "exposure.env-file": b"A=b\n",
    "exposure.private-key": PEM,
    "exposure.core-dump": b"\x7fELF\x02\x01" + bytes(10) + b"\x04\x00",
    "exposure.database-dump": b"-- PostgreSQL database dump\n",
    "exposure.npmrc": b"//registry.test/:_authToken=x\n",
    "exposure.terraform-state": b'{"version": 4, "terraform_version": "1"}',
    "exposure.agent-servers": b'{"mcpServers": {"x": {"env": {"KEY": "v"}}}}',
    "exposure.kubeconfig": b"kind: Config\nclient-key-data: AAAA\n",
}
DUMPS = {"hprof": b"JAVA PROFILE 1.0.2\0", "dump": b"PGDMP\x01"}


def content_for(rule: Rule, path: str) -> bytes:
    return DUMPS.get(path.rpartition(".")[2]) or FILES.get(rule.id, b"x")


def seen(path: str, content: bytes) -> list[str]:
    blob = Blob(content, Origin("archive", f"a.tgz!{path}"))
    return [RULES[sighting.rule].id for sighting in PublishingCheck(RULES).check(blob, path)]


def test_the_family_is_whole() -> None:
    assert len(RULES) >= 10 and all(rule.id.startswith("exposure.") for rule in RULES)


@EACH
def test_examples_are_seen_and_misses_are_not(rule: Rule) -> None:
    assert rule.examples and rule.misses and rule.harm.endswith(".") and rule.revoke
    for path in rule.examples:
        assert rule.id in seen(path, content_for(rule, path)), path
    for path in rule.misses:
        assert rule.id not in seen(path, content_for(rule, path)), path


@pytest.mark.parametrize("name", FILES)
def test_a_name_alone_is_not_enough_where_the_content_tells(name: str) -> None:
    rule = next(rule for rule in RULES if rule.id == name)
    assert seen(rule.examples[0], b"nothing\n") == []


def test_a_template_of_an_environment_is_no_environment() -> None:
    assert seen("package/.env", b"# set these\n") == []


def findings(path: object) -> set[tuple[str, str]]:
    result = pipeline.scan(Config(targets=(str(path),), only=("exposure.*",), jobs=1))
    return {
        (finding.rule.id, re.sub(r"^.*?!", "", at.origin.path))
        for finding in result.findings
        for at in finding.locations
    }


def test_a_package_is_looked_at_and_a_folder_is_not(tmp_path) -> None:
    files = {
        "package/a.js.map": source_map({"src/a.ts": "x = 1\n", "src/b.ts": "y = 1\n"}),
        "package/.git/config": b"[core]\n",
        "package/.git/HEAD": b"ref: x\n",
        "package/.env": b"A=b\n",
        "package/ok.js": b"x\n",
    }
    (tmp_path / "p.tgz").write_bytes(tarred(files, "w:gz"))
    expected = {
        ("exposure.source-map", "package/a.js.map"),
        ("exposure.git-folder", "package/.git/"),
        ("exposure.env-file", "package/.env"),
    }
    assert findings(tmp_path / "p.tgz") == expected
    (tmp_path / "p.whl").write_bytes(zipped(files))
    assert findings(tmp_path / "p.whl") == expected
    (tmp_path / "data.zip").write_bytes(zipped(files))
    assert findings(tmp_path / "data.zip") == set()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".env").write_bytes(b"A=b\n")
    assert findings(tmp_path / "folder") == set()


def test_an_image_is_looked_at_whatever_its_name(tmp_path) -> None:
    (tmp_path / "saved").write_bytes(image([{"app/.env": b"A=b\n"}, {"app/.wh..env": b""}], oci=True))
    assert findings(tmp_path / "saved") == {("exposure.env-file", "layer 1!app/.env")}
