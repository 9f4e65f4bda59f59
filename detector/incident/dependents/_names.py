"""When two names of a package are the same, by the rules of each ecosystem.

Ecosystems go by their types in package URLs; what people call them otherwise
is understood too.
"""

from __future__ import annotations

import re

ECOSYSTEMS = {
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
_BY_ALIAS = {alias: name for name, aliases in ECOSYSTEMS.items() for alias in aliases}


def ecosystem(name: str) -> str:
    """Return the type of package URL for an ecosystem, empty if there is no such one.

    >>> ecosystem("PyPI"), ecosystem("crates.io"), ecosystem("cobol")
    ('pypi', 'cargo', '')
    """
    low = name.lower()
    return low if low in ECOSYSTEMS else _BY_ALIAS.get(low, "")


_MAJOR = re.compile(r"(?:/v(\d+)|\.v(\d+))$")


def normal(ecosystem: str, name: str) -> str:
    """Return *name* in the one form that all names of the same package have.

    >>> normal("pypi", "Zope.Interface"), normal("cargo", "serde_json"), normal("docker", "docker.io/library/node")
    ('zope-interface', 'serde-json', 'node')
    >>> normal("golang", "github.com/Masterminds/semver/v3")
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


def major(name: str) -> str:
    """Return the major version that the path of a Go module ends in, empty if it has none."""
    found = _MAJOR.search(name)
    return (found[1] or found[2]) if found else ""


def same(ecosystem: str, asked: str, name: str) -> bool:
    """Tell whether *name*, as a file has it, is the package *asked* for.

    >>> same("maven", "log4j-core", "org.apache.logging.log4j:log4j-core")
    True
    >>> same("golang", "example.com/x/v2", "example.com/x"), same("github", "a/b", "a/b/sub")
    (False, True)
    """
    one, other = normal(ecosystem, asked), normal(ecosystem, name)
    if ecosystem == "golang":
        return one == other and (not major(asked) or major(asked) == major(name))
    if one == other:
        return True
    if ecosystem == "maven":
        return ":" not in one and (other.rpartition(":")[2] == one or other.replace(":", "/") == one)
    if ecosystem == "github":
        return one.count("/") == 1 and other.startswith(one + "/")
    return False
