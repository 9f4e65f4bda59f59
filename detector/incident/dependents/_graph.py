"""Dependency paths: the shortest path from a direct dependency to a package."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from detector.incident.dependents._contract import DependencyEntry, IsWanted
from detector.incident.dependents._names import Ecosystem, normalize_name

Key = TypeVar("Key", bound=Hashable)


def find_paths(
    direct: Iterable[Key], needs: Callable[[Key], Iterable[Key]], is_wanted: Collection[Key]
) -> dict[Key, tuple[Key, ...]]:
    """Return the shortest path to each *wanted* node that can be reached, without the node itself.

    >>> find_paths("ab", {"a": "c", "b": "d", "c": "d", "d": ""}.__getitem__, {"a", "d"})
    {'a': (), 'd': ('b',)}
    """
    remaining = set(is_wanted)
    previous: dict[Key, Key | None] = {}
    found: dict[Key, tuple[Key, ...]] = {}
    queue: deque[Key] = deque()
    for node in direct:
        if node not in previous:
            previous[node] = None
            queue.append(node)
    while queue and remaining:
        node = queue.popleft()
        if node in remaining:
            remaining.discard(node)
            path: list[Key] = []
            at = previous[node]
            while at is not None:
                path.append(at)
                at = previous[at]
            found[node] = tuple(reversed(path))
        for other in needs(node):
            if other not in previous:
                previous[other] = node
                queue.append(other)
    return found


class Node(NamedTuple):
    """One locked package. `needs` are names, or names with versions.

    >>> Node("a", "1.0", ("b", "c 2.1"))
    Node(name='a', version='1.0', needs=('b', 'c 2.1'), note='', shown='')
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    note: str = ""
    shown: str = ""
    """The name that the file uses, if it is another one."""


def list_locked(
    ecosystem: Ecosystem, nodes: Sequence[Node], direct: Iterable[str] | None, is_wanted: IsWanted
) -> Iterator[DependencyEntry]:
    """Yield an entry with dependency path for each wanted node; *direct* are the needs of the project itself.

    If these are unknown (None), the packages that no other one needs are taken as direct.
    """
    hits = [number for number, node in enumerate(nodes) if is_wanted(ecosystem, node.name)]
    if not hits:
        return
    by_name: dict[str, list[int]] = {}
    for number, node in enumerate(nodes):
        name = normalize_name(ecosystem, node.shown or node.name)
        by_name.setdefault(name, []).append(number)
        by_name.setdefault(f"{name} {node.version}", []).append(number)

    def find_nodes(need: str) -> list[int]:
        name, space, version = need.partition(" ")
        name = normalize_name(ecosystem, name)
        return by_name.get(f"{name} {version}" if space else name, [])

    def needs(number: int) -> Iterator[int]:
        for need in nodes[number].needs:
            yield from find_nodes(need)

    if direct is None:
        needed = {other for number in range(len(nodes)) for other in needs(number) if other != number}
        roots = [number for number in range(len(nodes)) if number not in needed]
    else:
        roots = [number for need in direct for number in find_nodes(need)]
    paths = find_paths(roots, needs, hits)
    root_set = set(roots)
    for number in hits:
        node = nodes[number]
        yield DependencyEntry(
            ecosystem,
            node.name,
            version=node.version,
            direct=True if number in root_set else None if direct is None else False,
            via=tuple(_format_node(nodes[step]) for step in paths.get(number, ())),
            note=node.note,
        )


def _format_node(node: Node) -> str:
    return f"{node.name}@{node.version}" if node.version else node.name
