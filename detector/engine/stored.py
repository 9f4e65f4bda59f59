"""An object of a repository and how it is stored: what readers hand to the engine.

A history has half a million of them, and every field of each is looked at several
times. So this is a class that mypyc compiles, where the build can.
"""

from __future__ import annotations

from typing import final


@final
class Stored:
    """One object: `delta` makes it from `base`, if there is one, in git's form: copies and new bytes.

    `depth` counts the bases above it; a base is the last object before it with
    one less. It may be an object that is not handed out.
    """

    def __init__(
        self, id: bytes, kind: str, data: bytes, base: bytes | None = None, delta: bytes = b"", depth: int = 0
    ) -> None:
        """*id* names the content *data*, *kind* is git's type of it, *base* the id of what it is stored against."""
        self.id = id
        self.kind = kind
        self.data = data
        self.base = base
        self.delta = delta
        self.depth = depth
