"""All rules in force and their automaton, ready to use, so that a hook starts in a millisecond.

Parsing the rule files and compiling the automaton takes seconds. For the shipped rules
that is done when the wheel is built: the package holds a ready pack, one file of
parsed rules and one with the databases of the Hyperscan of the build. Both say what they were made
from, and are used only if that is what is installed: the same rule files, read and
compared each time, the same code, Python, Hyperscan library and processor.

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
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from detector.engine.anchors import Automaton, build_automaton, choose_backend, length_range
from detector.engine.decode.markers import Marker, list_markers
from detector.engine.engine import GENERIC, Engine
from detector.errors import RuleError
from detector.files.trusted import describe_distrust, find_temporary_folder, find_user_folder
from detector.model import Anchor, Rule
from detector.rules.automaton_part import (
    AutomatonPart,
    PackedAnchors,
    compile_for,
    join_automata,
    pack_anchors,
    prepare,
    read_database,
    write_database,
)
from detector.rules.checked_file import FORMAT, read_checked, remove_old, write_checked
from detector.rules.rule_rows import LazyRules, pack_rules

NOWHERE = os.path.join(os.devnull, "cache")
"""A folder that cannot be: nothing is read from it, and nothing is written to it."""

if TYPE_CHECKING:
    from detector.rules.loader import ParsedRules

SETTLED = 2_000_000_000
"""Age in nanoseconds above which a file that changes again is sure to get another time stamp."""


class Pack(NamedTuple):
    """Rules, the anchors that they share, and what the automaton is made from.

    `anchor_rules[i]` lists the indexes of the rules of anchor *i*, `lengths[i]` the lengths of
    its occurrences. `marks` holds one byte for the code and one for the length of each marker of
    a decoder, which the automaton reports with numbers above the anchors. `scored_indexes`
    are the indexes of the rules that are `scored`. `automata` together search for anchors and markers.
    """

    digest: str
    engine: str
    rules: Sequence[Rule]
    anchors: tuple[Anchor, ...]
    anchor_rules: tuple[tuple[int, ...], ...]
    lengths: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()
    marks: bytes = b""
    scored_indexes: tuple[int, ...] = ()
    automata: tuple[AutomatonPart, ...] = ()


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
    engine: str = "",
) -> Pack:
    """Return the pack of the shipped rules and the *extra* files; what had to be compiled is kept in the cache.

    *select* returns the rules to keep and may raise. *engine* is ``hyperscan`` or ``ahocorasick``,
    by default the best for this machine. Raises `RuleError`.
    """
    engine = engine or choose_backend()
    if not shipped:
        base, extra = _load_compiled(extra, engine), ()
    else:
        base = _load_ready(engine) or _load_compiled(list_rule_files(shipped_folder()), engine)
    if not extra and not select:
        return base
    rules, notes = base.rules, base.notes
    if extra:
        from detector.rules.loader import check_ids

        own = _load_rules(extra)
        check_ids(own.rules, base.rules)
        rules, notes = [*base.rules, *own.rules], (*notes, *own.notes)
    return derive_pack(base, select(rules) if select else rules)._replace(notes=notes)


def _load_compiled(files: Sequence[str], engine: str) -> Pack:
    """Return the pack of *files*, from the cache if possible. Raises `RuleError`."""
    digest = _find_digest(files)
    place = os.path.join(cache_folder(), digest)
    pack = _read(place, digest, engine)
    if pack is None:
        from detector.rules.loader import load_all

        loaded = load_all(files)
        pack = compile_pack(loaded.rules, digest, engine)._replace(notes=loaded.notes)
        if not loaded.extends and _write(place, pack):  # the files that they extend are not in the digest
            remove_old(cache_folder())
    return pack


def _load_rules(files: Sequence[str]) -> ParsedRules:
    """Return the rules of *files*, from the cache if possible. Raises `RuleError`."""
    from detector.rules.loader import ParsedRules, load_all

    label = f"{_find_digest(files)}-rules{_rules_suffix()}"
    place = os.path.join(cache_folder(), label)
    body = read_checked(place, label)
    if body is not None:
        rows, notes = marshal.loads(body)  # noqa: S302 - checked
        return ParsedRules(LazyRules(rows, shipped_folder())[:], notes)
    loaded = load_all(files)
    if not loaded.extends:
        body = marshal.dumps((pack_rules(loaded.rules, shipped_folder()), loaded.notes))
        if write_checked(place, label, body):
            remove_old(cache_folder())
    return loaded


def ready_folder() -> str:
    """Return the folder of the ready pack of an installation."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "ready")


def store_ready_pack(engine: str = "") -> bool:
    """Make the ready pack of the shipped rules beside this module, for a wheel; return whether that succeeded."""
    from detector.rules.loader import load_files

    files = list_rule_files(shipped_folder())
    digest = _compute_digest(files, [_read_file(path) for path in files])
    if not _write(os.path.join(ready_folder(), "shipped"), compile_pack(load_files(files), digest, engine)):
        return False
    for entry in os.scandir(ready_folder()):
        os.chmod(entry.path, 0o644)  # unlike a file of the cache, everybody may read it
    return True


def has_ready_pack() -> bool:
    """Return whether the ready pack of this installation can be used on this machine, with its databases."""
    ready = _load_ready(choose_backend())
    return ready is not None and all(part.engine == "ahocorasick" or part.dumped for part in ready.automata)


def _load_ready(engine: str) -> Pack | None:
    """Return the ready pack, if there is one and it is made from the rules that are installed.

    Where its databases do not fit, Hyperscan is used only if so much is scanned that compiling them pays.
    """
    place = os.path.join(ready_folder(), "shipped")
    if not os.path.isfile(place + _rules_suffix()):
        return None
    try:
        files = list_rule_files(shipped_folder())
        digest = _compute_digest(files, [_read_file(path) for path in files])
    except OSError:
        return None
    return _read(place, digest, engine, os.path.join(cache_folder(), digest))


def compile_pack(rules: Sequence[Rule], digest: str = "", engine: str = "") -> Pack:
    """Compile *rules* into a pack, without the cache."""
    pack, markers = _arrange(rules, digest, engine or choose_backend())
    if not pack.anchors:
        return pack
    searched = (*pack.anchors, *(marker.anchor for marker in markers))
    dumped = b"" if pack.engine == "ahocorasick" else build_automaton(searched, pack.engine).dump()
    return pack._replace(automata=(AutomatonPart(pack.engine, searched, dumped),))


def derive_pack(base: Pack, rules: Sequence[Rule]) -> Pack:
    """Return the pack of *rules*, which has much in common with *base*, without compiling that again.

    It uses the automaton of *base*, which must not be derived itself, and a small one for the rest.
    """
    known = dict(zip(base.anchors, base.lengths, strict=True))
    pack, markers = _arrange(rules, _digest_rules(base, rules), base.engine, known)
    marks = ((marker.anchor, marker.code) for marker in markers)
    wanted = {key: number for number, key in enumerate([*((anchor, -1) for anchor in pack.anchors), *marks])}
    automata = []
    for part in base.automata:
        codes = (*[-1] * len(base.anchors), *base.marks[::2])
        numbers = array("i", [wanted.pop(key, -1) for key in zip(part.anchors, codes, strict=True)])
        if any(number >= 0 for number in numbers):
            automata.append(part._replace(numbers=numbers))
    if wanted:
        rest = tuple(anchor for anchor, _ in wanted)
        label = f"{pack.digest}-own"
        stored = os.path.join(cache_folder(), label)
        automata.append(AutomatonPart(base.engine, rest, b"", None, array("i", wanted.values()), stored, label))
    return pack._replace(automata=tuple(automata))


def _arrange(
    rules: Sequence[Rule],
    digest: str,
    engine: str,
    known: Mapping[Anchor, tuple[int, int]] = {},
) -> tuple[Pack, list[Marker]]:
    """Return the pack of *rules* without automata, and the markers that follow its anchors.

    The lengths of anchors that are *known* are not computed again.
    """
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
    markers = _list_markers(anchors, indexes)
    marks = bytes(byte for marker in markers for byte in (marker.code, marker.length))
    widths = tuple(known.get(anchor) or length_range(anchor) for anchor in anchors)
    scored = tuple(index for index, rule in enumerate(rules) if rule.scored)
    return Pack(digest, engine, rules, anchors, indexes, widths, marks=marks, scored_indexes=scored), markers


def _digest_rules(base: Pack, rules: Sequence[Rule]) -> str:
    from xxhash import xxh3_128

    total = xxh3_128(base.digest.encode())
    for rule in rules:
        total.update(repr(rule._replace(source="")).encode("utf-8", "surrogateescape") + b"\0")
    return str(total.hexdigest())


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
    return join_automata(pack.automata)


def prepare_for(pack: Pack, size: int) -> Pack:
    """Return *pack* with databases compiled where that pays for *size* bytes, so that processes can share them."""
    return pack._replace(automata=tuple(compile_for(part, size) for part in pack.automata))


def list_rule_files(folder: str) -> list[str]:
    """List the rule files below *folder*, sorted."""
    found = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += list_rule_files(entry.path)
        elif entry.name.endswith((".toml", ".yml", ".yaml")):
            found.append(entry.path)
    return sorted(found)


def _find_digest(files: Sequence[str]) -> str:
    """Return the digest of *files*, without reading them if their stamps are known. Raises `RuleError`."""
    try:
        return _find_stamped_digest(files)
    except OSError as error:
        raise RuleError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _find_stamped_digest(files: Sequence[str]) -> str:
    found = [os.stat(path) for path in files]
    stamps = [(at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino) for at in found]
    asked = repr(([os.path.abspath(path) for path in files], _code_stamp()))
    place = os.path.join(cache_folder(), f"{zlib.crc32(asked.encode('utf-8', 'surrogateescape')):08x}.stamp")
    known = read_checked(place, repr(stamps) + asked)
    if known is not None:
        return known.decode()
    digest = _compute_digest(files, [_read_file(path) for path in files])
    if all(max(at.st_mtime_ns, at.st_ctime_ns) + SETTLED < time.time_ns() for at in found):
        write_checked(place, repr(stamps) + asked, digest.encode())
    return digest


def _compute_digest(files: Sequence[str], texts: Sequence[bytes]) -> str:
    """Return the digest of the rule files, their order and our own code."""
    from xxhash import xxh3_128

    total = xxh3_128(FORMAT)
    for path, text in zip(files, texts, strict=True):
        total.update(f"{os.path.basename(path)}\0{len(text)}\0".encode("utf-8", "surrogateescape"))
        total.update(text)
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


_ENGINE_CODE = (("", "anchors.py"), ("decode", "markers.py"), ("scoring", "anchors.py"), ("..", "model.py"))


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


def _read(place: str, digest: str, engine: str, kept: str = "") -> Pack | None:
    """Read the pack whose files begin with *place*; None if one is missing, damaged or made from something else.

    With *kept* a database may also lie in the files that begin with that, or nowhere: it is compiled when that pays.
    """
    suffix = _rules_suffix()
    body = read_checked(place + suffix, digest + suffix)
    if body is None:
        return None
    try:
        rows, anchors, anchor_rules, widths, notes, marks, scored, packed = marshal.loads(body)  # noqa: S302 - checked
        rules, literals = LazyRules(rows, shipped_folder()), tuple(Anchor(*anchor) for anchor in anchors)
    except Exception:  # whatever is wrong with a stored pack, the rule files can be read
        return None
    pack = Pack(digest, engine, rules, literals, anchor_rules, widths, notes, marks, scored)
    if not literals:
        return pack
    searched = PackedAnchors(packed, len(literals) + len(marks) // 2)
    part = AutomatonPart(engine, searched, stored=kept, label=digest)
    if engine != "ahocorasick":  # which is built as fast as it is loaded
        found = _find_database(part, (place, kept) if kept else (place,))
        if found is None and not kept:
            return None
        part = found or part
    return pack._replace(automata=(part,))


def _find_database(part: AutomatonPart, places: Sequence[str]) -> AutomatonPart | None:
    """Return *part* with the database that lies at the first of *places* where one fits; None if none does."""
    for place in places:
        dumped = read_database(place, part.label, part.engine)
        found = prepare(part._replace(dumped=dumped)) if dumped else None
        if found:
            return found
    return None


def _write(place: str, pack: Pack) -> bool:
    """Store *pack*, which is not derived, in files whose names begin with *place*; return whether that succeeded."""
    (part,) = pack.automata or (AutomatonPart(pack.engine, ()),)
    body = marshal.dumps(
        (
            pack_rules(pack.rules, shipped_folder()),
            tuple(tuple(a) for a in pack.anchors),
            pack.anchor_rules,
            pack.lengths,
            pack.notes,
            pack.marks,
            pack.scored_indexes,
            pack_anchors(part.anchors),
        )
    )
    suffix = _rules_suffix()
    if not write_checked(place + suffix, pack.digest + suffix, body):
        return False
    return not part.dumped or write_database(place, pack.digest, pack.engine, part.dumped)
