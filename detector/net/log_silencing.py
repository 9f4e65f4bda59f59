"""Keep what libraries log about the wire out of every log.

With debug logging on, HTTP and database libraries write URLs, headers and even
compressed header blocks, that is: credentials in forms that no redaction
recognises. While issuers are asked, the records of these libraries keep their
name and level and lose their text.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WIRE = (
    "httpx", "httpcore", "h2", "h11", "hpack", "hyperframe", "urllib3", "requests", "botocore", "boto3", "hvac",
    "asyncssh", "paramiko", "psycopg", "pymysql", "pymongo", "redis", "asyncio", "anyio",
)  # fmt: skip
"""Top names of the loggers concerned."""

HUSHED = "(not logged: it could show a credential)"


@contextmanager
def hushed() -> Iterator[None]:
    """Empty the log records of wire libraries as long as the block runs, in every thread."""
    inner = logging.getLogRecordFactory()

    def record(name: str, *args: Any, **kwargs: Any) -> logging.LogRecord:
        made = inner(name, *args, **kwargs)
        if name.partition(".")[0] in WIRE:
            made.msg, made.args, made.exc_info, made.exc_text, made.stack_info = HUSHED, (), None, None, None
        return made

    logging.setLogRecordFactory(record)
    try:
        yield
    finally:
        logging.setLogRecordFactory(inner)
