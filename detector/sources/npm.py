"""Packages of an npm registry, by name: `npm:NAME`, one version or all of them, or everything of an organisation.

    npm:left-pad            the version that the tag latest names
    npm:left-pad@1.3.0      a version, a tag or a range
    npm:left-pad@all        every version
    npm:@acme/*@all         every version of every package of the organisation acme
    npm:~alice              the packages of a user
    npm:*                   every package of a registry of your own (--registry)

A package is read as it is published: nothing is installed, no script runs. The registry names a
digest of each archive; an archive without it is not read. A place reads
``npm:left-pad@1.3.0!package/index.js``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from detector.config import Config
from detector.contracts import Claim, HistoryState, TargetNote
from detector.errors import SourceError, UsageError
from detector.model import Blob, Origin, Skipped
from detector.net.polite_client import (
    AnswerFailed,
    Digest,
    PoliteClient,
    Site,
    choose_digest,
    make_site,
    open_client,
    quote_part,
)
from detector.sources._archives import (
    Archive,
    ArchiveShare,
    check_registry,
    claim_scheme,
    find_reported_site,
    group_archives,
    read_archive,
)

ORIGIN_KINDS = ("npm",)
PUBLIC = "https://registry.npmjs.org"
PAGE = 250
MAX_PACKAGES = 20_000
_SHORT_FORM = {"Accept": "application/vnd.npm.install-v1+json, application/json"}
_NAME = re.compile(r"(?:@[\w.~-]+/)?[\w.~-]{1,214}")
_VERSION = re.compile(r"[\w.+-]{1,256}")
_TARGET = re.compile(r"npm:(?P<name>\*|~[\w.-]+|@[\w.~-]+/\*|(?:@[\w.~-]+/)?[\w.~-]+)(?:@(?P<wanted>[^@]{1,200}))?")


class Wanted(NamedTuple):
    """What a target asks for: a package, or a list of packages, and which versions of them."""

    name: str
    versions: str = ""

    @property
    def is_list(self) -> bool:
        """Whether the name stands for many packages."""
        return self.name.endswith("*") or self.name.startswith("~")


def claim(target: str, config: Config) -> Claim:
    """Claim ``npm:…``."""
    del config
    return claim_scheme(target, "npm:")


def parse_target(target: str) -> Wanted:
    """Return what *target* asks for. Raises `UsageError`.

    >>> parse_target("npm:@acme/ui@^1.2 || 3.x")
    Wanted(name='@acme/ui', versions='^1.2 || 3.x')
    """
    found = _TARGET.fullmatch(target)
    if not found or ".." in found["name"]:
        raise UsageError(f"{target}: write npm:NAME, npm:NAME@VERSION, npm:NAME@all, npm:@ORGANISATION/* or npm:~USER")
    return Wanted(found["name"], (found["wanted"] or "").strip())


def split(target: str, config: Config, state: HistoryState) -> Iterator[ArchiveShare | Skipped | TargetNote]:
    """List the versions that *target* asks for and split those that *state* does not know into shares."""
    wanted = parse_target(target)
    site = make_site(check_registry(config, PUBLIC), config.operator, config.allow_internal)
    if wanted.name == "*" and site.base == PUBLIC:
        raise UsageError("npm:* is for a registry of your own: name it with --registry")
    with open_client(site) as client:
        names: Iterator[str | Skipped] = list_packages(client, wanted.name) if wanted.is_list else iter([wanted.name])
        archives = _list_archives(client, names, wanted, site)
        yield from group_archives(archives, "npm", config, state, partial(ArchiveShare, site, "npm"))


def _list_archives(
    client: PoliteClient, names: Iterator[str | Skipped], wanted: Wanted, site: Site
) -> Iterator[Archive | Skipped]:
    for name in names:
        if isinstance(name, Skipped):
            yield name
            continue
        try:
            yield from list_versions(client, name, wanted.versions, site)
        except AnswerFailed as failure:
            yield Skipped(f"npm:{name}", str(failure))


def list_versions(client: PoliteClient, name: str, versions: str, site: Site) -> Iterator[Archive | Skipped]:
    """Yield the archives of those *versions* of a package: "" for latest, "all", a version, a tag or a range.

    Raises `AnswerFailed`.
    """
    document = client.request(f"{site.base}/{quote_part(name)}", _SHORT_FORM).json()
    listed = document.get("versions") if isinstance(document, dict) else None
    if not isinstance(listed, dict):
        raise AnswerFailed("the answer does not have the expected form")
    tags = document.get("dist-tags")
    chosen = choose_versions(listed, tags if isinstance(tags, dict) else {}, versions)
    if not chosen:
        raise AnswerFailed(f"has no version {versions or 'latest'}")
    for version in chosen:
        entry = listed[version]
        dist = entry.get("dist") if isinstance(entry, dict) else None
        url = dist.get("tarball") if isinstance(dist, dict) else None
        if not _VERSION.fullmatch(version) or not isinstance(dist, dict) or not isinstance(url, str):
            yield Skipped(f"npm:{name}", "a version has no usable name or archive")
            continue
        size = dist.get("unpackedSize")
        yield Archive(
            f"npm:{name}@{version}",
            _move_to_registry(url, site.base),
            size if isinstance(size, int) and size >= 0 else 0,
            parse_digest(dist),
        )


def choose_versions(listed: Mapping[str, Any], tags: Mapping[str, Any], versions: str) -> list[str]:
    """Return the names of the versions to read. Raises `SourceError` for a range that cannot be understood."""
    if versions == "all":
        return list(listed)
    for name in (tags.get(versions or "latest"), versions):
        if isinstance(name, str) and name in listed:
            return [name]
    if not versions:
        return list(listed)[-1:]
    try:
        from detector.text.version_ranges import is_in_range

        found = [(name, is_in_range("npm", versions, name)) for name in listed]
    except ImportError:
        raise UsageError("a range of versions needs univers: install leakfirst with the extra dependents") from None
    if found and all(inside is None for _, inside in found):
        raise SourceError(f"{versions}: is neither a version, a tag nor a range of versions")
    return [name for name, inside in found if inside]


def parse_digest(dist: Mapping[str, Any]) -> Digest | None:
    """Return the strongest digest that the registry names for an archive, None if there is none."""
    values: dict[str, object] = {"sha1": dist.get("shasum")}
    integrity = dist.get("integrity")
    for word in integrity.split() if isinstance(integrity, str) else ():
        kind, _, encoded = word.partition("-")
        try:
            values[kind] = base64.b64decode(encoded.partition("?")[0], validate=True).hex()
        except (binascii.Error, ValueError):
            continue
    return choose_digest(values)


def _move_to_registry(url: str, base: str) -> str:
    """Return the URL at our registry, if it repeats the public registry's URL: npm does the same."""
    public = f"{PUBLIC}/"
    return f"{base}/{url.removeprefix(public)}" if url.startswith(public) else url


# -- what somebody has published -------------------------------------------------


def list_packages(client: PoliteClient, name: str) -> Iterator[str | Skipped]:
    """Yield the names of the packages of ``@ORGANISATION/*`` or ``~USER``, or of the whole registry for ``*``."""
    scope = name.removesuffix("/*") + "/" if name.startswith("@") else ""
    owner = quote_part(scope.strip("@/") or name.lstrip("~"))
    kinds = ("org", "user") if scope else ("user",) if name != "*" else ()
    for kind in kinds:
        try:
            found = client.request(f"{client.base}/-/{kind}/{owner}/package").json()
        except AnswerFailed:
            continue
        if isinstance(found, dict) and found and all(isinstance(right, str) for right in found.values()):
            yield from (_check_name(package) for package in sorted(found))
            return
    query = f"scope:{scope.strip('@/')}" if scope else f"maintainer:{name[1:]}" if name != "*" else ""
    user = "" if scope else name.lstrip("~*")
    listed = 0
    for item in _search(client, query, scope, user):
        listed += 1
        yield item
    if not listed and query and client.base != PUBLIC:  # a registry that takes the qualifier for a word
        yield from _search(client, "", scope, user)


def _search(client: PoliteClient, query: str, scope: str, user: str) -> Iterator[str | Skipped]:
    """Yield what the search of the registry finds; registries that know no qualifiers answer with more."""
    names: set[str] = set()
    count = 0
    while count < MAX_PACKAGES:
        try:
            url = f"{client.base}/-/v1/search?{urlencode({'text': query, 'size': PAGE, 'from': count})}"
            found = client.request(url).json()
        except AnswerFailed as failure:
            yield Skipped(f"npm:{scope}*" if scope else f"npm:~{user}", f"the list is incomplete: {failure}")
            return
        rows = found.get("objects") if isinstance(found, dict) else None
        packages = [row.get("package") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        new = [one for one in packages if isinstance(one, dict) and str(one.get("name")) not in names]
        for package in new:
            names.add(str(package.get("name")))
            if str(package.get("name")).startswith(scope) and (not user or _is_maintained_by(package, user)):
                yield _check_name(str(package.get("name")))
        count += len(packages)
        total = found.get("total") if isinstance(found, dict) else 0
        if not new or len(packages) < PAGE or (isinstance(total, int) and 0 < total <= count):
            return
    yield Skipped(f"npm:{scope or '~' + user}", f"more than {MAX_PACKAGES} packages; the remaining ones were not read")


def _is_maintained_by(package: Mapping[str, Any], user: str) -> bool:
    people = package.get("maintainers")
    rows = people if isinstance(people, list) else []
    return any(isinstance(row, dict) and user in (row.get("username"), row.get("name")) for row in rows)


def _check_name(name: str) -> str | Skipped:
    return name if _NAME.fullmatch(name) else Skipped("npm", f"{name[:80]!r} is no name of a package")


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the archives of *origins* once more."""
    for origin in dict.fromkeys(origins):
        if not urlsplit(origin.repository).netloc:
            yield Skipped(origin.path, "the registry of this package is not known")
            continue
        wanted = parse_target(origin.path)
        site = find_reported_site(origin.repository, config)
        with open_client(site) as client:
            for archive in _list_archives(client, iter([wanted.name]), wanted, site):
                if isinstance(archive, Skipped):
                    yield archive
                else:
                    yield from read_archive(client, archive, origin)
