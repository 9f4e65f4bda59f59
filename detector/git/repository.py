"""Find a repository and the folders that belong to it, without running git.

A scanned repository is untrusted until the opposite is shown. `.git` files,
`commondir` and alternates can point anywhere on the disk. They are followed if
the target confirms it (a worktree or submodule that points back), if it lies
inside the repository, or if the user allowed that directory.

The pre-commit hook uses this module: standard library only, imported late.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from detector.errors import SourceError
from detector.git._files import list_special_files, read_small_file
from detector.model import Skipped

ANYWHERE = os.sep
"""As an allowed directory: follow pointers to any readable directory."""

MAX_ALTERNATES = 64
_TRUE = ("true", "yes", "on", "1", "")


class Repository(NamedTuple):
    """The folders of one repository, and its format.

    `git_dir` contains HEAD and the index, `common_dir` the refs and the
    configuration (the same folder unless this is a linked worktree).
    `object_dirs` are the repository's own object store and the alternates that
    may be read; alternates that may not be, and pipes and devices among the files
    of a store, are in `skipped`.
    """

    git_dir: str
    common_dir: str
    work_tree: str | None
    object_dirs: tuple[str, ...]
    id_bytes: int = 20
    shallow: bool = False
    promisor: bool = False
    ref_storage: str = "files"
    known_layout: bool = True
    skipped: tuple[Skipped, ...] = ()

    @property
    def index_path(self) -> str:
        """The path of the index of this worktree."""
        return os.path.join(self.git_dir, "index")


def discover(path: str, allow: Sequence[str] = ()) -> Repository:
    """Find the repository at or above *path*.

    *allow* lists directories outside of the repository that `.git` files and
    alternates may point to. `SourceError` if there is no repository, or if it
    points to a directory that is not allowed.
    """
    start = os.path.realpath(path)
    here = start if os.path.isdir(start) else os.path.dirname(start)
    while True:
        if found := open_at(here, allow):
            return found
        above = os.path.dirname(here)
        if above == here:
            raise SourceError(f"{path}: not a git repository")
        here = above


def open_at(path: str, allow: Sequence[str] = ()) -> Repository | None:
    """Open the repository whose top folder is *path*; None if there is none. `SourceError` as in `discover`."""
    here = os.path.realpath(path)
    dot_git = os.path.join(here, ".git")
    if os.path.isdir(dot_git) and _is_git_dir(dot_git):
        return _open_git_dir(os.path.realpath(dot_git), here, allow)
    if os.path.isfile(dot_git):
        return _open_git_dir(_follow_dot_git(dot_git, allow), here, allow)
    return _open_git_dir(here, None, allow) if _is_git_dir(here) else None


def open_nested(path: str, allow: Sequence[str] = ()) -> Repository | None:
    """Open a repository that was found inside a target, not named by the user; None if there is none.

    Its objects must lie inside *path*, unless a `.git` file points to a
    directory that points back. `SourceError` if they do not.
    """
    dot_git = os.path.join(path, ".git")
    if os.path.islink(dot_git):
        raise SourceError(f"{dot_git}: is a symbolic link; name the repository it points to as a target to read it")
    found = open_at(path, allow)
    if found and not os.path.isfile(dot_git):
        inside = os.path.join(os.path.realpath(path), "")
        folders = [os.path.join(os.path.realpath(folder), "") for folder in (found.common_dir, found.object_dirs[0])]
        if not all(folder.startswith(inside) for folder in folders):
            raise SourceError(f"{path}: its objects are stored outside of it; name it as a target to read it")
    return found


def _is_git_dir(path: str) -> bool:
    if not os.path.isfile(os.path.join(path, "HEAD")) and not os.path.islink(os.path.join(path, "HEAD")):
        return False
    if os.path.isfile(os.path.join(path, "commondir")):
        return True
    return os.path.isdir(os.path.join(path, "objects")) and os.path.isdir(os.path.join(path, "refs"))


def _follow_dot_git(dot_git: str, allow: Sequence[str]) -> str:
    text = read_small_file(dot_git)
    if not text.startswith("gitdir:"):
        raise SourceError(f"{dot_git}: neither a git directory nor a pointer to one")
    here = os.path.dirname(dot_git)
    target = os.path.realpath(os.path.join(here, text[7:].strip("\n").strip()))
    if not _is_git_dir(target):
        raise SourceError(f"{dot_git}: points to {target}, which is not a git directory")
    back = read_small_file(os.path.join(target, "gitdir")).strip()
    points_back = bool(back) and os.path.realpath(os.path.join(target, back)) == os.path.realpath(dot_git)
    if not points_back:
        tree = _read_config(os.path.join(target, "config")).get("core.worktree", "")
        points_back = bool(tree) and os.path.realpath(os.path.join(target, tree)) == here
    if points_back or _is_inside(target, (here, *allow)):
        return target
    raise SourceError(f"{dot_git}: points to {target}, which does not point back; allow that directory to read it")


def _open_git_dir(git_dir: str, work_tree: str | None, allow: Sequence[str]) -> Repository:
    common = git_dir
    pointer = read_small_file(os.path.join(git_dir, "commondir")).strip()
    if pointer:
        common = os.path.realpath(os.path.join(git_dir, pointer))
        if not _is_inside(git_dir, (os.path.join(common, "worktrees"), *allow)) or not _is_git_dir(common):
            raise SourceError(f"{git_dir}: its commondir points to {common}, which is not its repository")
    config = _read_config(os.path.join(common, "config"))
    form = config.get("extensions.objectformat", "sha1").lower()
    version = config.get("core.repositoryformatversion", "0")
    known = version in ("0", "1") and form in ("sha1", "sha256")
    objects = os.path.realpath(os.path.join(common, "objects"))
    home = os.path.dirname(common) if os.path.basename(common) == ".git" else common
    skipped: list[Skipped] = []
    if not _is_inside(objects, (home, *allow)):
        raise SourceError(f"{common}: its object store is {objects}; allow that directory to read it")
    return Repository(
        git_dir=git_dir,
        common_dir=common,
        work_tree=work_tree,
        object_dirs=tuple(_list_object_dirs(objects, (home, *allow), skipped)),
        id_bytes=32 if form == "sha256" else 20,
        shallow=os.path.isfile(os.path.join(common, "shallow")),
        promisor="extensions.partialclone" in config
        or any(name.endswith(".promisor") and config[name].lower() in _TRUE for name in config),
        ref_storage=config.get("extensions.refstorage", "files").lower(),
        known_layout=known,
        skipped=tuple(skipped),
    )


def _list_object_dirs(objects: str, allow: Sequence[str], skipped: list[Skipped]) -> list[str]:
    found = [objects]
    for store in found:  # the list grows during the loop: alternates may have alternates
        for line in read_small_file(os.path.join(store, "info", "alternates")).splitlines():
            if not line or line.startswith("#"):
                continue
            if line.startswith('"'):
                line = line.strip('"')
            other = os.path.realpath(os.path.join(store, line))
            if other in found:
                continue
            if not _is_inside(other, allow):
                skipped.append(Skipped(other, "alternate object store outside of the repository; allow it to read it"))
            elif not os.path.isdir(other):
                skipped.append(Skipped(other, "alternate object store does not exist"))
            elif len(found) > MAX_ALTERNATES:
                skipped.append(Skipped(other, "too many alternate object stores"))
            else:
                found.append(other)
    skipped += (Skipped(path, "is no regular file") for store in found for path in list_special_files(store))
    return found


def _is_inside(path: str, roots: Sequence[str]) -> bool:
    for root in roots:
        real = os.path.realpath(root)
        if real == ANYWHERE or path == real or path.startswith(real.rstrip(os.sep) + os.sep):
            return True
    return False


def _read_config(path: str) -> dict[str, str]:
    """Read the plain ``key = value`` lines; includes are not followed."""
    found: dict[str, str] = {}
    section = ""
    for line in read_small_file(path).splitlines():
        line = line.strip()
        if line.startswith("["):
            head, _, rest = line[1:].partition("]")
            name, _, sub = head.partition(" ")
            sub = sub.strip().strip('"')
            section = f"{name.lower()}.{sub}" if sub else name.lower()
            line = rest.strip()
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        value = value.strip()
        if not value.startswith('"'):
            value = value.partition("#")[0].partition(";")[0].strip()
        value = value.replace('"', "").replace("\\\\", "\\")
        found[f"{section}.{key.strip().lower()}"] = value if equals else "true"
    return found
