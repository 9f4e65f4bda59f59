"""A bug, told without what it held.

A traceback with locals prints whatever the program was looking at, and this
program looks at secrets. So: the kind of the error, the places, nothing else.
The message of an unexpected exception may quote its argument, so it is left out.
"""

from __future__ import annotations

import os
import traceback

from detector import __version__


def describe(bug: BaseException) -> str:
    """Return a few lines to report: type, places, version; no message, no locals."""
    places = [
        f"  {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(bug.__traceback__, limit=-12)
    ]
    return "\n".join(
        [
            f"leakfirst {__version__}: this is a bug in leakfirst, please report it: {type(bug).__name__}",
            *places,
        ]
    )
