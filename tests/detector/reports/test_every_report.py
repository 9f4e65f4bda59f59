"""What every output format must do, whichever is added."""

from __future__ import annotations

import base64
import doctest
import importlib
import io
import json
import pkgutil
from urllib.parse import quote

import pytest

import detector.reports
import detector.text
from detector.contracts import Report
from detector.model import Location, Origin, Skipped
from detector.registry import list_names
from detector.reports import load_report
from detector.reports._options import ReportOptions
from detector.secret import Secret
from tests.golden.sample import CLONE_PASSWORD, KEY, KEY_ID, OPTIONS, PASSWORD, PEM, TOKEN, empty, large, scan

FORMATS = list_names("detector.reports")
LOUD = OPTIONS._replace(show_ignored=True, explain=True, verbose=2)
SHOWS_SECRETS = {"text", "json"}


def report(name: str) -> Report:
    return load_report(name)


def printed(name: str, found: object, options: object) -> str:
    out = io.StringIO()
    report(name).write(found, out, options)
    return out.getvalue()


def forms(secret: Secret) -> set[bytes]:
    value = secret.reveal()
    text = value.decode("latin-1")
    return {
        value,
        base64.b64encode(value),
        quote(value).encode(),
        json.dumps(text)[1:-1].encode(),
        value[len(value) // 3 : -len(value) // 3],
    }


def test_the_formats_of_the_interface_are_there() -> None:
    wanted = {"text", "json", "jsonl", "sarif", "csv", "junit", "gitlab", "github", "html", "markdown"}
    assert wanted <= set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("colour", [False, True])
def test_it_never_shows_a_secret(name: str, colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    text = printed(name, scan(), LOUD._replace(colour=colour)).encode()
    for secret in (TOKEN, KEY_ID, KEY, PASSWORD, PEM):
        assert not [form for form in forms(secret) if form in text]


@pytest.mark.parametrize("name", FORMATS)
def test_it_shows_secrets_on_request_only_where_that_is_allowed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    text = printed(name, scan(), LOUD._replace(show_secrets=True))
    assert (TOKEN.reveal().decode() in text) == (name in SHOWS_SECRETS)
    assert (KEY.reveal().decode() in text) == (name in SHOWS_SECRETS)


@pytest.mark.parametrize("name", FORMATS)
def test_it_never_shows_the_password_of_a_clone_url(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert CLONE_PASSWORD not in printed(name, scan(), LOUD)


@pytest.mark.parametrize("name", FORMATS)
def test_foreign_text_cannot_act(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    text = printed(name, scan(), LOUD)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x9b" not in text
    assert "\udcff" not in text
    text.encode()


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_found_and_nothing_looked_at_differ(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    lost = empty(complete=False)._replace(skipped=(Skipped("a", "gone"),))
    assert printed(name, empty(), OPTIONS) != printed(name, lost, OPTIONS)


@pytest.mark.parametrize("name", FORMATS)
def test_it_says_what_was_not_looked_at_why_and_whose_rules_counted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    plain = printed(name, empty(), OPTIONS)
    lost = empty(complete=False)._replace(skipped=(Skipped("lost.zip", "wants version 9.9"),))
    assert "lost.zip" in printed(name, lost, OPTIONS) and "wants version 9.9" in printed(name, lost, OPTIONS)
    assert printed(name, empty()._replace(interrupted=True), OPTIONS) != plain
    told = ("2 findings set aside by .leakfirstignore", "acme: not asked about 3 findings")
    text = printed(name, empty()._replace(notes=told), OPTIONS)
    assert all(note in text for note in told)


COUNTED = {"text": "file", "github": "::error", "gitlab": '"id": "'}
"""What stands in each report once per finding, where that is not the fingerprint."""


@pytest.mark.parametrize("name", FORMATS)
def test_it_copes_with_very_many_findings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert printed(name, large(2_000, 5), OPTIONS).count(COUNTED.get(name, "lf1:")) >= 2_000


def test_the_examples_in_the_docstrings_run() -> None:
    ran = 0
    for package in (detector.reports, detector.text):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            result = doctest.testmod(importlib.import_module(info.name))
            assert result.failed == 0
            ran += result.attempted
    assert ran >= 6


@pytest.mark.parametrize("name", FORMATS)
def test_a_repository_inside_the_target_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    expected = {
        "github": "file=svc/conf.py,",
        "gitlab": '"file": "svc/conf.py"',
        "sarif": '"uri": "svc/conf.py", "uriBaseId": "%SRCROOT%"',
        "junit": 'file="svc/conf.py"',
        "markdown": "`svc/conf.py:4:1`",
        "text": "where    svc/conf.py:4:1  working tree\n",
        "html": '<span class="repository">svc</span>',
        "csv": ",svc,conf.py,",
        "json": '"repository": "svc", "path": "conf.py"',
        "jsonl": '"repository": "svc", "path": "conf.py"',
    }
    place = Location(Origin("worktree", "conf.py", "svc"), 0, 1, 4, 1, 4, 2)
    found = empty()._replace(findings=(scan().findings[0]._replace(locations=(place,)),))
    assert expected.get(name, "svc") in printed(name, found, ReportOptions(target="."))


@pytest.mark.parametrize("name", ["text", "markdown", "github", "junit", "html", "csv"])
def test_stored_content_is_shown_with_its_repository(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    place = Location(Origin("blob", "conf.py", "svc", "1" * 40, "2" * 40), 0, 1, 4, 1, 4, 2)
    found = empty()._replace(findings=(scan().findings[0]._replace(locations=(place,)),))
    assert "svc" in printed(name, found, ReportOptions(target="."))
    text = printed(name, found, ReportOptions(target="svc"))
    assert name == "csv" or "svc" not in text.replace("<b>svc</b>", "").replace("git -C svc show", "")
