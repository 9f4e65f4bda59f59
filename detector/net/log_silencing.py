"""Keep what client libraries log about requests out of every log.

With debug logging on, HTTP, cloud and database libraries write URLs, headers,
bodies and even compressed header blocks: credentials in forms that no
redaction recognises. While such clients run, their records keep name and level
and lose everything else.

The blocks are counted, so they may overlap in any order and in any number of
threads: silence lasts until the last block has left. Records are emptied in
`logging.Logger.handle`, which every record passes after it was made and before
any filter or handler sees it. A record factory would not be enough: a factory
that the application installs meanwhile replaces it, and the attributes of
`extra=` are added after the factory has run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CLIENT_LIBRARIES = frozenset({
    "httpx", "httpcore", "h2", "h11", "hpack", "hyperframe", "urllib3", "requests", "botocore", "boto3", "s3transfer",
    "hvac", "asyncssh", "paramiko", "psycopg", "pymysql", "pymongo", "redis", "asyncio", "anyio",
})  # fmt: skip
"""First parts of the names of the loggers whose records are emptied, at any level."""

PLACEHOLDER = "(not logged: it could show a credential)"

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
_Handle = Callable[[logging.Logger, logging.LogRecord], None]


@contextmanager
def silence_client_logs(*, other_libraries: bool = False) -> Iterator[None]:
    """Empty the log records of client libraries as long as the block runs, in every thread.

    *other_libraries* also drops what any logger says at INFO or below, and what
    `http.client` prints: for plug-ins, which may use clients that are not in
    `CLIENT_LIBRARIES`.
    """
    _STATE.enter(other_libraries)
    try:
        yield
    finally:
        _STATE.leave(other_libraries)


class _State:
    """How many blocks run, and what was in place before the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._strict_blocks = 0
        self._installed: _Handle | None = None
        self._replaced: _Handle = logging.Logger.handle
        self._debuglevel = 0

    def enter(self, strict: bool) -> None:
        with self._lock:
            self._blocks += 1
            if logging.Logger.handle is not self._installed:
                self._install()
            if strict:
                self._strict_blocks += 1
                if self._strict_blocks == 1:
                    self._silence_http_client()

    def leave(self, strict: bool) -> None:
        with self._lock:
            self._blocks -= 1
            if strict:
                self._strict_blocks -= 1
                if not self._strict_blocks:
                    self._restore_http_client()
            if not self._blocks and logging.Logger.handle is self._installed:
                _set_handle(self._replaced)
                self._installed = None
            # If other code has wrapped our function meanwhile, it stays in place and passes everything on.

    def _install(self) -> None:
        replaced = self._replaced = logging.Logger.handle

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            if self._blocks and record.name.partition(".")[0] in CLIENT_LIBRARIES:
                _empty(record)
            elif self._strict_blocks and record.levelno <= logging.INFO:
                return
            replaced(logger, record)

        self._installed = handle
        _set_handle(handle)

    def _silence_http_client(self) -> None:
        from http.client import HTTPConnection

        self._debuglevel, HTTPConnection.debuglevel = HTTPConnection.debuglevel, 0

    def _restore_http_client(self) -> None:
        from http.client import HTTPConnection

        if not HTTPConnection.debuglevel:
            HTTPConnection.debuglevel = self._debuglevel


def _set_handle(handle: _Handle) -> None:
    logging.Logger.handle = handle  # type: ignore[method-assign, assignment]


def _empty(record: logging.LogRecord) -> None:
    """Take everything out of *record* but its name, level, time and place in the code.

    Further attributes (`extra=`, an application's record factory) keep their names: a formatter may need them.
    """
    for name in record.__dict__.keys() - _STANDARD:
        record.__dict__[name] = PLACEHOLDER
    record.msg, record.args = PLACEHOLDER, ()
    record.exc_info = record.exc_text = record.stack_info = None


_STATE = _State()
