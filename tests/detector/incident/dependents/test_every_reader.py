"""The contract that every reader in the folder fulfils, and malformed and hostile files of every kind."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from detector.incident.dependents._contract import DependencyReader, WorkspaceReader
from detector.incident.dependents._readers import PACKAGE, load_readers
from detector.registry import check_contract, list_names, load_plugin
from tests.detector.incident.dependents.making import found, unread, write
from tests.protocols import check_with_mypy

READERS = list_names(PACKAGE)


def test_there_are_readers() -> None:
    assert len(READERS) >= 36


def test_mypy_accepts_every_reader_as_a_reader() -> None:
    check_with_mypy(PACKAGE, DependencyReader)
    workspace_readers = [name for name in READERS if hasattr(load_reader(name), "make_workspace_filter")]
    check_with_mypy(PACKAGE, WorkspaceReader, workspace_readers)


def load_reader(name: str) -> ModuleType:
    return load_plugin(PACKAGE, name, what="reader")


@pytest.mark.parametrize("name", READERS)
def test_every_reader_fulfils_the_contract_and_has_a_case(name: str) -> None:
    reader = load_reader(name)
    check_contract(reader, DependencyReader, "reader")
    assert reader.FILES and isinstance(getattr(reader, "READS_ANY_NAME", False), bool)
    assert reader.LOCKS or not hasattr(reader, "make_workspace_filter"), "only a lock file covers a workspace"
    (pattern,) = [pattern for pattern, module in load_readers() if module is reader]
    tests = import_module(f"{__package__}.test_{name.replace('-', '_')}")
    assert any(pattern.fullmatch(file) for _, files, _ in tests.CASES for file in files)


GARBAGE = [b"", b"\0\xff\xfe\n", b"[[[", b'{"a": [1, 2', b"<a><b></a>", b"- - - {", b"null", b"[]"]


EXAMPLES = sorted({glob.replace("*", "x") for name in READERS for glob in load_reader(name).FILES})


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_raises_no_exception(name: str, content: bytes, tmp_path: Path) -> None:
    write(tmp_path, {name: content})
    assert len(unread(tmp_path)) <= 1


MALFORMED = {
    "package-lock.json": '{"packages": {',
    "yarn.lock": "<<<<<<< HEAD\n",
    "pnpm-lock.yaml": "a: [",
    "bun.lock": "{,}",
    "poetry.lock": "[[package]\n",
    "go.mod": "hello world",
    "Cargo.lock": "[x]",
    "Gemfile.lock": "<<<<<<< HEAD\n",
    "composer.lock": "{}",
    "pom.xml": "<project>",
    "gradle.lockfile": "what is this",
    "packages.lock.json": "[]",
    "mix.lock": "%%{",
    "pubspec.lock": "a: b",
    ".github/workflows/x.yml": "a: b: c",
    "Pipfile.lock": "{}",
    "setup.cfg": "no section\n",
    "requirements.txt": "-r missing.txt\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_one_clear_line(name: str, tmp_path: Path) -> None:
    write(tmp_path, {name: MALFORMED[name]})
    (skipped,) = unread(tmp_path)
    assert skipped.where.endswith(name)
    assert len(skipped.reason) > 10 and skipped.reason.isprintable()


def test_includes_may_be_circular_but_not_too_many(tmp_path: Path) -> None:
    circle = {f"requirements{n}.txt": f"-r requirements{(n + 1) % 5}.txt\nx{n}==1\n" for n in range(5)}
    write(tmp_path, circle)
    assert len(found(tmp_path, "x3")) == 1
    fan = {f"sub/{n}.txt": "a\n" for n in range(100)}
    write(tmp_path / "fan", {"requirements.txt": "".join(f"-r {name}\n" for name in fan), **fan})
    (skipped,) = unread(tmp_path / "fan")
    assert "more than 64 files" in skipped.reason
