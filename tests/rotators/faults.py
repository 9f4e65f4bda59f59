"""Ways to make a rotation go wrong: a proxy that fails on request, and a process that dies on request."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from rotators.core.testing import killed_at as killed_at
from tests.fakes.serving import serving


class Fault:
    """What to do with the next requests whose body or path contains *match*."""

    def __init__(self, match: bytes, kind: str, times: int = 1, after: Callable[[], object] | None = None) -> None:
        self.match, self.kind, self.times, self.after = match, kind, times, after


class Proxy:
    """Stands between a rotator and an emulator. Kinds of faults:

    *lose*: pass the request on and drop the answer. *lose-before*: drop the request. *refuse*: throttle without
    passing it on. *fail*: answer 403 without passing it on. *then*: pass it on
    and call `after` before answering. *damage*: pass it on and cut the answer
    in the middle.

    With `trail`, the proxy plays CloudTrail for the keys that were made through
    it: emulators do not have it. Events appear when `trail_is_late` is false.
    With `last_used` (key id: time) it says when keys were last used.
    """

    def __init__(self, target: str) -> None:
        self.target, self.faults = target, list[Fault]()
        self.seen: list[bytes] = []
        self.trail: list[dict[str, Any]] | None = None
        self.trail_is_late = False
        self.last_used: dict[str, str] | None = None

    def record(self, blob: bytes, agent: str, answer: bytes) -> None:
        """Note in the trail who made a key."""
        made = re.search(rb"<AccessKeyId>(\w+)<", answer)
        if self.trail is not None and b"Action=CreateAccessKey" in blob and made:
            key = {"accessKeyId": made[1].decode()}
            event = {"eventName": "CreateAccessKey", "userAgent": agent, "responseElements": {"accessKey": key}}
            self.trail.append({"CloudTrailEvent": json.dumps(event)})

    def look_up_events(self) -> bytes:
        return json.dumps({"Events": [] if self.trail_is_late else self.trail}).encode()

    def inject(self, match: bytes, kind: str, times: int = 1, after: Callable[[], object] | None = None) -> None:
        self.faults.append(Fault(match, kind, times, after))

    def pick(self, blob: bytes) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.match in blob:
                fault.times -= 1
                return fault
        return None


ANSWERS = {
    "refuse": (
        400,
        b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
        b'{"__type": "ThrottlingException", "message": "Rate exceeded"}',
    ),
    "fail": (
        403,
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        b'{"__type": "AccessDeniedException", "message": "no"}',
    ),
    "unknown": (
        403,
        b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>no</Message></Error></ErrorResponse>",
        b'{"__type": "UnrecognizedClientException", "message": "no"}',
    ),
}


OWN_IDENTITY = b"Action=OwnIdentity"
"""What a fault matches when the operator asks who they are; the same call with another key tries that key."""

ONE_REGION = (
    b'<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><regionInfo><item>'
    b"<regionName>us-east-1</regionName></item></regionInfo></DescribeRegionsResponse>"
)


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None: ...

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        target = self.headers.get("x-amz-target", "").encode()
        blob = self.path.encode() + b" " + target + b" " + body
        if b"Credential=test/" in self.headers.get("authorization", "").encode():
            blob = blob.replace(b"Action=GetCallerIdentity", OWN_IDENTITY)
        self.proxy.seen.append(blob)
        if target.endswith(b"LookupEvents") and self.proxy.trail is not None:
            self._answer(200, self.proxy.look_up_events(), {"content-type": "application/x-amz-json-1.1"})
            return
        if b"Action=DescribeRegions" in blob and self.proxy.trail is not None:
            self._answer(200, ONE_REGION, {"content-type": "text/xml"})
            return
        fault = self.proxy.pick(blob)
        if b"Action=GetAccessKeyLastUsed" in blob and self.proxy.last_used is not None and fault is None:
            self._answer_last_use(blob)
            return
        if fault and fault.kind in ANSWERS:
            status, xml, text = ANSWERS[fault.kind]
            self._answer(
                status,
                text if target else xml,
                {"content-type": "text/xml" if not target else "application/x-amz-json-1.1"},
            )
            return
        if fault and fault.kind == "lose-before":
            self.close_connection = True
            return
        request = urllib.request.Request(
            self.proxy.target + self.path, body or None, self._forwarded(), method=self.command
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, data, back = answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            status, data, back = error.code, error.read(), dict(error.headers)
        self.proxy.record(blob, self.headers.get("user-agent", ""), data)
        if fault and fault.kind == "damage":
            data = data[: len(data) * 4 // 5]
        if fault and fault.kind == "lose":
            self.close_connection = True
            return
        if fault and fault.after:
            fault.after()
        self._answer(status, data, back)

    def _answer_last_use(self, blob: bytes) -> None:
        """Ask the emulator whose key it is, and add when it was used."""
        request = urllib.request.Request(
            self.proxy.target + self.path, blob[blob.index(b"Action=") :], self._forwarded()
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, data = error.code, error.read()
        used = next((when for key, when in (self.proxy.last_used or {}).items() if key.encode() in blob), None)
        if used:
            fields = f"<LastUsedDate>{used}</LastUsedDate><ServiceName>sts</ServiceName><Region>us-east-1</Region>"
            data = re.sub(
                rb"(<AccessKeyLastUsed>).*(</AccessKeyLastUsed>)", rb"\1" + fields.encode() + rb"\2", data, flags=re.S
            )
        self._answer(status, data, {"content-type": "text/xml"})

    def _forwarded(self) -> dict[str, str]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        return {**headers, "Host": self.headers["Host"]}

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _serve


@contextmanager
def proxied(target: str) -> Iterator[tuple[str, Proxy]]:
    """Serve a proxy in front of *target*; yield its address and itself."""
    proxy = Proxy(target)
    with serving(type("Bound", (_Handler,), {"proxy": proxy})) as address:
        yield address, proxy
