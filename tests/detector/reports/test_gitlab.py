from __future__ import annotations

import io
import json
import re
from typing import Any

from detector.model import Scan
from detector.reports._places import count_places
from detector.reports.gitlab import NO_COMMIT, write
from tests.golden.sample import OPTIONS, empty, scan

TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}"


def report(found: Scan, when: str = OPTIONS.when) -> Any:
    out = io.StringIO()
    write(found, out, OPTIONS._replace(when=when))
    return json.loads(out.getvalue())


def test_the_scan_has_what_gitlab_requires() -> None:
    run = report(scan())["scan"]
    assert {"analyzer", "scanner", "type", "start_time", "end_time", "status"} <= set(run)
    assert run["type"] == "secret_detection"
    assert run["status"] == "failure"
    assert run["start_time"] < run["end_time"] == "2025-01-31T12:00:00"
    assert {message["level"] for message in run["messages"]} == {"info", "warn"}
    assert all(tool["id"] and tool["version"] and tool["vendor"]["name"] for tool in (run["analyzer"], run["scanner"]))


def test_without_a_time_it_is_now() -> None:
    run = report(empty(), when="")["scan"]
    assert re.fullmatch(TIME, run["start_time"]) and re.fullmatch(TIME, run["end_time"])
    assert run["status"] == "success"


def test_every_file_with_a_credential_is_a_vulnerability_of_its_own() -> None:
    found = report(scan())["vulnerabilities"]
    assert len(found) == len({one["id"] for one in found}) == sum(count_places(one) for one in scan().findings)
    assert report(scan())["vulnerabilities"] == found
    for one in found:
        assert one["severity"] in ("Info", "Low", "Medium", "High", "Critical")
        assert one["location"]["file"] and one["location"]["commit"]["sha"]
        assert one["identifiers"][0]["type"] == "leakfirst_rule_id"
        assert all(re.match("https?://.", link["url"]) for link in one["links"])
    assert found[0]["location"]["commit"]["sha"] == "5" * 40
    assert NO_COMMIT in {one["location"]["commit"]["sha"] for one in found}
