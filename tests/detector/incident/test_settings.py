"""The ``[incident]`` table of the operator's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from detector.errors import UsageError
from detector.incident.settings import IncidentSettings, parse_duration, read_settings
from detector.incident.timeline import DEADLINE, WARNINGS


def test_the_table_is_optional() -> None:
    assert read_settings({}) == IncidentSettings(DEADLINE, tuple(map(float, WARNINGS)), {}, "")


def test_durations_are_in_seconds() -> None:
    settings = read_settings({"incident": {"deadline": "2d", "warnings": ["1h", "15m"], "owners": {"*": "Ada"}}})
    assert (settings.deadline, settings.warnings, settings.owners) == (172800.0, (3600.0, 900.0), {"*": "Ada"})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "must be a table"),
        ({"owner": "x"}, "incident.owner in .* is unknown; known: deadline, owners, runbook, warnings"),
        ({"owners": {"*": 1}}, "must be a table such as"),
        ({"warnings": "1h"}, "must be a list"),
        ({"deadline": "soon"}, "deadline: 'soon' is not a duration"),
        ({"deadline": "0s"}, "is not a duration"),
    ],
)
def test_a_wrong_table_is_one_clear_line(table: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as wrong:
        read_settings({"incident": table})
    assert "\n" not in str(wrong.value)


def test_a_duration_of_an_option_names_the_option() -> None:
    with pytest.raises(UsageError, match=r"^--deadline: 'x'"):
        parse_duration("x", "--deadline")
