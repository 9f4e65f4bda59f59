"""Classify a place by its path: source, test, example, documentation, vendored or generated.

Severity, reports and benchmarks ask here, so that they agree. A class is no evidence for or against
a credential (half of the real ones are in tests and examples); it says who is likely to use it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from detector.model import PlaceClass

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_VENDORED = frozenset((
    "node_modules", "bower_components", "jspm_packages", "vendor", "vendors", "vendored", "_vendor", "third_party",
    "third-party", "thirdparty", "3rdparty", "3rd_party", "3rd-party", "site-packages", "dist-packages", "pods",
    "carthage", "godeps", "deps", ".venv", "venv", ".tox", ".nox", ".yarn", ".pnpm-store",
))  # fmt: skip
_TEST_FOLDERS = frozenset((
    "spec", "specs", "testdata", "testutil", "testutils", "unittest", "unittests", "__snapshots__", ".snapshots",
    "snapshots", "cassettes", "e2e", "cypress", "playwright", "androidtest", "t",
))  # fmt: skip
_TEST_WORDS = frozenset(("test", "tests", "testing", "fixture", "fixtures", "mock", "mocks", "stub", "stubs"))
_EXAMPLE_WORDS = frozenset((
    "example", "examples", "sample", "samples", "demo", "demos", "tutorial", "tutorials", "quickstart", "quickstarts",
    "playground", "showcase", "cookbook",
))  # fmt: skip
_DOCUMENTATION_FOLDERS = frozenset((
    "doc", "docs", "documentation", "man", "manual", "manuals", "wiki", "guide", "guides", "javadoc", "apidoc",
))  # fmt: skip
_DOCUMENTATION_ENDINGS = frozenset(("md", "mdx", "markdown", "rst", "adoc", "asciidoc", "textile", "tex", "pod"))
_DOCUMENTATION_NAMES = frozenset((
    "readme", "changelog", "changes", "contributing", "history", "install", "news", "upgrading", "authors",
))  # fmt: skip
_GENERATED_FOLDERS = frozenset((
    "dist", "_build", "generated", "gen", "_gen", "__generated__", "_site", ".next", ".nuxt", "coverage", "htmlcov",
))  # fmt: skip
_GENERATED_NAME = re.compile(
    r"\.min\.\w+$|\.(?:bundle|chunk)\.\w+$|\.map$|_pb2(?:_grpc)?\.pyi?$|\.pb\.\w+$|\.g\.dart$|\.generated\.\w+$"
    r"|[._-](?:gen|generated)\.\w+$|\.designer\.\w+$|^(?:package-lock|npm-shrinkwrap)\.json$|\.lock$|-lock\.\w+$|^go\.sum$"
)
_REVERSED_DOMAINS = frozenset(("com", "org", "net", "io"))


@lru_cache(maxsize=8192)
def classify_place(path: str) -> PlaceClass:
    """Return the class of the file *path*; of a member of a container also that of the container counts.

    >>> classify_place("src/latest/key.pem").value, classify_place("spec/models/user_spec.rb").value
    ('source', 'test')
    >>> classify_place("node_modules/x/test/a.js").value, classify_place("README.md").value
    ('vendored', 'documentation')
    """
    for part in path.split("!"):
        found = _classify_part(part.replace("\\", "/"))
        if found is not PlaceClass.SOURCE:
            return found
    return PlaceClass.SOURCE


def _classify_part(path: str) -> PlaceClass:
    *folders, name = path.split("/")
    lowered = [folder.lower() for folder in folders]
    if not _VENDORED.isdisjoint(lowered):
        return PlaceClass.VENDORED
    words = [_split_words(folder) for folder in folders]
    edges = _list_edges(name)
    if not _TEST_FOLDERS.isdisjoint(lowered) or any(not _TEST_WORDS.isdisjoint(one) for one in words):
        return PlaceClass.TEST
    if not _TEST_WORDS.isdisjoint(edges) or _is_spec(name):
        return PlaceClass.TEST
    if _is_in_example(words) or not _EXAMPLE_WORDS.isdisjoint(edges) or name.lower().endswith((".dist", ".template")):
        return PlaceClass.EXAMPLE
    stem, _, ending = name.lower().rpartition(".")
    if not _DOCUMENTATION_FOLDERS.isdisjoint(lowered) or ending in _DOCUMENTATION_ENDINGS:
        return PlaceClass.DOCUMENTATION
    if (stem or ending) in _DOCUMENTATION_NAMES and ending in ("", "txt", stem or ending):
        return PlaceClass.DOCUMENTATION
    if not _GENERATED_FOLDERS.isdisjoint(lowered) or _GENERATED_NAME.search(name.lower()):
        return PlaceClass.GENERATED
    return PlaceClass.SOURCE


def _split_words(text: str) -> tuple[str, ...]:
    """Return the words of *text* in lower case.

    >>> _split_words("integration-tests"), _split_words("LoginTest"), _split_words("latest")
    (('integration', 'tests'), ('login', 'test'), ('latest',))
    """
    return tuple(word.lower() for word in _WORDS.findall(text))


def _list_edges(name: str) -> frozenset[str]:
    """Return the words of a file's name that say what it is: the first, the last, and the last before its ending."""
    words, stem = _split_words(name), _split_words(name.rpartition(".")[0])
    return frozenset((*words[:1], *words[-1:], *stem[-1:]))


def _is_spec(name: str) -> bool:
    words = _split_words(name.rpartition(".")[0])
    return len(words) > 1 and (words[-1] in ("spec", "specs") or words[:2] == ("spec", "helper"))


def _is_in_example(folders: list[tuple[str, ...]]) -> bool:
    """Tell whether one of *folders* is for examples; `com/example` is how packages are named."""
    return any(
        not _EXAMPLE_WORDS.isdisjoint(words) and not (at and set(folders[at - 1]) & _REVERSED_DOMAINS)
        for at, words in enumerate(folders)
    )
