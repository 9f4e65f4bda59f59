"""A file is a registration."""

from types import ModuleType
from typing import Protocol

import pytest

from detector.errors import UsageError
from detector.registry import check_contract, list_names, load_plugin


def test_every_module_of_a_folder_is_listed_and_loads() -> None:
    found = list_names("detector.sources")
    assert {"files", "stdin"} <= set(found)
    for name in found:
        assert load_plugin("detector.sources", name, what="source").shares


def test_an_unknown_name_says_what_is_known() -> None:
    with pytest.raises(UsageError, match=r"unknown source 'tape'; known: .*files"):
        load_plugin("detector.sources", "tape", what="source")


class Pigeon(Protocol):
    NAMES: tuple[str, ...]

    @property
    def FAST(self) -> bool: ...

    def fly(self, where: str, *, high: bool) -> None: ...


def make_module(**members: object) -> ModuleType:
    module = ModuleType("birds.carrier_pigeon")
    vars(module).update(members)
    return module


def test_a_module_that_fulfils_its_contract_passes() -> None:
    check_contract(make_module(NAMES=("a",), FAST=True, fly=lambda where, *, high=False: None), Pigeon, "bird")


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"FAST": True, "fly": print}, "NAMES is missing"),
        ({"NAMES": "a", "FAST": True, "fly": print}, "NAMES is a str, not a tuple"),
        ({"NAMES": (), "FAST": 1, "fly": print}, "FAST is a int, not a bool"),
        ({"NAMES": (), "FAST": True}, "fly() is missing"),
        ({"NAMES": (), "FAST": True, "fly": lambda: None}, "fly() does not take (where, high)"),
        ({"NAMES": (), "FAST": True, "fly": lambda where, high, why: None}, "fly() does not take (where, high)"),
    ],
)
def test_a_module_that_does_not_is_a_usage_error_in_one_line(members: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError) as wrong:
        check_contract(make_module(**members), Pigeon, "bird")
    assert str(wrong.value).startswith("bird 'carrier-pigeon' does not fulfil Pigeon (")
    assert str(wrong.value).endswith(f"): {problem}")
