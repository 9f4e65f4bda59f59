"""What CloudTrail's answers say about the maker of a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rotators.core.cloudtrail import Maker, find_key_maker
from tests.rotators.faults import proxied

pytestmark = pytest.mark.net

MARK = "leakfirst/0123456789ab"
OURS = {"userAgent": f"Boto3/1.4 {MARK}", "responseElements": {"accessKey": {"accessKeyId": "AKIANEW"}}}


def ask(events: list[Any] | None) -> Maker:
    with proxied("http://127.0.0.1:9") as (url, proxy):
        proxy.trail = None if events is None else [{"CloudTrailEvent": event} for event in events]
        return find_key_maker({"endpoint": url, "timeout": 2}, "AKIANEW", 1e9, MARK)


@pytest.mark.parametrize(
    ("events", "maker"),
    [
        ([json.dumps(OURS)], Maker.US),
        ([json.dumps({**OURS, "userAgent": "aws-cli/2.1"})], Maker.SOMEBODY_ELSE),
        ([json.dumps({"responseElements": None}), "{damaged", "[]"], Maker.NOT_YET_KNOWN),
        ([], Maker.NOT_YET_KNOWN),
        (None, Maker.UNREADABLE),
    ],
    ids=["ours", "another", "other events", "none", "refused"],
)
def test_only_an_event_of_this_very_key_decides(events: list[Any] | None, maker: Maker) -> None:
    assert ask(events) == maker
