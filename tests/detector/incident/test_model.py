"""The state of an incident, computed from its log."""

from __future__ import annotations

import pytest

from detector.errors import StateError, UsageError
from detector.incident.model import Exposure, ExposureKind, LineKind, find_owner, fold_log, parse_exposure
from detector.incident.model import to_canonical_json as to_json
from tests.detector.incident.making import DUE, IncidentLog


def test_an_exposure_survives_json() -> None:
    exposure = Exposure(ExposureKind.REPOSITORY, ("/a", "/b"), "npm:x", "a..b", ("p",), ("folder:/c",))
    assert parse_exposure({**exposure.to_json(), "targets": list(exposure.targets)}) == exposure


@pytest.mark.parametrize("data", [{}, {"kind": "rumour", "targets": []}, {"kind": "artefact", "more": 1}])
def test_an_unknown_exposure_is_refused(data: dict) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        parse_exposure(data)


def test_a_log_begins_with_its_opening() -> None:
    with pytest.raises(StateError, match="does not begin"):
        fold_log("i", IncidentLog().found("lf1:a1").lines[1:], {})


def test_the_last_line_of_a_kind_and_subject_counts() -> None:
    log = IncidentLog().found("lf1:a1")("verdict", "lf1:a1", state="live", why="", owner="")
    log("hold", "lf1:a1", kind="approve", why="approve it")
    (one,) = log.incident.credentials
    assert one.was_live and not one.is_stopped and not one.is_settled and one.hold["kind"] == "approve"
    log("hold", "lf1:a1", why="")("verdict", "lf1:a1", state="unknown", why="timeout")(
        "dead", "lf1:a1", at=DUE, result="dead"
    )
    (one,) = log.incident.credentials
    assert one.was_live, "it was live once"
    assert one.hold == {} and one.is_stopped and one.is_settled
    log("dead", "lf1:a1", at=None, result="alive")
    assert not log.incident.credentials[0].is_settled


def test_a_line_of_a_newer_version_is_ignored() -> None:
    log = IncidentLog()("rumour", "x", a=1).found("lf1:a1")
    assert len(log.incident.credentials) == 1


def test_a_credential_is_found_by_the_beginning_of_its_fingerprint_or_plan() -> None:
    log = IncidentLog().found("lf1:aa1").found("lf1:ab2")("plan", "lf1:ab2", id="f00d", digest="d", rotator="r")
    incident = log.incident
    assert incident.find_credential("aa").fingerprint == incident.find_credential("lf1:aa1").fingerprint == "lf1:aa1"
    assert incident.find_credential("f0").fingerprint == "lf1:ab2"
    with pytest.raises(UsageError, match="2 credentials of inc-1 match 'a'"):
        incident.find_credential("a")
    for name in ("", "zz"):
        with pytest.raises(UsageError, match="no credential of inc-1 matches"):
            incident.find_credential(name)


def test_the_last_matching_glob_names_the_owner() -> None:
    assert find_owner("aws.key", {"*": "a", "aws.*": "b", "gcp.*": "c"}) == "b"
    assert find_owner("aws.key", {}) == ""


def test_equal_facts_have_equal_json() -> None:
    assert to_json({"b": LineKind.DEAD, "a": (1, 2)}) == to_json({"a": [1, 2], "b": "dead"}) == '{"a":[1,2],"b":"dead"}'
