"""The version, without importing importlib.metadata: that costs more than Python's own start."""

VERSION = "0.1.0"


def version() -> str:
    """Return the version of this program."""
    return VERSION
