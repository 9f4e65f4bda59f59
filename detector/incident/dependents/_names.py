"""Ecosystems, and when two names mean the same package by the rules of an ecosystem.

Ecosystems are named by their types in package URLs; other common names are accepted too.
"""

from __future__ import annotations

import re
from typing import Literal

Ecosystem = Literal[
    "npm",
    "pypi",
    "golang",
    "cargo",
    "gem",
    "composer",
    "maven",
    "nuget",
    "hex",
    "pub",
    "docker",
    "github",
    "gitlab",
    "bitbucket",
    "git",
]
AnyEcosystem = Ecosystem | Literal[""]
"""An ecosystem, or an empty string for all of them."""

ALIASES: dict[Ecosystem, tuple[str, ...]] = {
    "npm": ("node", "javascript", "js", "yarn", "pnpm", "bun"),
    "pypi": ("python", "pip"),
    "golang": ("go",),
    "cargo": ("rust", "crates.io", "crates"),
    "gem": ("ruby", "rubygems"),
    "composer": ("php", "packagist"),
    "maven": ("java", "gradle"),
    "nuget": ("dotnet", ".net", "csharp"),
    "hex": ("elixir", "erlang"),
    "pub": ("dart", "flutter"),
    "docker": ("oci", "image", "container"),
    "github": ("actions", "githubactions", "github actions", "github-actions"),
    "gitlab": (),
    "bitbucket": (),
    "git": ("generic",),
}
ECOSYSTEMS: tuple[Ecosystem, ...] = tuple(ALIASES)
_BY_ALIAS = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}


def find_ecosystem(name: str) -> AnyEcosystem:
    """Return the package URL type of an ecosystem by its type or another name, empty if it is unknown.

    >>> find_ecosystem("PyPI"), find_ecosystem("crates.io"), find_ecosystem("cobol")
    ('pypi', 'cargo', '')
    """
    return _BY_ALIAS.get(name.lower(), "")


_MAJOR = re.compile(r"(?:/v(\d+)|\.v(\d+))$")


def normalize_name(ecosystem: AnyEcosystem, name: str) -> str:
    """Return the form that all equivalent names of a package have in common.

    >>> normalize_name("pypi", "Zope.Interface"), normalize_name("cargo", "serde_json")
    ('zope-interface', 'serde-json')
    >>> normalize_name("docker", "docker.io/library/node")
    'node'
    >>> normalize_name("golang", "github.com/Masterminds/semver/v3")
    'github.com/masterminds/semver'
    """
    name = name.strip()
    if ecosystem == "pypi":
        return re.sub(r"[-_.]+", "-", name).lower()
    if ecosystem == "cargo":
        return name.lower().replace("_", "-")
    if ecosystem == "golang":
        return _MAJOR.sub("", name.lower())
    if ecosystem == "docker":
        low = name.lower().removeprefix("index.docker.io/").removeprefix("docker.io/")
        return low.removeprefix("library/")
    if ecosystem in ("composer", "nuget", "hex", "github", "gitlab", "bitbucket", "git"):
        return name.lower()
    return name


def get_major(name: str) -> str:
    """Return the major version at the end of the path of a Go module, empty if there is none."""
    found = _MAJOR.search(name)
    return (found[1] or found[2]) if found else ""


def is_same_package(ecosystem: Ecosystem, wanted: str, name: str) -> bool:
    """Return whether *name*, as a file spells it, means the package *wanted*.

    >>> is_same_package("maven", "log4j-core", "org.apache.logging.log4j:log4j-core")
    True
    >>> is_same_package("golang", "example.com/x/v2", "example.com/x"), is_same_package("github", "a/b", "a/b/sub")
    (False, True)
    """
    one, other = normalize_name(ecosystem, wanted), normalize_name(ecosystem, name)
    if ecosystem == "golang":
        return one == other and (not get_major(wanted) or get_major(wanted) == get_major(name))
    if one == other:
        return True
    if ecosystem == "maven":
        return ":" not in one and (other.rpartition(":")[2] == one or other.replace(":", "/") == one)
    if ecosystem == "github":
        return one.count("/") == 1 and other.startswith(one + "/")
    return False
