"""The content of a go.mod."""

import pytest

from detector.incident.dependents._contract import UnreadableFile
from detector.incident.dependents._go import parse_go_mod


def test_requirements_and_replacements_in_and_outside_of_blocks() -> None:
    module = parse_go_mod(
        b"""module acme.test/app
require acme.test/a v1.0.0
require (
  "acme.test/b" v1.1.0 // indirect
)
replace acme.test/a => acme.test/c v2.0.0
replace acme.test/b v1.1.0 => ../b
"""
    )
    assert module.requires == (("acme.test/a", "v1.0.0", False), ("acme.test/b", "v1.1.0", True))
    assert module.replaces == {
        ("acme.test/a", ""): ("acme.test/c", "v2.0.0"),
        ("acme.test/b", "v1.1.0"): ("../b", ""),
    }


def test_another_file_is_unreadable() -> None:
    with pytest.raises(UnreadableFile, match=r"is not a go\.mod"):
        parse_go_mod(b"hello world")
