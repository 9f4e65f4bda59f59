"""The Protocols of readers, as the loader and the matching use them."""

import pytest

from detector.incident.dependents import _go, cargo_lock, go_mod
from detector.incident.dependents._contract import UnreadableFile, WorkspaceReader


def test_a_workspace_reader_is_recognized_by_its_function() -> None:
    assert isinstance(cargo_lock, WorkspaceReader)
    assert not isinstance(go_mod, WorkspaceReader)


def test_an_unreadable_file_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"is not a go\.mod"):
        _go.parse_go_mod(b"hello world")
    assert issubclass(UnreadableFile, ValueError)
