"""`scan` and `Engine` of the library: options, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import leakfirst
from detector.config import Config
from detector.errors import UsageError
from detector.rules.shapes import expand


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"histroy": False}, "unknown option 'histroy'; did you mean 'history'?"),
        ({"xyzzy": 1}, "unknown option 'xyzzy'; known: allow, allow_internal, "),
        ({"reports": ()}, "unknown option 'reports'"),
        ({"targets": ()}, "unknown option 'targets'"),
        ({"only": "aws.*"}, "only takes a list of texts: write only=['aws.*']"),
        ({"min_confidence": "hihg"}, "min_confidence 'hihg': known: low, medium, high"),
        ({"staged": True, "since": "v1"}, "staged, since and range exclude each other"),
    ],
)
def test_wrong_options_are_usage_errors(options: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        leakfirst.scan(tmp_path, **options)  # type: ignore[arg-type]
    assert str(caught.value).startswith(said)
    assert isinstance(caught.value, leakfirst.LeakfirstError)


def test_each_setting_of_a_scan_is_an_option_unless_it_concerns_output() -> None:
    output = {"reports", "show_secrets", "quiet", "progress", "verbose", "exit_zero", "details", "shown"}
    other = {"targets", "engine"}
    assert set(Config._fields) - output - other == set(leakfirst.ScanOptions.__annotations__)


def test_lists_may_be_tuples(tmp_path: Path) -> None:
    for only in (["github.*"], ("github.*",)):
        result = leakfirst.scan(tmp_path, only=only)
        assert result.complete
        assert not result.findings


def test_the_engine_takes_rules_by_glob() -> None:
    token = expand("ghp_{alnum:30}{check:github-crc32}", 3)
    data = f"key = '{token}'".encode()
    (hit,) = leakfirst.Engine(only=["github.*"]).scan(data)
    assert hit.rule.id == "github.pat-classic"
    assert token not in str(hit.secret)
    assert not leakfirst.Engine(only=["aws.*"]).scan(data)
