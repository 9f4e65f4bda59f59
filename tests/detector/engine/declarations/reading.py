"""Read the declarations of a small file: what the tests of this folder share."""

from __future__ import annotations

import random
import string

from detector.engine.declarations import read_declarations
from detector.engine.scoring.file_kinds import read_path

VALUE = "".join(random.Random("declarations").choices(string.ascii_letters + string.digits, k=18))
"""A value of no provider, the same in every run."""


def read_values(name: str, text: bytes) -> list[bytes]:
    """Return every value that the readers find in *text*, the content of a file called *name*."""
    found = read_declarations(text, text.lower(), read_path(name).kind)
    return [text[candidate.start : candidate.end] for candidate in found]
