"""Pages of a server's API on disk: those of the running listing, and those of the last complete one."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from hashlib import sha256
from typing import IO, Any, NamedTuple

RESUMES_WITHIN = 6 * 3600.0
"""Seconds after which an interrupted listing starts again from the beginning."""


class Page(NamedTuple):
    """The rows of one page, with the server's time (seconds since 1970) when they were read."""

    rows: list[Any]
    at: float
    next: str = ""
    etag: str = ""


class PageCache:
    """The pages of *listing* in *folder*; without a folder, nothing is stored.

    Only the offsets of the pages in the files are held in memory. Two listings at
    once do not share a file: the second stores nothing.
    """

    def __init__(self, folder: str, listing: str) -> None:
        self._path = ""
        self._running = self._complete = _PageFile(io.BytesIO())
        if not folder:
            return
        import fcntl

        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, f"{sha256(listing.encode()).hexdigest()[:24]}.jsonl")
        fd = os.open(f"{path}.part", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(fd, "r+b")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return
        if time.time() - os.fstat(fd).st_mtime > RESUMES_WITHIN:
            if not os.path.exists(path):  # its ETags save reading these pages again
                shutil.copyfile(f"{path}.part", path)
            file.truncate(0)
        self._path = path
        self._running = _PageFile(file)
        if os.path.exists(path):
            self._complete = _PageFile(open(path, "rb"))  # noqa: SIM115 - closed with the cache

    def find_running(self, url: str) -> Page | None:
        """Return the page if the running listing has read it."""
        return self._running.find(url)

    def find_complete(self, url: str) -> Page | None:
        """Return the page as the last complete listing read it."""
        return self._complete.find(url)

    def add(self, url: str, page: Page) -> None:
        """Store a page of the running listing."""
        if self._path:
            self._running.append(url, page)

    def finish(self) -> None:
        """Make the running listing the last complete one."""
        if self._path:
            os.replace(f"{self._path}.part", self._path)

    def close(self) -> None:
        """Close the files."""
        self._running.close()
        self._complete.close()


class _PageFile:
    """A file with one page on each line, found by URL. A line that a crash has cut off is overwritten."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offsets: dict[str, int] = {}
        end = 0
        for line in file:
            url, page = _parse_line(line)
            if page is None:
                break
            self._offsets[url] = end
            end += len(line)
        self._end = end
        if file.writable():
            file.truncate(end)

    def find(self, url: str) -> Page | None:
        """Return the page at *url*."""
        offset = self._offsets.get(url)
        if offset is None:
            return None
        self._file.seek(offset)
        return _parse_line(self._file.readline())[1]

    def append(self, url: str, page: Page) -> None:
        """Write a page at the end."""
        self._file.seek(self._end)
        line = json.dumps({"url": url, **page._asdict()}).encode() + b"\n"
        self._file.write(line)
        self._file.flush()
        self._offsets[url] = self._end
        self._end += len(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _parse_line(line: bytes) -> tuple[str, Page | None]:
    if not line.endswith(b"\n"):
        return "", None
    try:
        found = json.loads(line)
        page = Page(list(found["rows"]), float(found["at"]), str(found["next"]), str(found["etag"]))
        return str(found["url"]), page
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", None
