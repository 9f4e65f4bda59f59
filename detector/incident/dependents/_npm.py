"""What the files of npm, yarn, pnpm and bun have in common: sections, aliases, tarballs."""

from __future__ import annotations

SECTIONS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")


def resolve_alias(key: str, spec: object) -> tuple[str, str]:
    """Return the real name and the constraint of the dependency that is listed as *key*.

    >>> resolve_alias("old", "npm:@scope/new@^2"), resolve_alias("a", "1.x"), resolve_alias("b", "npm:c")
    (('@scope/new', '^2'), ('a', '1.x'), ('c', '*'))
    """
    text = spec if isinstance(spec, str) else ""
    if not text.startswith("npm:"):
        return key, text
    target = text[4:]
    at = target.find("@", 1)
    if at < 0:
        return (target, "*") if not target[:1].isdigit() and target[:1] not in "^~<>=*" else (key, target)
    return target[:at], target[at + 1 :]


def parse_tarball_url(url: str) -> tuple[str, str] | None:
    """Return name and version of the tarball at *url*, None if the URL does not contain them.

    That is what is installed, whatever the name and version in the lock file.

    >>> parse_tarball_url("https://registry.acme.test/npm/@a%2fb/-/b-1.0.0-rc.1.tgz#0f"), parse_tarball_url("https://acme.test/b-1.0.tgz")
    (('@a/b', '1.0.0-rc.1'), None)
    """
    from urllib.parse import unquote

    place, dash, file = url.partition("#")[0].partition("?")[0].rpartition("/-/")
    if not dash or not file.endswith(".tgz"):
        return None
    pieces = unquote(place).split("/")
    name = "/".join(pieces[-2:] if pieces[-2:-1] and pieces[-2].startswith("@") else pieces[-1:])
    begin = f"{name.rpartition('/')[2]}-"
    return (name, file[len(begin) : -len(".tgz")]) if file.startswith(begin) else None


def list_installed(name: str, version: str, url: str) -> list[tuple[str, str]]:
    """Return name and version in a lock file, and those of the tarball at *url* if they differ."""
    return list(dict.fromkeys([(name, version), parse_tarball_url(url) or (name, version)]))
