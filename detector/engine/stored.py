"""An object of a repository and how it is stored: what readers pass to the engine.

A history has half a million of them, and every field of each is read several
times. So this is a class that mypyc compiles, where the build can.
"""

from __future__ import annotations

from typing import final


@final
class Stored:
    """One object. If it has a `base`, `delta` makes it from that, in git's form: copies and new bytes.

    `depth` counts the bases above it; the base is the last object before it with a
    depth of one less. The base may be an object that is not yielded itself.
    """

    def __init__(
        self, id: bytes, kind: str, data: bytes, base: bytes | None = None, delta: bytes = b"", depth: int = 0
    ) -> None:
        """*id* is the object id of *data*, *kind* git's type of it, *base* the id of its base."""
        self.id = id
        self.kind = kind
        self.data = data
        self.base = base
        self.delta = delta
        self.depth = depth
