"""Projects of an index that answers as it is told, and of a pypiserver where it is installed."""

import hashlib
import io
import xmlrpc.client
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.config import Config
from detector.errors import UsageError
from detector.git.history import NoState
from detector.model import Scan
from detector.net import polite_client
from detector.scan import pipeline
from detector.sources import pypi
from tests.detector.sources.sample import RULE, TOKEN, Sample
from tests.fakes.registries import Answer, Server, answer_json, make_tgz, pypiserver, server

pytestmark = pytest.mark.net
LEAK = f"KEY = '{TOKEN}'\n".encode()


def make_wheel(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def add_project(at: Server, name: str, files: dict[str, bytes]) -> None:
    rows = []
    for file, content in files.items():
        at.answers[f"/files/{file}"] = Answer(200, content)
        hashes = {"sha256": hashlib.sha256(content).hexdigest()}
        rows.append({"filename": file, "url": f"../../files/{file}", "hashes": hashes, "size": len(content)})
    at.answers[f"/simple/{name}/"] = answer_json(
        {"files": rows}, **{"Content-Type": "application/vnd.pypi.simple.v1+json"}
    )


def make_sample(folder: Path) -> Sample:
    at = Server()
    add_project(at, "acme", {"acme-1.0.tar.gz": make_tgz({"acme-1.0/settings.py": LEAK})})
    return Sample("pypi:acme", Config(registry=f"{at.url}/simple"))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(polite_client, "sleep", lambda seconds: None)
    with server() as at:
        yield at


def scan(target: str, folder: Path, registry: str, **config: object) -> Scan:
    rules = folder / "acme.toml"
    rules.write_text(RULE)
    wanted = Config(targets=(target,), patterns=(str(rules),), only=("acme.key", "exposure.*"), jobs=1)
    return pipeline.scan(wanted._replace(registry=registry, **config))


def list_places(result: Scan) -> list[str]:
    return sorted(f"{at.origin.path}:{at.line}" for finding in result.findings for at in finding.locations)


def read_reasons(result: Scan) -> list[str]:
    return [skip.reason for skip in result.skipped if not skip.expected]


@pytest.mark.parametrize(
    ("target", "files"),
    [
        ("pypi:acme", ["acme-2.0-py3-none-any.whl", "acme-2.0.tar.gz"]),
        ("pypi:Acme@all", ["acme-1.0.tar.gz", "acme-2.0-py3-none-any.whl", "acme-2.0.tar.gz", "acme-3.0rc1.tar.gz"]),
        ("pypi:acme==1.0", ["acme-1.0.tar.gz"]),
        ("pypi:acme>=1,<2", ["acme-1.0.tar.gz"]),
        ("pypi:acme==3.0rc1", ["acme-3.0rc1.tar.gz"]),
        ("pypi:acme ~=2.0", ["acme-2.0-py3-none-any.whl", "acme-2.0.tar.gz"]),
    ],
)
def test_a_target_names_versions(index: Server, target: str, files: list[str]) -> None:
    every = ["acme-1.0.tar.gz", "acme-2.0-py3-none-any.whl", "acme-2.0.tar.gz", "acme-3.0rc1.tar.gz"]
    add_project(index, "acme", {file: file.encode() for file in every})
    (share,) = pypi.split(target, Config(registry=f"{index.url}/simple"), NoState())
    assert [one.place.partition("/")[2] for one in share.archives] == files  # type: ignore[union-attr]


def test_source_and_wheel_are_read(index: Server, tmp_path: Path) -> None:
    files = {
        "acme-1.0.tar.gz": make_tgz({"acme-1.0/settings.py": LEAK}),
        "acme-1.0-py3-none-any.whl": make_wheel({"acme/settings.py": LEAK, "acme/.env": b"KEY=value\n"}),
    }
    add_project(index, "acme", files)
    found = scan("pypi:acme", tmp_path, f"{index.url}/simple")
    assert list_places(found) == [
        "pypi:acme==1.0/acme-1.0-py3-none-any.whl!acme/.env:1",
        "pypi:acme==1.0/acme-1.0-py3-none-any.whl!acme/settings.py:1",
        "pypi:acme==1.0/acme-1.0.tar.gz!acme-1.0/settings.py:1",
    ]
    assert found.complete


def test_an_index_in_html(index: Server, tmp_path: Path) -> None:
    content = make_tgz({"acme-1.0/settings.py": LEAK})
    digest = hashlib.sha256(content).hexdigest()
    page = f'<!DOCTYPE html><a href="/f/acme-1.0.tar.gz#sha256={digest}" data-x="1">acme-1.0.tar.gz</a><br/><a>no</a>'
    index.answers["/simple/acme/"] = Answer(200, page.encode(), {"Content-Type": "text/html"})
    index.answers["/f/acme-1.0.tar.gz"] = Answer(200, content)
    assert len(scan("pypi:acme", tmp_path, f"{index.url}/simple").findings) == 1
    index.answers["/f/acme-1.0.tar.gz"] = Answer(200, content + b"x")
    assert read_reasons(scan("pypi:acme", tmp_path, f"{index.url}/simple")) == [
        "the content does not have the sha256 that the server names"
    ]


def test_a_second_run_reads_only_what_is_new(index: Server, tmp_path: Path) -> None:
    files = {"acme-1.0.tar.gz": make_tgz({"acme-1.0/a.py": b"1"})}
    add_project(index, "acme", files)
    state = str(tmp_path / "state")
    scan("pypi:acme@all", tmp_path, f"{index.url}/simple", state=state)
    files["acme-1.1.tar.gz"] = make_tgz({"acme-1.1/a.py": LEAK})
    add_project(index, "acme", files)
    del index.asked[:]
    assert len(scan("pypi:acme@all", tmp_path, f"{index.url}/simple", state=state).findings) == 1
    assert index.paths == ["/simple/acme/", "/files/acme-1.1.tar.gz"]


def test_every_project_of_an_index_and_of_a_user(index: Server, tmp_path: Path) -> None:
    for name in ("one", "two"):
        add_project(index, name, {f"{name}-1.0.tar.gz": make_tgz({f"{name}-1.0/a.py": name.encode() + LEAK})})
    rows = {"projects": [{"name": "one"}, {"name": "two"}, {"name": "../x"}]}
    index.answers["/simple/"] = answer_json(rows)
    found = scan("pypi:*", tmp_path, f"{index.url}/simple")
    assert len(list_places(found)) == 2
    assert read_reasons(found) == ["'../x' is no name of a project"]
    answer = xmlrpc.client.dumps(([["Owner", "one"]],), methodresponse=True).encode()
    index.answers["/pypi"] = Answer(200, answer, {"Content-Type": "text/xml"})
    assert list_places(scan("pypi:~alice", tmp_path, f"{index.url}/simple")) == [
        "pypi:one==1.0/one-1.0.tar.gz!one-1.0/a.py:1"
    ]
    index.answers["/pypi"] = Answer(200, b"<no xml")
    assert "expected form" in read_reasons(scan("pypi:~alice", tmp_path, f"{index.url}/simple"))[0]


@pytest.mark.parametrize("target", ["pypi:", "pypi:../x", "pypi:a/b", "pypi:a@latest", "pypi:a==1/2", "pypi:-x"])
def test_a_target_that_names_no_project(target: str) -> None:
    with pytest.raises(UsageError):
        pypi.parse_target(target)


def test_the_whole_public_index_is_not_read() -> None:
    with pytest.raises(UsageError, match="--registry"):
        list(pypi.split("pypi:*", Config(), NoState()))


@pytest.mark.parametrize(
    "rows", [{}, {"files": 5}, {"files": [{"filename": "../../x", "url": "/x"}]}, {"files": [{"filename": "a\n"}]}]
)
def test_answers_of_another_form(index: Server, tmp_path: Path, rows: object) -> None:
    index.answers["/simple/acme/"] = answer_json(rows)
    found = scan("pypi:acme@all", tmp_path, f"{index.url}/simple")
    assert len(read_reasons(found)) == 1 and found.account.choose_exit_code() == 3


def test_pypiserver(tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "acme_ui-1.0.tar.gz").write_bytes(make_tgz({"acme_ui-1.0/a.py": b"1"}))
    (folder / "acme_ui-1.1-py3-none-any.whl").write_bytes(make_wheel({"acme_ui/settings.py": LEAK}))
    with pypiserver(folder) as url:
        found = scan("pypi:acme.ui@all", tmp_path, url)
        assert list_places(found) == ["pypi:acme-ui==1.1/acme_ui-1.1-py3-none-any.whl!acme_ui/settings.py:1"]
        assert found.complete
        assert len(scan("pypi:*", tmp_path, url).findings) == 1
