"""A value that may be a credential, and how it was declared."""

from __future__ import annotations

from typing import NamedTuple

MAX_VALUE = 4096
"""Longest value in bytes that is looked at."""


class Candidate(NamedTuple):
    """A value and how it was found; `start` and `end` are offsets into the window.

    `way` is the kind of declaration (`assign`, `argument`, `element`, `pair`,
    `header`, `url`, `flag`, `sql`, …), `quote` the opening quote with its
    backslashes, `at` where the name begins, `call` what the value is an argument of;
    `quoted_name` says that the name itself stands between quotes.
    """

    way: str
    name: bytes
    at: int
    start: int
    end: int
    operator: bytes
    quote: bytes
    call: bytes = b""
    quoted_name: bool = False
