"""What a plan is bound to: its settings in one spelling, and what they lead to."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from detector.secret import Secret
from rotators.core import bindings
from rotators.core.model import Case, Clock, Leak, UnexpectedState, WrongIdentity
from rotators.core.policy import Destination, Policy


class Part:
    """A store or rotator that leads somewhere."""

    def __init__(self, found: dict[str, str] | Exception) -> None:
        self.found = found
        self.case = Case("run", Leak("x", "lf1:x", Secret(b"x")), {}, {}, Clock(float, lambda seconds: None))

    def resolve(self) -> dict[str, str]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def bind(settings: dict[str, Any], found: dict[str, str] | Exception) -> dict[str, str]:
    policy = Policy(destinations={"prod": Destination("prod", "vault-kv", settings)})
    return bindings.bind_destinations(policy, {"prod": Part(found)})  # type: ignore[dict-item]


def test_the_order_of_settings_does_not_matter_and_their_values_do() -> None:
    one = bind({"address": "https://a", "path": "x"}, {})
    assert one == bind({"path": "x", "address": "https://a"}, {})
    assert one != bind({"path": "x", "address": "https://b"}, {})


def test_a_certificate_file_counts_with_its_content(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("one")
    one = bind({"ca_file": str(file)}, {})
    file.write_text("other")
    assert one != bind({"ca_file": str(file)}, {})


def test_what_was_found_out_has_to_be_confirmed() -> None:
    planned = bind({}, {"account": "1", "identity": ""})
    assert planned["destination.prod.account"] == "1" and "destination.prod.identity" not in planned
    for found in ({"account": "2"}, {}, ValueError("no answer")):
        with pytest.raises(UnexpectedState, match=r"destination\.prod\.account"):
            bindings.compare_bindings(planned, bind({}, found), bindings.DESTINATION)
    bindings.compare_bindings(planned, bind({}, {"account": "1", "identity": "me"}), bindings.DESTINATION)
    bindings.compare_bindings(planned, {}, bindings.ROTATOR)


def test_a_wrong_identity_is_no_missing_answer() -> None:
    with pytest.raises(WrongIdentity):
        bind({}, WrongIdentity("another account"))
