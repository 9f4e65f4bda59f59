"""The text of ``leakfirst --help``, with all commands on disk."""

from __future__ import annotations

from detector.registry import list_names, load_plugin


def format_overview() -> str:
    """Return the text of ``leakfirst --help``."""
    commands = list_names("detector.cli")
    width = max(len(name) for name in commands)
    lines = [f"  {name:{width}}  {load_plugin('detector.cli', name, what='command').SUMMARY}" for name in commands]
    return (
        "leakfirst finds hard-coded credentials in files and git history, confirms them, and ends the leak.\n\n"
        "usage: leakfirst COMMAND [OPTIONS]\n\ncommands:\n"
        + "\n".join(lines)
        + "\n\nstart with:\n  leakfirst scan .\n\n'leakfirst COMMAND --help' describes a command.\n"
    )
