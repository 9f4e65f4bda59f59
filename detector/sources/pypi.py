"""Projects of a Python package index, by name: `pypi:NAME`, one version or all of them.

    pypi:requests             every file of the newest version
    pypi:requests==2.32.3     of a version, or of a range (``pypi:requests>=2,<3``)
    pypi:requests@all         of every version
    pypi:~alice@all           of every project of a user of pypi.org
    pypi:*                    of every project of an index of your own (--registry)

The index is asked by the simple API, as JSON or HTML; ``--registry`` is the URL that pip calls
the index URL. Nothing is installed, no build runs. The index names a digest of each file, and it
is checked. A place reads ``pypi:requests==2.32.3/requests-2.32.3.tar.gz!requests-2.32.3/setup.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from detector.config import Config
from detector.contracts import Claim, HistoryState
from detector.errors import SourceError, UsageError
from detector.model import Blob, Origin, Skipped
from detector.net.http_client import Reply
from detector.net.polite_client import (
    AnswerFailed,
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

ORIGIN_KINDS = ("pypi",)
PUBLIC = "https://pypi.org/simple"
MAX_NAME_LENGTH = 512
"""Characters of the text of a link that are kept: the name of a file."""

_ACCEPT = {"Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"}
_ENDINGS = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".tar.Z", ".tar")
_FILE = re.compile(r"[\w.+!~-]{1,255}")
_NAME = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?"
_TARGET = re.compile(rf"pypi:(?P<name>\*|~[\w.-]+|{_NAME})(?:@(?P<all>all)|(?P<range>\s*[=<>!~][^@/]{{1,200}}))?")


class Wanted(NamedTuple):
    """What a target asks for: a project, or ``~USER`` or ``*`` for many, and which versions of them."""

    name: str
    versions: str = ""


class IndexFile(NamedTuple):
    """One file of a project."""

    name: str
    url: str
    version: str
    size: int
    hashes: Mapping[str, object]


def claim(target: str, config: Config) -> Claim:
    """Claim ``pypi:…``."""
    del config
    return claim_scheme(target, "pypi:")


def parse_target(target: str) -> Wanted:
    """Return what *target* asks for. Raises `UsageError`.

    >>> parse_target("pypi:Zope.Interface>=5,<6")
    Wanted(name='zope-interface', versions='>=5,<6')
    """
    found = _TARGET.fullmatch(target)
    if not found:
        raise UsageError(f"{target}: write pypi:NAME, pypi:NAME==VERSION, pypi:NAME@all or pypi:~USER")
    name = found["name"]
    wanted = found["all"] or (found["range"] or "").strip()
    return Wanted(name if name[0] in "*~" else normalize_name(name), wanted)


def normalize_name(name: str) -> str:
    """Return the name of a project as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def split(target: str, config: Config, state: HistoryState) -> Iterator[ArchiveShare | Skipped]:
    """List the files that *target* asks for and split those that *state* does not know into shares."""
    wanted = parse_target(target)
    site = make_site(check_registry(config, PUBLIC), config.operator, config.allow_internal)
    if wanted.name == "*" and site.base == PUBLIC:
        raise UsageError("pypi:* is for an index of your own: name it with --registry")
    with open_client(site) as client:
        archives = _list_archives(client, list_projects(client, wanted.name), wanted.versions)
        yield from group_archives(archives, "pypi", config, state, partial(ArchiveShare, site, "pypi"))


def _list_archives(client: PoliteClient, names: Iterator[str | Skipped], versions: str) -> Iterator[Archive | Skipped]:
    for name in names:
        if isinstance(name, Skipped):
            yield name
            continue
        try:
            files = list_files(client, name)
            chosen = choose_files(files, versions)
        except AnswerFailed as failure:
            yield Skipped(f"pypi:{name}", str(failure))
            continue
        if not chosen:
            yield Skipped(f"pypi:{name}", f"has no files{f' of version {versions}' if versions else ''}")
        for file in chosen:
            place = f"pypi:{name}=={file.version}/{file.name}"
            yield Archive(place, file.url, file.size, choose_digest(file.hashes))


def choose_files(files: Sequence[IndexFile], versions: str) -> list[IndexFile]:
    """Return the files of *versions*: "all", a range such as ``==1.2``, or "" for the newest version."""
    if versions == "all":
        return list(files)
    try:
        from detector.text.version_ranges import is_in_range, parse_version

        if versions:
            if is_in_range("pypi", versions, "1.0") is None:
                raise SourceError(f"{versions}: is no range of versions")
            return [file for file in files if is_in_range("pypi", versions, file.version)]
        parsed = []
        for file in files:
            try:
                parsed.append((parse_version("pypi", file.version), file))
            except ValueError:
                continue
        final = [version for version, _ in parsed if not version.is_prerelease] or [version for version, _ in parsed]
        return [file for version, file in parsed if version == max(final)]
    except ImportError:
        raise UsageError("choosing a version needs packaging: install leakfirst with the extra dependents") from None


# -- the simple API ----------------------------------------------------------------


def list_files(client: PoliteClient, name: str) -> list[IndexFile]:
    """Return the files of a project. Raises `AnswerFailed`."""
    url = f"{client.base}/{quote_part(name)}/"
    files = []
    for file, address, hashes, size in _parse_rows(client.request(url, _ACCEPT), "files", "filename"):
        target, fragment = urldefrag(urljoin(url, address))
        kind, _, value = fragment.partition("=")
        known = {**({kind: value} if value else {}), **hashes}
        if not _FILE.fullmatch(file):
            raise AnswerFailed(f"the index names a file {file[:80]!r}")
        files.append(IndexFile(file, target, parse_file_name(file, name), size, known))
    return files


def parse_file_name(file: str, project: str) -> str:
    """Return the version in the name of a file, "" if it has another form.

    >>> parse_file_name("zope.interface-5.0-1.tar.gz", "zope-interface")
    '5.0-1'
    >>> parse_file_name("a_b-1.0-py3-none-any.whl", "a-b")
    '1.0'
    """
    stem = file
    for ending in (".whl", ".egg", *_ENDINGS):
        stem = stem.removesuffix(ending)
    if file.endswith((".whl", ".egg")):
        words = stem.split("-")
        return words[1] if len(words) > 1 else ""
    for at in (found.start() for found in re.finditer("-", stem)):
        if normalize_name(stem[:at]) == project:
            return stem[at + 1 :]
    return ""


def _parse_rows(reply: Reply, field: str, name: str) -> Iterator[tuple[str, str, Mapping[str, object], int]]:
    """Yield name, URL, digests and size of each row of an index in JSON or HTML. Raises `AnswerFailed`."""
    if "json" in reply.headers.get("content-type", ""):
        found = reply.json()
        rows = found.get(field) if isinstance(found, dict) else None
        if not isinstance(rows, list):
            raise AnswerFailed("the answer does not have the expected form")
        for row in rows:
            if isinstance(row, dict) and isinstance(row.get(name), str):
                hashes, size = row.get("hashes"), row.get("size")
                yield (
                    row[name],
                    str(row.get("url", "")),
                    hashes if isinstance(hashes, dict) else {},
                    size if isinstance(size, int) and size > 0 else 0,
                )
        return
    links = _Links()
    links.feed(reply.text)
    links.close()
    for href, text in links.found:
        shown = text.strip() or unquote(urlsplit(href).path.rstrip("/").rpartition("/")[2])
        yield shown, href, {}, 0


class _Links(HTMLParser):
    """The links of a page: address and text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a link."""
        href = dict(attrs).get("href")
        self._inside = tag == "a" and bool(href)
        if self._inside:
            self.found.append((str(href), ""))

    def handle_data(self, data: str) -> None:
        """Add the text of a link."""
        if self._inside and len(self.found[-1][1]) < MAX_NAME_LENGTH:
            self.found[-1] = (self.found[-1][0], self.found[-1][1] + data[:MAX_NAME_LENGTH])

    def handle_endtag(self, tag: str) -> None:
        """End a link."""
        self._inside = self._inside and tag != "a"


# -- what somebody has published -----------------------------------------------------


def list_projects(client: PoliteClient, name: str) -> Iterator[str | Skipped]:
    """Yield the project *name*, or the projects of ``~USER`` or of the whole index (``*``)."""
    if name[0] not in "*~":
        yield name
        return
    try:
        found = list_user_projects(client, name[1:]) if name[0] == "~" else _list_index(client)
        yield from found
    except AnswerFailed as failure:
        yield Skipped(f"pypi:{name}", f"its projects cannot be listed: {failure}")


def _list_index(client: PoliteClient) -> Iterator[str | Skipped]:
    for name, *_ in _parse_rows(client.request(f"{client.base}/", _ACCEPT), "projects", "name"):
        yield _check_name(name)


def list_user_projects(client: PoliteClient, user: str) -> Iterator[str | Skipped]:
    """Yield the projects of a user of pypi.org, which only its XML-RPC API lists. Raises `AnswerFailed`."""
    import xmlrpc.client

    parts = urlsplit(client.base)
    content = xmlrpc.client.dumps((user,), "user_packages").encode()
    reply = client.request(
        f"{parts.scheme}://{parts.netloc}/pypi", {"Content-Type": "text/xml", "Accept": "text/xml"},
        method="POST", content=content,
    )  # fmt: skip
    try:
        rows: Any = xmlrpc.client.loads(reply.body)[0][0]
        names = [str(row[1]) for row in rows]
    except Exception as problem:  # the parser raises all kinds of errors
        raise AnswerFailed(f"the answer does not have the expected form ({type(problem).__name__})") from None
    yield from map(_check_name, names)


def _check_name(name: str) -> str | Skipped:
    usable = re.fullmatch(_NAME, name) is not None
    return normalize_name(name) if usable else Skipped("pypi", f"{name[:80]!r} is no name of a project")


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the files of *origins* once more."""
    for origin in dict.fromkeys(origins):
        if not urlsplit(origin.repository).netloc:
            yield Skipped(origin.path, "the index of this project is not known")
            continue
        target, _, _ = origin.path.partition("/")
        wanted = parse_target(target)
        site: Site = find_reported_site(origin.repository, config)
        with open_client(site) as client:
            for archive in _list_archives(client, iter([wanted.name]), wanted.versions):
                if isinstance(archive, Skipped):
                    yield archive
                elif archive.place == origin.path:
                    yield from read_archive(client, archive, origin)
