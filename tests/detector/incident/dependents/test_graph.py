"""Dependency paths compared with a simple search over all paths."""

from hypothesis import given
from hypothesis import strategies as st

from detector.incident.dependents._graph import Node, find_paths, list_locked

NODES = range(6)
GRAPHS = st.dictionaries(st.sampled_from(NODES), st.lists(st.sampled_from(NODES), max_size=4))


def list_all_paths(graph: dict[int, list[int]], start: int, end: int) -> list[tuple[int, ...]]:
    """Return every path from *start* to *end* without a repeated node, without *end* itself."""
    found = []

    def walk(node: int, path: tuple[int, ...]) -> None:
        if node == end:
            found.append(path)
        elif node not in path:
            for other in graph.get(node, ()):
                walk(other, (*path, node))

    walk(start, ())
    return found


@given(GRAPHS, st.lists(st.sampled_from(NODES), max_size=3))
def test_the_path_is_a_shortest_one(graph: dict[int, list[int]], direct: list[int]) -> None:
    found = find_paths(direct, lambda node: graph.get(node, ()), set(NODES))
    for node in NODES:
        paths = [path for start in direct for path in list_all_paths(graph, start, node)]
        assert (node in found) == bool(paths)
        if paths:
            assert found[node] in paths and len(found[node]) == min(map(len, paths))


def test_without_direct_dependencies_the_roots_are_taken() -> None:
    nodes = [Node("outer", "1", ("inner 2",)), Node("inner", "2"), Node("inner", "1")]
    entries = list(list_locked("npm", nodes, None, lambda _, name: name == "inner"))
    assert [(entry.version, entry.direct, entry.via) for entry in entries] == [
        ("2", None, ("outer@1",)),
        ("1", True, ()),
    ]
