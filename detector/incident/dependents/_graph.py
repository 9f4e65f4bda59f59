"""How a package got in: the shortest way from a direct dependency to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from detector.incident.dependents._entry import Entry, Wanted
from detector.incident.dependents._names import normal

Key = TypeVar("Key", bound=Hashable)


def ways(
    direct: Iterable[Key], needs: Callable[[Key], Iterable[Key]], wanted: Collection[Key]
) -> dict[Key, tuple[Key, ...]]:
    """Return for each *wanted* node that can be reached the nodes on the way to it, itself left out.

    >>> ways("ab", {"a": "c", "b": "d", "c": "d", "d": ""}.__getitem__, {"a", "d"})
    {'a': (), 'd': ('b',)}
    """
    left = set(wanted)
    came_from: dict[Key, Key | None] = {}
    found: dict[Key, tuple[Key, ...]] = {}
    line: deque[Key] = deque()
    for node in direct:
        if node not in came_from:
            came_from[node] = None
            line.append(node)
    while line and left:
        node = line.popleft()
        if node in left:
            left.discard(node)
            way: list[Key] = []
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


class Node(NamedTuple):
    """One locked package: its name, its version, and what it needs by name, or by name and version.

    >>> Node("a", "1.0", ("b", "c 2.1"))
    Node(name='a', version='1.0', needs=('b', 'c 2.1'), note='', shown='')
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    note: str = ""
    shown: str = ""
    """What the file calls it, where that is not its name."""


def locked(ecosystem: str, nodes: Sequence[Node], direct: Iterable[str] | None, wanted: Wanted) -> Iterator[Entry]:
    """Yield the wanted ones of *nodes* with the way to each; *direct* is what the project itself needs.

    Where that is not known (None), the packages that no other one needs must be direct.
    """
    hits = [number for number, node in enumerate(nodes) if wanted(ecosystem, node.name)]
    if not hits:
        return
    by_name: dict[str, list[int]] = {}
    for number, node in enumerate(nodes):
        name = normal(ecosystem, node.shown or node.name)
        by_name.setdefault(name, []).append(number)
        by_name.setdefault(f"{name} {node.version}", []).append(number)

    def meant(need: str) -> list[int]:
        name, space, version = need.partition(" ")
        name = normal(ecosystem, name)
        return by_name.get(f"{name} {version}" if space else name, [])

    def needs(number: int) -> Iterator[int]:
        for need in nodes[number].needs:
            yield from meant(need)

    if direct is None:
        needed = {other for number in range(len(nodes)) for other in needs(number) if other != number}
        roots = [number for number in range(len(nodes)) if number not in needed]
    else:
        roots = [number for need in direct for number in meant(need)]
    known = ways(roots, needs, hits)
    first = set(roots)
    for number in hits:
        node = nodes[number]
        yield Entry(
            ecosystem,
            node.name,
            version=node.version,
            direct=True if number in first else None if direct is None else False,
            via=tuple(_called(nodes[step]) for step in known.get(number, ())),
            note=node.note,
        )


def _called(node: Node) -> str:
    return f"{node.name}@{node.version}" if node.version else node.name
