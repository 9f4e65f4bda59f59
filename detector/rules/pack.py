"""All rules in force and their automaton, ready to use, so that a hook starts in a millisecond.

Parsing the rule files and compiling the automaton takes seconds. For the shipped rules
that is done when the wheel is built: the package holds a ready pack, one file of
parsed rules and one with the databases of the Hyperscan of the build. Both say what they were made
from, and are used only if that is what is installed: the same rule files, read and
compared each time, the same code, Python, Hyperscan and processor.

Other packs are kept in the user's cache folder; their names are the digest of everything
they were made from. A file that is missing, damaged, foreign or not writable costs
time, never correctness (`checked_file`).

In a checkout the rule files are not even read if a stamp (size, times and inode of
every file) shows that their digest is known.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from detector.engine.anchors import Automaton, build_automaton, choose_backend, length_range
from detector.engine.decode.markers import Marker, list_markers
from detector.engine.engine import GENERIC, Engine
from detector.files.trusted import describe_distrust, find_temporary_folder, find_user_folder
from detector.model import Anchor, Rule
from detector.rules.checked_file import FORMAT, read_checked, write_checked
from detector.rules.rule_rows import LazyRules, pack_rules

NOWHERE = os.path.join(os.devnull, "cache")
"""A folder that cannot be: nothing is read from it, and nothing is written to it."""

SETTLED = 2_000_000_000
"""Age in nanoseconds above which a file that changes again is sure to get another time stamp."""


class PreparedAutomaton:
    """The automaton that checking a cache file created, returned once; it is not shared and not pickled."""

    def __init__(self, automaton: Automaton | None = None) -> None:
        self._automaton = automaton

    def take(self) -> Automaton | None:
        """Return the automaton the first time, then None."""
        taken, self._automaton = self._automaton, None
        return taken

    def __reduce__(self) -> tuple[type[PreparedAutomaton], tuple[()]]:
        return PreparedAutomaton, ()


class Pack(NamedTuple):
    """Rules, the anchors that they share, and the dumped automaton.

    `anchor_rules[i]` lists the indexes of the rules of anchor *i*, `lengths[i]` the lengths of
    its occurrences. `marks` holds one byte for the code and one for the length of each marker of
    a decoder, which the automaton reports with numbers above the anchors. `scored_indexes`
    are the indexes of the rules that are `scored`.
    """

    digest: str
    engine: str
    rules: Sequence[Rule]
    anchors: tuple[Anchor, ...]
    anchor_rules: tuple[tuple[int, ...], ...]
    dumped: bytes
    lengths: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()
    marks: bytes = b""
    scored_indexes: tuple[int, ...] = ()
    ready: PreparedAutomaton | None = None


def shipped_folder() -> str:
    """Return the folder of the shipped rules."""
    return os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "patterns")


def cache_folder() -> str:
    """Return the folder for compiled packs: ``LEAKFIRST_CACHE``, else the user's cache.

    A user without a home, such as that of a container, has one among the temporary files. If
    somebody else can write into the folder, nothing is read from it and nothing stored.
    """
    chosen = os.environ.get("LEAKFIRST_CACHE", "")
    if not chosen:
        if sys.platform == "win32":
            base = find_user_folder("LOCALAPPDATA", "~")
        elif sys.platform == "darwin":
            base = find_user_folder("", "~/Library/Caches")
        else:
            base = find_user_folder("XDG_CACHE_HOME", "~/.cache")
        chosen = os.path.join(base, "leakfirst") if base else find_temporary_folder("leakfirst")
    with suppress(OSError):
        if describe_distrust(os.stat(chosen)):
            return NOWHERE
    return chosen or NOWHERE


def find_cache_folder(name: str) -> str:
    """Return the folder *name* in the user's cache. Raises `UsageError` if he has none of his own."""
    from detector.errors import UsageError

    folder = cache_folder()
    if folder == NOWHERE:
        raise UsageError("this user has no cache folder of his own; set LEAKFIRST_CACHE to one that nobody else writes")
    return os.path.join(folder, name)


def load_pack(
    extra: Sequence[str] = (),
    *,
    shipped: bool = True,
    select: Callable[[Sequence[Rule]], Sequence[Rule]] | None = None,
    selection: str = "",
    engine: str = "",
) -> Pack:
    """Return the pack of the shipped rules and the *extra* files, from the cache if possible.

    *select* returns the rules to keep and may raise; *selection* is a text that identifies
    that choice in the cache. *engine* is ``hyperscan`` or ``ahocorasick``, by default the best
    for this machine. Raises `RuleError`.
    """
    from detector.errors import RuleError

    engine = engine or choose_backend()
    if shipped and not extra and not select:
        ready = _load_ready(engine)
        if ready:
            return ready
    files = [*(list_rule_files(shipped_folder()) if shipped else ()), *extra]
    try:
        digest = _find_digest(files, selection)
    except OSError as error:
        raise RuleError(f"{error.filename}: cannot be read ({error.strerror})") from None
    cached = os.path.join(cache_folder(), digest)
    pack = _read(cached, digest, engine)
    if pack is None:
        from detector.rules.loader import load_all

        loaded = load_all(files)
        pack = compile_pack(select(loaded.rules) if select else loaded.rules, digest, engine)
        pack = pack._replace(notes=loaded.notes)
        if not loaded.extends and _write(cached, pack):  # the files that they extend are not in the digest
            _remove_old(cache_folder())
    return pack


def ready_folder() -> str:
    """Return the folder of the ready pack of an installation."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "ready")


def store_ready_pack(engine: str = "") -> bool:
    """Make the ready pack of the shipped rules beside this module, for a wheel; return whether that succeeded."""
    from detector.rules.loader import load_files

    files = list_rule_files(shipped_folder())
    digest = _compute_digest(files, [_read_file(path) for path in files], "")
    return _write(os.path.join(ready_folder(), "shipped"), compile_pack(load_files(files), digest, engine))


def has_ready_pack() -> bool:
    """Return whether the ready pack of this installation can be used on this machine."""
    return _load_ready(choose_backend()) is not None


def _load_ready(engine: str) -> Pack | None:
    """Return the ready pack, if there is one and it is made from the rules that are installed."""
    place = os.path.join(ready_folder(), "shipped")
    if not os.path.isfile(place + _rules_suffix()):
        return None
    try:
        files = list_rule_files(shipped_folder())
        digest = _compute_digest(files, [_read_file(path) for path in files], "")
    except OSError:
        return None
    return _read(place, digest, engine)


def compile_pack(rules: Sequence[Rule], digest: str = "", engine: str = "") -> Pack:
    """Compile *rules* into a pack, without the cache."""
    engine = engine or choose_backend()
    anchor_rules: dict[Anchor, list[int]] = {}
    for index, rule in enumerate(rules):
        for anchor in rule.anchors:
            anchor_rules.setdefault(anchor, []).append(index)
    if any(rule.scored for rule in rules):
        from detector.engine.scoring.anchors import ANCHORS

        for anchor in ANCHORS:
            anchor_rules.setdefault(anchor, []).append(GENERIC)
    anchors = tuple(anchor_rules)
    indexes = tuple(tuple(found) for found in anchor_rules.values())
    found = _list_markers(anchors, indexes)
    dumped = build_automaton([*anchors, *(marker.anchor for marker in found)], engine).dump() if anchors else b""
    marks = bytes(byte for marker in found for byte in (marker.code, marker.length))
    widths = tuple(length_range(anchor) for anchor in anchors)
    scored = tuple(index for index, rule in enumerate(rules) if rule.scored)
    return Pack(digest, engine, rules, anchors, indexes, dumped, widths, marks=marks, scored_indexes=scored)


def _list_markers(anchors: Sequence[Anchor], anchor_rules: Sequence[Sequence[int]]) -> list[Marker]:
    """List the markers of decoders for the anchors of rules; anchors of generic credentials get none."""
    named = [anchor for anchor, rules in zip(anchors, anchor_rules, strict=True) if tuple(rules) != (GENERIC,)]
    return list_markers(named) if named else []


def build_engine(pack: Pack) -> Engine:
    """Build the engine that applies *pack*."""
    automaton = take_automaton(pack)
    return Engine(pack.rules, pack.anchors, pack.anchor_rules, automaton, pack.lengths, pack.marks, pack.scored_indexes)


def take_automaton(pack: Pack) -> Automaton:
    """Return the automaton of *pack*: the prepared one, or a new one."""
    if not pack.anchors:
        return _EmptyAutomaton()
    ready = pack.ready.take() if pack.ready else None
    if ready is not None:
        return ready
    if pack.dumped:
        return build_automaton((), pack.engine, pack.dumped)
    return build_automaton(
        [*pack.anchors, *(marker.anchor for marker in _list_markers(pack.anchors, pack.anchor_rules))], pack.engine
    )


class _EmptyAutomaton:
    """The automaton of no rules."""

    def scan(self, data: bytes) -> list[Any]:
        del data
        return []

    def dump(self) -> bytes:
        return b""


def list_rule_files(folder: str) -> list[str]:
    """List the rule files below *folder*, sorted."""
    found = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += list_rule_files(entry.path)
        elif entry.name.endswith((".toml", ".yml", ".yaml")):
            found.append(entry.path)
    return sorted(found)


def _find_digest(files: Sequence[str], selection: str) -> str:
    """Return the digest of *files*, without reading them if their stamps are known. Raises `OSError`."""
    found = [os.stat(path) for path in files]
    stamps = [(at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino) for at in found]
    asked = repr(([os.path.abspath(path) for path in files], selection, _code_stamp()))
    place = os.path.join(cache_folder(), f"{zlib.crc32(asked.encode('utf-8', 'surrogateescape')):08x}.stamp")
    known = read_checked(place, repr(stamps) + asked)
    if known is not None:
        return known.decode()
    digest = _compute_digest(files, [_read_file(path) for path in files], selection)
    if all(max(at.st_mtime_ns, at.st_ctime_ns) + SETTLED < time.time_ns() for at in found):
        write_checked(place, repr(stamps) + asked, digest.encode())
    return digest


def _compute_digest(files: Sequence[str], texts: Sequence[bytes], selection: str) -> str:
    """Return the digest of the rule files, their order, the selection and our own code."""
    from xxhash import xxh3_128

    total = xxh3_128(FORMAT)
    for path, text in zip(files, texts, strict=True):
        total.update(f"{os.path.basename(path)}\0{len(text)}\0".encode("utf-8", "surrogateescape"))
        total.update(text)
    total.update(selection.encode())
    for path in _list_code():
        text = _read_file(path)
        total.update(b"\0%d\0" % len(text))
        total.update(text)
    return str(total.hexdigest())


def _read_file(path: str) -> bytes:
    """Read a file in as few calls as possible: a start reads all rule files. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return b"".join(iter(lambda: os.read(handle, 1 << 20), b""))
    finally:
        os.close(handle)


_ENGINE_CODE = (("", "anchors.py"), ("decode", "markers.py"), ("scoring", "anchors.py"))


def _list_code() -> list[str]:
    """List the code that makes packs, so that no outdated pack is read."""
    here = os.path.dirname(os.path.abspath(__file__))
    engine = os.path.join(os.path.dirname(here), "engine")
    code = [os.path.join(here, name) for name in sorted(os.listdir(here)) if name.endswith(".py")]
    return [*code, *(os.path.join(engine, folder, name) for folder, name in _ENGINE_CODE)]


def _code_stamp() -> tuple[int, ...]:
    """Return the modification times of the code that makes packs."""
    return tuple([os.stat(path).st_mtime_ns for path in _list_code()])


def _rules_suffix() -> str:
    """Return the end of the name of a file of parsed rules: `marshal` differs between versions of Python."""
    return f"-py{sys.version_info[0]}{sys.version_info[1]}.pack"


def _database_suffix(engine: str) -> str:
    """Return the end of the name of a dumped automaton: everything that it depends on."""
    version = ""
    if engine == "hyperscan":
        import hyperscan

        version = str(getattr(hyperscan, "__version__", ""))
    node = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return f"-{engine}{version}-{sys.platform}-{node}.database"


def _read(place: str, digest: str, engine: str) -> Pack | None:
    """Read the pack whose files begin with *place*; None if one is missing, damaged or made from something else."""
    suffix = _rules_suffix()
    body = read_checked(place + suffix, digest + suffix)
    if body is None:
        return None
    try:
        rows, anchors, anchor_rules, widths, notes, marks, scored = marshal.loads(body)  # noqa: S302 - checked
        dumped: bytes | None = b""
        if anchors and engine != "ahocorasick":  # which is built as fast as it is loaded
            suffix = _database_suffix(engine)
            dumped = read_checked(place + suffix, digest + suffix)
        if dumped is None:
            return None
        rules, literals = LazyRules(rows, shipped_folder()), tuple(Anchor(*anchor) for anchor in anchors)
        pack = Pack(digest, engine, rules, literals, anchor_rules, dumped, widths, notes, marks, scored)
        # A database that Hyperscan refuses fails here: it has a checksum and names its processor.
        return pack._replace(ready=PreparedAutomaton(take_automaton(pack)))
    except Exception:  # whatever is wrong with a stored pack, the rule files can be read
        return None


def _write(place: str, pack: Pack) -> bool:
    """Store *pack* in files whose names begin with *place*; return whether that succeeded."""
    body = marshal.dumps(
        (
            pack_rules(pack.rules, shipped_folder()),
            tuple(tuple(a) for a in pack.anchors),
            pack.anchor_rules,
            pack.lengths,
            pack.notes,
            pack.marks,
            pack.scored_indexes,
        )
    )
    suffix = _rules_suffix()
    written = write_checked(place + suffix, pack.digest + suffix, body)
    if written and pack.dumped:
        suffix = _database_suffix(pack.engine)
        written = write_checked(place + suffix, pack.digest + suffix, pack.dumped)
    return written


def _remove_old(folder: str, keep: int = 8) -> None:
    """Delete all but the *keep* most recent packs and stamps; each change of a rule makes a new one."""
    for suffix in (".pack", ".database", ".stamp"):
        kept = [entry for entry in os.scandir(folder) if entry.name.endswith(suffix)]
        kept.sort(key=lambda entry: -entry.stat().st_mtime)
        for entry in kept[keep:]:
            with suppress(OSError):
                os.unlink(entry.path)
