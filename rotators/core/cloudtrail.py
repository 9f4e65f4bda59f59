"""What CloudTrail tells about an access key: who made it.

Events arrive some minutes after the call, and may be kept from us; so there
are four answers, and only the first two decide anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from rotators.core import aws

EVENT_DELAY = 900
"""Seconds within which an event is expected; AWS says five minutes on average, and promises nothing."""


OPENERS = frozenset(
    {"AssumeRole", "AssumeRoot", "GetScopedCredentials", "GetDelegatedAccessToken", "GetWebIdentityToken"}
)
"""Calls that open a session of somebody else than the user whose key made them."""

MAX_PAGES = 40
"""Pages of events that are read per region; 50 events each, and two pages a second."""


class Maker(StrEnum):
    """Who made a key, as far as CloudTrail tells."""

    US = "us"
    SOMEBODY_ELSE = "somebody else"
    NOT_YET_KNOWN = "not yet known"
    UNREADABLE = "unreadable"


def find_key_maker(settings: Mapping[str, Any], key_id: str, since: float, mark: str) -> Maker:
    """Say who made the access key *key_id* after *since*; *mark* is what our user agent carried."""
    from botocore.exceptions import BotoCoreError, ClientError

    trail = aws.make_client("cloudtrail", settings)
    start = datetime.fromtimestamp(since - 60, UTC)
    attributes = [{"AttributeKey": "EventName", "AttributeValue": "CreateAccessKey"}]
    try:
        pages = trail.get_paginator("lookup_events").paginate(LookupAttributes=attributes, StartTime=start)
        events = [event for page in pages for event in page.get("Events", ())]
    except (BotoCoreError, ClientError, *aws.unreadable_answers()):
        return Maker.UNREADABLE
    for event in events:
        record = _parse_record(event)
        made = ((record.get("responseElements") or {}).get("accessKey") or {}).get("accessKeyId")
        if made == key_id:
            return Maker.US if mark in str(record.get("userAgent", "")) else Maker.SOMEBODY_ELSE
    return Maker.NOT_YET_KNOWN


def find_role_sessions(settings: Mapping[str, Any], key_id: str) -> tuple[str, ...] | None:
    """List the roles whose sessions *key_id* opened in the last 90 days; None if not every enabled region answers."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: set[str] = set()
    attributes = [{"AttributeKey": "AccessKeyId", "AttributeValue": key_id}]
    try:
        regions = aws.make_client("ec2", settings).describe_regions()["Regions"]
        for region in regions:
            trail = aws.make_client("cloudtrail", settings, region=region["RegionName"])
            for number, page in enumerate(trail.get_paginator("lookup_events").paginate(LookupAttributes=attributes)):
                if number == MAX_PAGES:
                    return None
                found |= {_name_opened(event) for event in page.get("Events", ()) if event.get("EventName") in OPENERS}
    except (BotoCoreError, ClientError, *aws.unreadable_answers()):
        return None
    return tuple(sorted(found))


def _name_opened(event: Mapping[str, Any]) -> str:
    asked = _parse_record(event).get("requestParameters") or {}
    return str(asked.get("roleArn") or asked.get("targetPrincipal") or event.get("EventName"))


def _parse_record(event: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        record = json.loads(event.get("CloudTrailEvent") or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
