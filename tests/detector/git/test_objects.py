"""Reading single objects within a budget."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.git import objects, repository
from tests.detector.git.building import Built


def write_loose(path: Path, content: bytes) -> str:
    path.write_bytes(zlib.compress(content))
    return str(path)


def test_loose_objects_have_type_and_content(tmp_path: Path) -> None:
    path = write_loose(tmp_path / "x", b"blob 5\0hello")
    assert objects.read_loose(path) == ("blob", b"hello")
    assert objects.read_loose(path, ("commit", "tag")) is None
    with pytest.raises(objects.ObjectError, match="over the limit"):
        objects.read_loose(path, budget=objects.ObjectBudget(object=4))


@pytest.mark.parametrize(
    "content", [b"", b"blob", b"blob 5", b"blob x\0hello", b"bleb 5\0hello", b"blob 4\0hello", b"blob 6\0hello"]
)
def test_a_malformed_loose_object_is_an_object_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(objects.ObjectError):
        objects.read_loose(write_loose(tmp_path / "x", content))


@given(st.binary(max_size=200), st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_in_a_loose_file_is_an_object_error(tmp_path: Path, content: bytes, packed: bool) -> None:
    (tmp_path / "x").write_bytes(zlib.compress(content) if packed else content)
    with contextlib.suppress(objects.ObjectError):
        objects.read_loose(str(tmp_path / "x"))


def test_cat_file_reads_the_same_and_reports_missing_and_large_objects(build: Callable[..., Built]) -> None:
    built = build()
    built.history(3)
    large = built.blob(b"x" * 5000)
    found = repository.discover(str(built.path))
    oracle = built.every_object()
    given = [*oracle, "1" * 40]
    read = {
        name: (kind, data) for name, kind, data in objects.cat_file(found, given, objects.ObjectBudget(object=4000))
    }
    assert read.pop("1" * 40) == ("missing", None)
    assert read.pop(large) == ("blob", None)
    oracle = {name: (kind, data) for name, (kind, data) in oracle.items() if len(data) <= 4000}
    assert {name: value for name, value in read.items() if value[1] is not None} == oracle
    assert {name: kind for name, kind, _ in objects.list_all_objects(found)}.keys() == set(given[:-1])
