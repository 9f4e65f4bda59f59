"""``leakfirst --help`` lists every command."""

from detector.registry import list_names
from leakfirst._help import format_overview


def test_every_command_has_a_line() -> None:
    lines = format_overview().splitlines()
    for name in list_names("detector.cli"):
        assert any(line.startswith(f"  {name} ") and len(line) > len(name) + 8 for line in lines), name
