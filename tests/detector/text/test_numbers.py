from __future__ import annotations

import pytest

from detector.text.numbers import format_count, format_size


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (10**6, "1.0 MB"),
        (123_456_789, "123.5 MB"),
        (10**16, "10,000.0 TB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert format_size(count) == shown


def test_counts() -> None:
    assert [format_count(n, "rule") for n in (0, 1, 1000)] == ["0 rules", "1 rule", "1,000 rules"]
