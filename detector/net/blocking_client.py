"""The HTTP client for callers without an event loop: rotators, inventories, notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from detector.errors import UsageError
from detector.net.http_client import ClientPolicy, HttpClient, Reply, Request


class BlockingHttpClient:
    """An `HttpClient` with an event loop of its own; a context manager, used in one thread."""

    def __init__(self, policy: ClientPolicy) -> None:
        """Raises `UsageError` where the optional packages for requests are not installed."""
        require_http()
        self._client = HttpClient(policy)
        self._runner = asyncio.Runner()

    def __enter__(self) -> BlockingHttpClient:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._client.close())
        finally:
            self._runner.__exit__(kind, error, trace)

    def send(self, request: Request) -> Reply:
        """Send *request* and return the answer. Raises `RequestFailed`."""
        return self._runner.run(self._client.send(request))

    def download(self, request: Request, write: Callable[[bytes], object], max_bytes: int) -> Reply:
        """Send *request* and pass the body to *write*, see `HttpClient.download`. Raises `RequestFailed`."""
        return self._runner.run(self._client.download(request, write, max_bytes))


def require_http() -> None:
    """Raise `UsageError` where the optional packages for requests are not installed."""
    from importlib.util import find_spec

    if find_spec("httpx") is None:
        raise UsageError("this needs httpx: install leakfirst with the extra verify")
