"""A repository at a URL: cloned for the time of the scan.

The clone is bare and complete (all refs; no checkout, so no filter or hook can
run) and is removed when the program ends. git uses the credentials and proxies
of the person who runs the scan; transports are limited to the usual ones.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from detector.config import Config
from detector.contracts import Claim, HistoryState
from detector.errors import SourceError
from detector.model import HISTORY_KINDS, Blob, Origin, Skipped

if TYPE_CHECKING:
    from detector.git.history import HistoryShare

ORIGIN_KINDS = HISTORY_KINDS

PROTOCOLS = "https:http:ssh:git:file"

_clones: dict[str, str] = {}
"""Folders of clones and their URLs without password; both exist as long as the process."""

_URL = re.compile(r"(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:")


def claim(target: str, config: Config) -> Claim:
    """Claim the URL of a repository, also in the short form of SSH, but not an existing path."""
    del config
    return Claim.ADDRESS if _URL.match(target) and not os.path.exists(target) else Claim.NONE


def split(target: str, config: Config, state: HistoryState) -> Iterator[HistoryShare | Skipped]:
    """Clone *target* and split its history. Raises `SourceError` if that fails.

    *state* knows nothing of a clone that is made for one scan.
    """
    del state
    from detector.git.history import NoState, split_history
    from detector.git.repository import discover

    folder = _clone(target)
    url = strip_credentials(target)
    _clones[folder] = url
    for item in split_history(discover(folder, config.allow), folder, config, NoState()):
        yield item._replace(where=url) if isinstance(item, Skipped) else item


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Report that the clone is gone."""
    del config
    urls = dict.fromkeys(origin.repository for origin in origins)
    return (Skipped(url, "the clone that was scanned is gone; scan the URL again") for url in urls)


def _clone(url: str) -> str:
    """Clone *url* into a new folder that is removed when the program ends."""
    name = strip_credentials(url)
    try:
        import git
    except ImportError:
        raise SourceError(f"{name}: cannot be cloned: git is not installed") from None
    folder = tempfile.mkdtemp(prefix="leakfirst-clone-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = {"GIT_ALLOW_PROTOCOL": PROTOCOLS, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    try:
        git.Repo.clone_from(url, folder, mirror=True, env=environment).close()
    except git.GitCommandError as error:
        raise SourceError(f"{name}: cannot be cloned: {_find_reason(str(error.stderr), url)}") from None
    except git.GitError as error:
        raise SourceError(f"{name}: cannot be cloned: {type(error).__name__}") from None
    return folder


def get_clone_url(repository: str) -> str:
    """Return the URL of which *repository* is a clone of this process; any other path as it is."""
    return _clones.get(repository, repository)


def find_clone(url: str) -> str:
    """Return the folder with the clone of *url* that this process made, or ""."""
    return next((folder for folder, known in _clones.items() if known == strip_credentials(url)), "")


def strip_credentials(url: str) -> str:
    """Return *url* without the user and password that it may carry."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL, so nothing could be cloned from it
        return re.sub(r"://[^/\s]+@", "://", url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _find_reason(stderr: str, url: str) -> str:
    """Return the line of git's messages that says why, without the password that a repeated URL may contain."""
    lines = [line.strip(" '\n") for line in stderr.replace(url, strip_credentials(url)).splitlines()]
    reasons = [line for line in lines if line.startswith(("fatal:", "ERROR:", "remote:"))]
    chosen = (reasons or lines or ["git gave no reason"])[-1]
    return re.sub(r"://[^/\s@]+@", "://", chosen)
