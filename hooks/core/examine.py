"""Examine content for a hook: find credentials, apply ignores and the baseline.

A clean commit is the fast case: rules come from the compiled pack, and ignore
files, baselines and configuration are read only after something was found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from detector.engine.engine import Engine
from detector.errors import UsageError
from detector.model import (
    SEVERITIES,
    Blob,
    Finding,
    Ignored,
    ObeyedRules,
    Origin,
    RunAccount,
    Sighting,
    Skipped,
    count_set_aside,
    fails,
)
from detector.rules import pack as packs
from detector.scan.messages import ExamineOptions
from detector.scan.worker import examine_share
from hooks.core.git import ObjectHeader, ObjectReader

if TYPE_CHECKING:
    from detector.scan.masking import NameMasker

LARGE = 8 << 20
"""Size in bytes above which an object is read in pieces."""

LFS_HEAD = b"version https://git-lfs.github.com/spec/v1\n"


VALUE_OPTIONS = ("--patterns", "--baseline", "--config", "--min-confidence", "--fail-on", "--timeout")
FLAG_OPTIONS = ("--no-repository-ignores", "--strict", "--allow-incomplete", "--inline-marks", "--no-inline-marks")


HOOK_SECONDS = 3600
"""How long a hook may take, unless --timeout says otherwise."""


class HookOptions(NamedTuple):
    """The options in the script of a hook (`leakfirst hook install` writes it); `rest` are the arguments from git."""

    patterns: tuple[str, ...] = ()
    baseline: str = ""
    config: str = ""
    min_confidence: str = "medium"
    repository_ignores: bool = True
    strict: bool = False
    allow_incomplete: bool = False
    inline_marks: bool | None = None
    timeout: int = HOOK_SECONDS
    fail_on: str = "medium"
    rest: tuple[str, ...] = ()


def parse_options(arguments: Sequence[str], left: str = "") -> HookOptions:
    """Parse the arguments of a hook: our options, then what git or a hook manager adds. Raises `UsageError`.

    *left* is the folder in which the hook was started, if it is not the current one any more:
    paths of options are relative to it.
    """
    chosen: dict[str, str] = {}
    patterns: list[str] = []
    flags = set()
    at = 0
    # The framework passes names of files, which whoever wrote the repository chose.
    is_managed = bool(os.environ.get("PRE_COMMIT")) and "--" not in arguments
    while at < len(arguments) and arguments[at].startswith("--"):
        name, equals, value = arguments[at].partition("=")
        at += 1
        if name == "--":
            break
        if is_managed and os.path.lexists(os.path.join(left, arguments[at - 1])):
            raise UsageError(f"{arguments[at - 1]}: a file is named like an option; write -- behind the options")
        if name in FLAG_OPTIONS:
            flags.add(name)
            continue
        if name not in VALUE_OPTIONS:
            raise UsageError(f"{name}: unknown option of a hook; known: {', '.join((*VALUE_OPTIONS, *FLAG_OPTIONS))}")
        if not equals:
            if at == len(arguments):
                raise UsageError(f"{name} needs a value")
            value = arguments[at]
            at += 1
        if name == "--patterns":
            patterns.append(value)
        else:
            chosen[name[2:].replace("-", "_")] = value
    if chosen.get("min_confidence", "medium") not in ("low", "medium", "high"):
        raise UsageError("--min-confidence must be low, medium or high")
    if chosen.get("fail_on", "medium") not in SEVERITIES:
        raise UsageError(f"--fail-on must be one of {', '.join(SEVERITIES)}")
    timeout = chosen.get("timeout", str(HOOK_SECONDS))
    if not (timeout.isascii() and timeout.isdigit() and 0 < int(timeout) <= 1 << 30):
        raise UsageError(f"--timeout {timeout}: give a number of seconds")
    if left:
        patterns = [os.path.join(left, path) for path in patterns]
        chosen = {name: _join_path(left, name, value) for name, value in chosen.items()}
    return HookOptions(
        tuple(patterns),
        chosen.get("baseline", ""),
        chosen.get("config", ""),
        chosen.get("min_confidence", "medium"),
        "--no-repository-ignores" not in flags,
        "--strict" in flags,
        "--allow-incomplete" in flags,
        None if not flags & {"--inline-marks", "--no-inline-marks"} else "--no-inline-marks" not in flags,
        int(timeout),
        chosen.get("fail_on", "medium"),
        tuple(arguments[at:]),
    )


def _join_path(left: str, option: str, value: str) -> str:
    """Return *value* as seen from another folder, if it is a path."""
    if option == "config":
        return os.path.join(left, value)
    if option != "baseline" or not value:
        return value
    from detector.ignores.loader import NO_BASELINE, split_format

    if value == NO_BASELINE:
        return value
    kind, path = split_format(value)
    return f"{kind}:{os.path.join(left, path)}" if kind else os.path.join(left, path)


def load_engine(chosen: HookOptions) -> Engine:
    """Return the engine with all rules of *chosen*. Raises `RuleError`."""
    files: list[str] = []
    for path in chosen.patterns:
        files += packs.list_rule_files(path) if os.path.isdir(path) else [path]
    return packs.build_engine(packs.load_pack(files))


class BlobShare(NamedTuple):
    """The content that a hook examines, as a share. It is read again if an allowlist needs the lines of hits."""

    read: Callable[[], Iterator[Blob | Skipped]]
    name: str = "the staged content"
    weight: int = 0
    published: bool = False
    read_before: bool = False


class ExaminedContent(NamedTuple):
    """The sightings in the content, before ignores are applied, and what could not be scanned."""

    sightings: list[Sighting]
    skipped: list[Skipped]


def examine(share: BlobShare, engine: Engine, patterns: Sequence[str] = ()) -> ExaminedContent:
    """Examine *share*; *patterns* are those of allowlists that need the line of a hit."""
    sightings: list[Sighting] = []
    skipped: list[Skipped] = []
    for message in examine_share(share, engine, ExamineOptions(patterns=tuple(patterns))):
        if isinstance(message, Sighting):
            sightings.append(message)
        elif isinstance(message, Skipped) and not message.expected:
            skipped.append(message)
    return ExaminedContent(sightings, skipped)


class TriagedFindings(NamedTuple):
    """Findings that refuse, and ignored ones; `masker` masks all found values in further texts.

    `mild` are findings whose severity is below the threshold of the hook: they are told and refuse nothing.
    """

    findings: list[Finding]
    ignored: list[Ignored]
    notes: list[str]
    masker: NameMasker
    obeyed: ObeyedRules = ObeyedRules()
    mild: Sequence[Finding] = ()


def triage_sightings(
    sightings: Sequence[Sighting],
    engine: Engine,
    chosen: HookOptions,
    reader: Callable[[str], bytes | None] | None,
    examine_again: Callable[[Sequence[str]], ExaminedContent],
    others: Sequence[Sighting] = (),
) -> TriagedFindings:
    """Apply the ignores to *sightings* and make findings of the rest.

    *reader* reads the repository's ignore files; *examine_again* is called with the
    patterns of an allowlist that needs the lines of hits. The values of *others* are
    masked in names too.
    """
    import time

    from detector.config import load_operator_file
    from detector.ignores.loader import load_policy
    from detector.scan import triage
    from detector.scan.masking import make_name_masker
    from detector.scan.policies import IgnorePolicies

    policies = IgnorePolicies(
        [
            load_policy(
                reader if chosen.repository_ignores else None,
                operator=load_operator_file(chosen.config),
                baseline_file=chosen.baseline,
                today=time.strftime("%Y-%m-%d"),
                marks=chosen.repository_ignores and chosen.inline_marks is not False,
            )
        ]
    )
    if policies.line_patterns:
        sightings = examine_again(policies.line_patterns).sightings
    masker = make_name_masker([*sightings, *others], engine.rules)
    sightings = masker.mask_sightings(list(sightings))
    kept, ignored = triage.split_ignored(sightings, engine.rules, policies.report_key, policies.find_reason)
    findings = triage.build_findings(kept, engine.rules, policies.report_key)
    reported = [finding for finding in findings if triage.is_confident(finding, chosen.min_confidence)]
    ignored = [entry._replace(by=masker.mask(entry.by)) for entry in ignored]
    failing = [finding for finding in reported if fails(finding, chosen.fail_on)]
    mild = [finding for finding in reported if finding not in failing]
    return TriagedFindings(failing, ignored, policies.notes(everything=False), masker, policies.obeyed, mild)


def make_account(looked_at: str, skipped: Sequence[Skipped], triaged: TriagedFindings | None = None) -> RunAccount:
    """Return the account of a hook, which its exit code is made from; without *triaged* nothing was found."""
    unread = sum(not skip.expected for skip in skipped)
    if triaged is None:
        return RunAccount(looked_at, unread=unread)
    return RunAccount(looked_at, len(triaged.findings), unread, triaged.obeyed, count_set_aside(triaged.ignored))


def read_objects(objects: ObjectReader, wanted: Sequence[tuple[str, Origin]]) -> Iterator[Blob | Skipped]:
    """Read the objects *wanted*: their ids, each with the origin for its blobs."""
    for index, header in objects.request([name for name, _ in wanted]):
        origin = wanted[index][1]
        if header is None:
            yield Skipped(origin.path or wanted[index][0], "not in the object store")
        else:
            yield from read_blobs(objects, header, origin)


def read_blobs(objects: ObjectReader, header: ObjectHeader, origin: Origin) -> Iterator[Blob | Skipped]:
    """Read the object whose header was read last; for a Git LFS pointer also its file, if it is in the local store."""
    if header.size > LARGE:
        yield from _read_in_pieces(objects, header, origin)
        return
    data = objects.read_content(header)
    if len(data) < header.size:
        yield Skipped(origin.path, "could not be read completely")
    yield Blob(data, origin)  # without content it still has a name
    if header.size < 1024 and data.startswith(LFS_HEAD):
        yield from _read_lfs(data, origin)


def _read_in_pieces(objects: ObjectReader, header: ObjectHeader, origin: Origin) -> Iterator[Blob | Skipped]:
    from detector.text.chunks import split_stream

    left = header.size

    def read(count: int) -> bytes:
        nonlocal left
        data = objects.read_part(min(count, left)) if left else b""
        left -= len(data)
        return data

    yield from split_stream(read, origin)
    if left:
        yield Skipped(origin.path, "could not be read completely")
    objects.read_part(1)


def _read_lfs(pointer: bytes, origin: Origin) -> Iterator[Blob | Skipped]:
    from detector.sources.files import read_file
    from hooks.core.git import find_common_directory, find_git_directory

    digest = pointer.partition(b"oid sha256:")[2][:64].decode("latin-1")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        return
    store = os.path.join(find_common_directory(find_git_directory()), "lfs", "objects")
    path = os.path.join(store, digest[:2], digest[2:4], digest)
    if os.path.isfile(path):
        yield from read_file(path, origin)
