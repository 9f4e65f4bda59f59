"""Reading a tree: parts, exclusions, links, and files that cannot be read."""

import os
from pathlib import Path

import pytest

from detector.errors import StateError
from detector.incident.manifest import ManifestEntry, file_format
from tests.detector.incident.manifest.making import run


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_not_a_difference(tree: Path) -> None:
    run("create", cwd=tree)
    (tree / "plain.py").chmod(0)
    done = run("verify", cwd=tree, code=3)
    assert done.stdout.startswith("unreadable")


def test_parts_and_exclusions_apply_to_create_and_verify(tree: Path) -> None:
    (tree / "sub" / "cache").mkdir()
    (tree / "sub" / "cache" / "x.pyc").write_text("x")
    run("create", "sub", "plain.py", "--exclude", "cache/", "--exclude", "*.tmp", "-o", "m", cwd=tree)
    (tree / "elsewhere").write_text("x")
    (tree / "sub" / "y.tmp").write_text("x")
    (tree / "sub" / "cache" / "y.pyc").write_text("x")
    run("verify", "m", cwd=tree)
    (tree / "sub" / "z").write_text("x")
    assert run("verify", "m", cwd=tree, code=1).stdout == "added       sub/z\n"


def test_paths_outside_of_the_root_are_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("x")
    (tree / "way").symlink_to(tmp_path / "outside")
    run("create", "-o", "m", cwd=tree)
    assert b"way/x" not in (tree / "m").read_bytes()
    run("create", "../outside", "sub", cwd=tree, code=2)
    run("create", "../outside", "--root", ".", cwd=tree, code=2)
    for path in ("/etc/passwd", "../x", "a/../../x", "./x", ""):
        with pytest.raises(StateError, match=r"is outside|neither"):
            file_format.parse(file_format.render({path: ManifestEntry(path, "file", "0" * 64)}))


def test_short_reads_do_not_truncate_a_file(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("create", cwd=tree)
    whole = os.read
    with monkeypatch.context() as slow:
        slow.setattr("os.read", lambda descriptor, size: whole(descriptor, min(size, 3)))
        run("verify", cwd=tree)
