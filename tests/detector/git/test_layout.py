"""Where a repository begins, told from names alone."""

from pathlib import Path

from detector.git.layout import find_root, is_bare, is_repository


def bare(folder: Path) -> Path:
    for name in ("objects", "refs"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


def test_a_working_tree_and_a_git_directory_are_repositories(tmp_path: Path) -> None:
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    assert is_repository(str(tmp_path / "tree")) and not is_bare(str(tmp_path / "tree"))
    assert is_bare(str(bare(tmp_path / "bare.git")))
    assert not is_repository(str(tmp_path)) and not is_repository(str(tmp_path / "nothing"))


def test_the_git_directory_of_a_working_tree_is_not_bare(tmp_path: Path) -> None:
    inner = bare(tmp_path / ".git")
    assert is_repository(str(inner)) and not is_bare(str(inner))


def test_the_root_is_the_top_of_the_repository_or_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "b").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "b" / "file").touch()
    assert find_root(str(tmp_path / "tree" / "a" / "b" / "file")) == str(tmp_path / "tree")
    home = bare(tmp_path / "bare.git")
    assert find_root(str(home)) == str(home)
    assert find_root("-") == find_root("https://git.example.org/app.git") == find_root(str(tmp_path / "gone")) == ""
