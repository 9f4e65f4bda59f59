"""The webhook channel: the signature covers the timestamp and the body."""

from __future__ import annotations

import json

import pytest

from detector.incident.notify.webhook import compute_signature
from tests.detector.incident.notify.making import make_event, make_outbox

pytestmark = pytest.mark.net


def test_the_signature_covers_timestamp_and_body(operator, deliveries, timer, arrived) -> None:
    make_outbox(operator, deliveries, timer).send(make_event(), ("service",))
    ((headers, body),) = arrived.webhook
    at = headers["x-leakfirst-timestamp"]
    assert headers["x-leakfirst-signature"] == "sha256=" + compute_signature("signing-key-canary", at, body)
    later = compute_signature("signing-key-canary", str(int(at) + 1), body)
    assert later not in headers["x-leakfirst-signature"]
    assert json.loads(body)["counts"] == {"credentials": 40, "live": 12}
