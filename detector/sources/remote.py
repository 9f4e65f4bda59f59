"""A repository somewhere else, named by its URL: cloned for the time of the scan.

The clone is bare and complete (all refs, no checkout, so no filter or hook can
run) and is removed when the program ends. Credentials and proxies are those of
the person who runs the scan; transports are limited to the usual ones.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from detector.config import Config
from detector.contracts import Share
from detector.errors import SourceError
from detector.model import Skipped

_clones: dict[str, str] = {}  # folder → URL without password; both live as long as the process

PROTOCOLS = "https:http:ssh:git:file"


def shares(target: str, config: Config) -> Iterator[Share | Skipped]:
    """Clone *target* and split its history. Raises `SourceError` if that fails."""
    try:
        import git
    except ImportError:
        raise SourceError(f"{strip_credentials(target)}: cannot be cloned: git is not installed") from None

    from detector.sources import history

    folder = tempfile.mkdtemp(prefix="leakfirst-clone-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = {"GIT_ALLOW_PROTOCOL": PROTOCOLS, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    try:
        git.Repo.clone_from(target, folder, mirror=True, env=environment).close()
    except git.GitCommandError as error:
        raise SourceError(
            f"{strip_credentials(target)}: cannot be cloned: {_reason(str(error.stderr), target)}"
        ) from None
    except git.GitError as error:
        raise SourceError(f"{strip_credentials(target)}: cannot be cloned: {type(error).__name__}") from None
    _clones[folder] = strip_credentials(target)
    for entry in history.shares(folder, config):
        yield entry._replace(where=strip_credentials(target)) if isinstance(entry, Skipped) else entry


def get_clone_url(repository: str) -> str:
    """Return the URL that *repository* is a clone of, if it is one of ours, else itself."""
    return _clones.get(repository, repository)


def find_clone(url: str) -> str:
    """Return the folder with our clone of *url*, or ""."""
    return next((folder for folder, known in _clones.items() if known == strip_credentials(url)), "")


def strip_credentials(url: str) -> str:
    """Return *url* without the user and password that it may carry."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL that anything could be cloned from
        return re.sub(r"://[^/\s]+@", "://", url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _reason(stderr: str, url: str) -> str:
    """Pick the line that says why; git repeats the URL, perhaps with a password in it."""
    lines = [line.strip(" '\n") for line in stderr.replace(url, strip_credentials(url)).splitlines()]
    telling = [line for line in lines if line.startswith(("fatal:", "ERROR:", "remote:"))]
    chosen = (telling or lines or ["git gave no reason"])[-1]
    return re.sub(r"://[^/\s@]+@", "://", chosen)
