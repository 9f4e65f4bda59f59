"""The shape of the source tree: a test file per module, no import circles, short functions and files.

`tests/tree/` contains the exceptions, one per line. Each list may only shrink:
an entry that is no longer an exception fails the test as well as a new one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("leakfirst", "detector", "rotators", "hooks")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "training")

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 600
MAX_LOOSE_MODULES = 8

DATA_TABLES = {
    "detector/engine/scoring/trigrams.py",
    "detector/engine/scoring/weights.py",
}
"""Generated modules that consist of one table."""

MIGRATIONS = "detector/fleet/state/migrations/"
"""Database migrations: written once and never changed. The tests of the store run all of them."""


@cache
def list_sources(*folders: str) -> tuple[str, ...]:
    """Return the Python files of *folders*, relative to the root."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return tuple(sorted(path.relative_to(ROOT).as_posix() for path in found))


@cache
def parse(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def read_exceptions(name: str) -> set[str]:
    lines = (ROOT / "tests" / "tree" / name).read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    assert entries == sorted(set(entries)), f"sort tests/tree/{name}"
    return set(entries)


def compare_with_exceptions(found: set[str], name: str, rule: str) -> None:
    exceptions = read_exceptions(name)
    assert not (found - exceptions), f"{rule}: {sorted(found - exceptions)}"
    assert not (exceptions - found), f"remove from tests/tree/{name}: {sorted(exceptions - found)}"


# -- tests mirror the tree ------------------------------------------------------


def has_code(tree: ast.Module) -> bool:
    """Return whether a module defines a function that does something; types and constants need no test."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = [
                statement
                for statement in node.body
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            ]
            if statements:
                return True
    return False


def get_test_path(path: str) -> str:
    """Return the test file of a module.

    >>> get_test_path("detector/git/_files.py")
    'tests/detector/git/test_files.py'
    """
    folder, _, name = path.rpartition("/")
    return f"tests/{folder}/test_{name.lstrip('_')}"


def test_every_module_has_a_test_file() -> None:
    sources = [
        path
        for path in list_sources(*PACKAGES)
        if not path.endswith("/__init__.py") and path not in DATA_TABLES and not path.startswith(MIGRATIONS)
    ]
    assert len(sources) > 200
    missing = {path for path in sources if has_code(parse(path)) and not (ROOT / get_test_path(path)).exists()}
    compare_with_exceptions(missing, "modules-without-tests.txt", "these modules need a test file")


# -- imports ----------------------------------------------------------------------


def to_module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def find_imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (module, imported name or "") for each import, those in functions included, those for types left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in child.orelse:
                yield from find_imports(statement)
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, ""
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield child.module or "", alias.name
        else:
            yield from find_imports(child)


def build_import_graph() -> dict[str, set[str]]:
    modules = {to_module(path): path for path in list_sources(*PACKAGES)}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        targets = set()
        for imported, name in find_imports(parse(path)):
            target = f"{imported}.{name}" if f"{imported}.{name}" in modules else imported
            if target in modules and target != module:
                targets.add(target)
        graph[module] = targets
    return graph


def find_circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import one another in a circle (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    circles: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in index:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                circles.append(sorted(stack[at:]))
            del stack[at:]

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return circles


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert find_circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    graph = build_import_graph()
    assert sum(map(len, graph.values())) > 500
    assert find_circles(graph) == []


# -- sizes ------------------------------------------------------------------------


def test_few_modules_are_outside_of_a_package() -> None:
    loose = [path.name for path in (ROOT / "detector").glob("*.py") if not path.name.startswith("__")]
    assert len(loose) <= MAX_LOOSE_MODULES, sorted(loose)


def test_functions_are_short() -> None:
    long = {
        f"{path} {node.name}"
        for path in list_sources(*FOLDERS)
        if not path.startswith(MIGRATIONS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    compare_with_exceptions(long, "long-functions.txt", f"these functions have more than {MAX_FUNCTION_LINES} lines")


def test_files_are_short() -> None:
    long = {
        path
        for path in list_sources(*FOLDERS)
        if path not in DATA_TABLES and len((ROOT / path).read_bytes().splitlines()) > MAX_FILE_LINES
    }
    compare_with_exceptions(long, "long-files.txt", f"these files have more than {MAX_FILE_LINES} lines")
