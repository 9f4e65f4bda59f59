from __future__ import annotations

import io
import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from detector.model import Finding, Location, Origin, Scan, Stats
from detector.reports import sarif
from detector.reports._options import ReportOptions
from detector.reports._places import count_places
from tests.golden.sample import GITHUB, HOSTILE_PATH, OPTIONS, TOKEN, empty, large, scan


def run(found: Scan, options: ReportOptions = OPTIONS) -> Any:
    out = io.StringIO()
    sarif.write(found, out, options)
    log = json.loads(out.getvalue())
    assert log["version"] == "2.1.0"
    assert log["$schema"].startswith("https://")
    (only,) = log["runs"]
    return only


def one(location: Location, target: str = ".") -> Any:
    finding = Finding("lf1:1", GITHUB, "high", "high", TOKEN, (), (location,))
    return run(Scan((finding,), (), Stats(), "", True), ReportOptions(target=target))


def test_every_place_is_a_result_that_code_scanning_accepts() -> None:
    found = scan()
    only = run(found)
    rules = only["tool"]["driver"]["rules"]
    assert only["columnKind"] == "unicodeCodePoints"
    assert len(only["results"]) == sum(count_places(finding) or 1 for finding in found.findings)
    for result in only["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        assert result["properties"]["fingerprint"].startswith("lf1:")
        for location in result.get("locations", ()):
            physical = location["physicalLocation"]
            uri, base = physical["artifactLocation"]["uri"], physical["artifactLocation"]["uriBaseId"]
            assert re.fullmatch(r"[A-Za-z0-9/._~!%-]+", uri)
            assert base in only["originalUriBaseIds"]
            assert physical["region"]["startLine"] >= 1
            identity = result["partialFingerprints"]["leakfirst/v2"]
            assert result["partialFingerprints"]["primaryLocationLineHash"] == f"{identity[:16]}:1"


def test_rules_tell_severity_and_remedy() -> None:
    for rule in run(scan())["tool"]["driver"]["rules"]:
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert rule["properties"]["precision"] in ("low", "medium", "high")
        assert "What to do" in rule["help"]["markdown"]
        assert rule["help"]["text"] and rule["shortDescription"]["text"] and rule["fullDescription"]["text"]
        assert rule.get("helpUri", "https://").startswith("https://")


def test_a_path_that_is_not_utf8_survives() -> None:
    uris = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in run(scan())["results"]
        for place in result.get("locations", ())
    }
    assert HOSTILE_PATH in {unquote_to_bytes(uri).decode("utf-8", "surrogateescape") for uri in uris}


def test_a_place_in_history_names_its_commit() -> None:
    result = run(scan())["results"][0]
    assert result["properties"]["commit"] == "5" * 40
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "5" * 40 + ":config/settings.py"


def test_a_place_without_a_line_says_so() -> None:
    (result,) = one(Location(Origin("image", "bin/x"), 5, 9, 0, 0, 0, 0))["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert result["properties"]["lineUnknown"] is True


def test_brackets_in_a_message_form_no_link() -> None:
    (result,) = one(Location(Origin("worktree", "[x](https://evil.example)"), 0, 1, 1, 1, 1, 2))["results"]
    assert r"\[x\](https://evil.example)" in result["message"]["text"]


@pytest.mark.parametrize(
    ("repository", "uri"),
    [
        ("https://u:p@h/a b.git", "https://h/a%20b.git"),
        ("git@h:a/b.git", "ssh://h/a/b.git"),
        ("/srv/a b", "file:///srv/a%20b/"),
    ],
)
def test_version_control_provenance(repository: str, uri: str) -> None:
    only = one(Location(Origin("blob", "x", repository), 0, 1, 1, 1, 1, 2))
    assert [known["repositoryUri"] for known in only["versionControlProvenance"]] == [uri]


def test_the_root_is_known_when_the_target_is_absolute() -> None:
    place = Location(Origin("worktree", "x"), 0, 1, 1, 1, 1, 2)
    assert one(place, "/srv/a b")["originalUriBaseIds"]["%SRCROOT%"]["uri"] == "file:///srv/a%20b/"
    assert "uri" not in one(place, ".")["originalUriBaseIds"]["%SRCROOT%"]


def test_a_repository_inside_is_told_from_the_root_of_the_target() -> None:
    only = one(Location(Origin("worktree", "x", "/srv/a b/svc"), 0, 1, 1, 1, 1, 2), "/srv/a b")
    (place,) = only["results"][0]["locations"]
    artifact = place["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == "svc/x"
    assert only["originalUriBaseIds"][artifact["uriBaseId"]]["uri"] == "file:///srv/a%20b/"


def test_what_was_skipped_is_notified() -> None:
    (invocation,) = run(scan())["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 1
    levels = [note["level"] for note in invocation["toolExecutionNotifications"]]
    assert levels == ["note", "warning", "warning", "warning", "note"]
    assert run(empty())["invocations"][0] == {
        "executionSuccessful": True,
        "exitCode": 0,
        "toolExecutionNotifications": [],
    }


def test_ignored_findings_are_suppressed_results() -> None:
    results = run(scan(), OPTIONS._replace(show_ignored=True))["results"]
    suppressed = [result["suppressions"] for result in results if result["suppressions"]]
    assert suppressed == [[{"kind": "inSource", "status": "accepted", "justification": "inline mark leakfirst:allow"}]]
    assert all("suppressions" not in result for result in run(scan())["results"])


def test_results_beyond_the_limit_are_omitted_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MAX_RESULTS", 25)
    only = run(large(10, 5))
    assert len(only["results"]) == 20
    assert len({result["properties"]["fingerprint"] for result in only["results"]}) == 10
    (note,) = only["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("30 results omitted")
    assert len(run(large(40, 1))["results"]) == 25
