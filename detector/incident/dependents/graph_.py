"""How a package got in: the shortest way from a direct dependency to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def ways(
    direct: Iterable[Node], needs: Callable[[Node], Iterable[Node]], wanted: Collection[Node]
) -> dict[Node, tuple[Node, ...]]:
    """Return for each *wanted* node that can be reached the nodes on the way to it, itself left out.

    >>> ways("ab", {"a": "c", "b": "d", "c": "d", "d": ""}.__getitem__, {"a", "d"})
    {'a': (), 'd': ('b',)}
    """
    left = set(wanted)
    came_from: dict[Node, Node | None] = {}
    found: dict[Node, tuple[Node, ...]] = {}
    line: deque[Node] = deque()
    for node in direct:
        if node not in came_from:
            came_from[node] = None
            line.append(node)
    while line and left:
        node = line.popleft()
        if node in left:
            left.discard(node)
            way: list[Node] = []
            at = came_from[node]
            while at is not None:
                way.append(at)
                at = came_from[at]
            found[node] = tuple(reversed(way))
        for other in needs(node):
            if other not in came_from:
                came_from[other] = node
                line.append(other)
    return found
