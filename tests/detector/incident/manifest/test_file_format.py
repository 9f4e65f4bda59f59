"""The file format: compatible with sha256sum, deterministic, and safe against alteration."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import StateError
from detector.incident.manifest import ManifestEntry, file_format
from tests.detector.incident.manifest.making import NAMES, run


def test_sha256sum_reads_the_manifest(tree: Path) -> None:
    run("create", cwd=tree)
    assert "no difference" in run("verify", cwd=tree).stderr
    assert b".git/" not in (tree / file_format.NAME).read_bytes()
    if shutil.which("sha256sum"):
        done = subprocess.run(["sha256sum", "-c", "--strict", file_format.NAME], cwd=tree, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(b": OK") == len(NAMES) + 3


def test_the_same_tree_gives_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    run("create", "-o", str(tmp_path / "one"), cwd=tree)
    shutil.copytree(tree, tmp_path / "copy", symlinks=True)
    run("create", "-o", str(tmp_path / "two"), cwd=tmp_path / "copy")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    lines = [line for line in (tmp_path / "one").read_bytes().splitlines() if b"  " in line and line[:1] != b"#"]
    assert lines == sorted(lines, key=lambda line: line.lstrip(b"\\")[66:].replace(b"\\n", b"\n"))


def test_an_altered_manifest_is_refused(tree: Path) -> None:
    run("create", "-o", "m", cwd=tree)
    whole = (tree / "m").read_bytes()
    for altered in (
        whole[:-70],
        whole[:-1],
        whole.replace(b"plain.py", b"plane.py"),
        whole + b'# executable "large"\n',
        whole[:60],
        b"",
        whole.replace(b"manifest 1", b"manifest 2"),
    ):
        (tree / "m").write_bytes(altered)
        done = run("verify", "m", cwd=tree, code=2)
        assert done.stderr.count("\n") == 1
    twice = file_format.render({"a": ManifestEntry("a", "file", "0" * 64), "b": ManifestEntry("a", "file", "1" * 64)})
    with pytest.raises(StateError, match="occurs twice"):
        file_format.parse(twice)


TEXT = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8)


PATHS = st.lists(TEXT.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3).map("/".join)


@given(
    st.dictionaries(PATHS, st.sampled_from(["file", "link"])),
    st.sets(st.sampled_from(file_format.MODES)),
    st.lists(TEXT, max_size=2),
)
def test_a_manifest_survives_rendering_and_parsing(paths: dict[str, str], mode: set[str], excluded: list[str]) -> None:
    words = tuple(word for word in file_format.MODES if word in mode)
    entries = {
        path: ManifestEntry(path, "file", "ab" * 32, mode=words)
        if kind == "file"
        else ManifestEntry(path, "link", target=path[::-1])
        for path, kind in paths.items()
    }
    read = file_format.parse(file_format.render(entries, (), tuple(excluded)))
    assert read.entries == entries and read.excluded == tuple(excluded)
