"""What publishing this project would upload: the files of `npm pack`, or of the sdist and wheel."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from detector.config import Config
from detector.contracts import Claim, HistoryState, NestedRepository
from detector.errors import SourceError
from detector.model import Blob, Origin, Skipped
from detector.sources._files import FileEntry, FileShare, check_file, group_files, read_files_again

ORIGIN_KINDS = ("worktree", "archive", "image")

_PYTHON_PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg")
_PYTHON_ARCHIVES = (".whl", ".tar.gz", ".zip")


def claim(target: str, config: Config) -> Claim:
    """Claim any path if ``--as-published`` is given."""
    del target
    return Claim.OPTION if config.as_published else Claim.NONE


def split(target: str, config: Config, state: HistoryState) -> Iterator[FileShare | Skipped | NestedRepository]:
    """Split what the project at *target* would publish. Raises `SourceError` when it publishes nothing we know."""
    del state
    is_npm = os.path.isfile(os.path.join(target, "package.json"))
    is_python = any(os.path.isfile(os.path.join(target, name)) for name in _PYTHON_PROJECTS)
    if is_npm:
        from detector.sources._published import list_npm_files

        yield from group_files(_check_files(target, list_npm_files(target)), config, published=True)
    if is_python:
        yield from _split_python(target, config)
    if not is_npm and not is_python:
        raise SourceError(f"{target}: --as-published needs a package.json, pyproject.toml or setup.py there")


def _split_python(target: str, config: Config) -> Iterator[FileShare | Skipped | NestedRepository]:
    built = os.path.join(target, "dist")
    names = sorted(os.listdir(built)) if os.path.isdir(built) else []
    archives = [os.path.join("dist", name) for name in names if name.endswith(_PYTHON_ARCHIVES)]
    if archives:
        yield from group_files(_check_files(target, archives), config)
        return
    from detector.sources._published import list_python_files

    yield from group_files(_check_files(target, list_python_files(target)), config, published=True)
    yield Skipped(target, "no archives in dist: what the build would take is estimated; `python -m build` tells", True)


def _check_files(target: str, paths: Sequence[str]) -> Iterator[FileEntry | Skipped]:
    for path in paths:
        at = os.path.join(target, path)
        try:
            found = os.lstat(at)
        except OSError as error:
            yield Skipped(at, f"cannot be examined: {error.strerror}")
            continue
        yield from check_file(os.path.normpath(at), at, found)


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the files once more."""
    del config
    return read_files_again(origins)
