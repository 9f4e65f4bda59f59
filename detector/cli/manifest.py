"""`leakfirst manifest`: write down what a tree of files looks like, and check that it still does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from detector.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from detector.incident.manifest import Difference, Manifest
    from detector.incident.manifest.signature import Vouched

SUMMARY = "write a signed SHA-256 manifest of a tree of files, verify it, or watch the tree"

EXAMPLE = """examples:
  leakfirst manifest create vendor dist                    writes MANIFEST.sha256, which sha256sum -c reads too
  leakfirst manifest create --key signing.pem -o dist.sha256 --root dist
  leakfirst manifest verify                                what was added, changed, is missing
  leakfirst manifest verify dist.sha256 --root dist --public-key signing.pub
  leakfirst manifest verify --watch                        stay, and say what changes within a second

Paths are relative to the --root. By default that is the current folder, or for
verify the one in which a MANIFEST.sha256 lies.

It exits with 0 if all is as it should be, with 1 if something differs or a
signature that was asked for is missing or wrong, and with 3 if files could not be read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `manifest`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|verify")
    made = actions.add_parser("create", help="write a manifest", allow_abbrev=False)
    made.add_argument("parts", nargs="*", metavar="PART", help="files and folders below the root; default: all of it")
    made.add_argument(
        "--output", "-o", default="", metavar="FILE", help="default: MANIFEST.sha256; - is standard output"
    )
    made.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out, as in a .gitignore; .git always is",
    )
    made.add_argument("--key", default="", metavar="FILE", help="sign with this Ed25519 key (PEM or OpenSSH)")
    made.add_argument("--detached", default="", metavar="FILE", help="put the signature there, not into the manifest")
    made.add_argument("--cosign", action="store_true", help="let cosign sign, as whoever runs it or with --cosign-key")
    checked = actions.add_parser("verify", help="compare a tree with its manifest", allow_abbrev=False)
    checked.add_argument(
        "manifest", nargs="?", default="", metavar="MANIFEST", help="it, or the folder of it; default: MANIFEST.sha256"
    )
    checked.add_argument(
        "--public-key",
        action="append",
        default=[],
        metavar="FILE",
        help="ask for a signature by this key",
    )
    checked.add_argument("--detached", default="", metavar="FILE", help="where the signature is, if not within")
    checked.add_argument("--cosign-identity", default="", metavar="WHO", help="ask for one of cosign by this identity")
    checked.add_argument("--cosign-issuer", default="", metavar="URL", help="who says so: the issuer of the identity")
    checked.add_argument("--format", "-f", choices=("text", "json"), default="text", help="default: text")
    checked.add_argument("--watch", action="store_true", help="stay until stopped, and say what changes")
    for action in (made, checked):
        action.add_argument("--root", default="", metavar="FOLDER", help="what paths are relative to; see below")
        action.add_argument("--cosign-key", default="", metavar="KEY", help="the key for cosign: a file or a KMS")
        action.add_argument("--bundle", default="", metavar="FILE", help="of cosign; default: MANIFEST.sigstore.json")
        action.add_argument(
            "--cosign-option", action="append", default=[], metavar="WORD", help="hand this over to cosign as it is"
        )


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    (_place_to_create if args.action == "create" else _place_to_verify)(args)
    if not os.path.isdir(args.root):
        raise UsageError(f"{args.root}: no such folder")
    return int(_create(args) if args.action == "create" else _verify(args))


def _place_to_create(args: argparse.Namespace) -> None:
    """Take a single folder that lies elsewhere for the root: nothing else can be meant."""
    if not args.root and len(args.parts) == 1 and os.path.isdir(args.parts[0]):
        inside = os.path.realpath(args.parts[0]) + os.sep
        if not inside.startswith(os.path.realpath(".").rstrip(os.sep) + os.sep):
            args.root, args.parts = args.parts[0], []
    args.root = args.root or "."


def _place_to_verify(args: argparse.Namespace) -> None:
    """Find the manifest in the root, and the root where a manifest of the usual name lies."""
    from detector.incident.manifest import file_format

    if not args.manifest or os.path.isdir(args.manifest):
        args.root = args.root or args.manifest or "."
        args.manifest = os.path.join(args.manifest or args.root, file_format.NAME)
    elif not args.root:
        usual = os.path.basename(args.manifest) == file_format.NAME
        args.root = (os.path.dirname(args.manifest) if usual else "") or "."


# -- create ------------------------------------------------------------------


def _create(args: argparse.Namespace) -> ExitCode:
    from detector.incident.manifest import file_format, signature, tree

    output = args.output or os.path.join(args.root, file_format.NAME)
    if args.detached and not args.key:
        raise UsageError("--detached needs a --key to sign with")
    if output == "-" and args.cosign:
        raise UsageError("cosign signs a file; name one with --output")
    key = signature.private_key(args.key) if args.key else None
    bundle = args.bundle or f"{output}.sigstore.json"
    parts = tuple(sorted({_part(args.root, part) for part in args.parts} - {"."}))
    omit = _omitted(args.root, output, args.detached, bundle)
    read = tree.read(args.root, parts, tree.excluding(args.exclude), omit)
    entries = {path: entry for path, entry in read.items() if entry.kind in ("file", "link")}
    data = file_format.render(entries, parts, tuple(args.exclude))
    if key and args.detached:
        _write(args.detached, key.sign(data))
    elif key:
        data = file_format.sign_with(data, signature.signature_words(data, key))
    _write(output, data)
    if args.cosign:
        signature.cosign_sign(output, bundle, args.cosign_key, args.cosign_option)
    left = [entry for path, entry in sorted(read.items()) if path not in entries]
    for entry in left:
        why = entry.target if entry.kind == "unreadable" else f"is a {entry.kind}"
        print(f"leakfirst: not in the manifest: {_shown(entry.path)}: {why}", file=sys.stderr)
    print(f"leakfirst: {_counts(len(entries))}, root {_root(data)[:16]}{_signed(args, key)}", file=sys.stderr)
    return ExitCode.INCOMPLETE if left else ExitCode.CLEAN


def _signed(args: argparse.Namespace, key: Any) -> str:
    from detector.incident.manifest.signature import key_id

    by = [f"key {key_id(key.public_key())}"] if key else []
    return ", signed by " + " and ".join([*by, *(["cosign"] if args.cosign else [])]) if by or args.cosign else ""


def _part(root: str, part: str) -> str:
    """Return *part* relative to the root it has to be in."""
    at = os.path.join(root, part)
    if not os.path.lexists(at):
        raise UsageError(f"{at}: no such file or folder")
    found = os.path.relpath(at, root).replace(os.sep, "/")
    if found == ".." or found.startswith("../"):
        raise UsageError(f"{part}: is not below {root}")
    return found


def _omitted(root: str, *paths: str) -> frozenset[str]:
    """Return which of *paths* lie below the root, relative to it."""
    real = os.path.realpath(root)
    here = (
        os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path)) for path in paths if path
    )
    return frozenset(os.path.relpath(at, real).replace(os.sep, "/") for at in here)


def _write(path: str, data: bytes) -> None:
    """Write a file whole or not at all."""
    if path == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    temporary = f"{path}.{os.getpid()}.part"
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def _root(data: bytes) -> str:
    return data.split(b"\n", 2)[1].rpartition(b" ")[2].decode()


# -- verify ------------------------------------------------------------------


def _verify(args: argparse.Namespace) -> ExitCode:
    from detector.incident.manifest import differences, file_format, tree

    path = args.manifest
    bundle = args.bundle or f"{path}.sigstore.json"
    manifest = file_format.parse(_contents(path, file_format.MAX_SIZE), _shown(path))
    vouched = _vouched(args, manifest, path, bundle)
    if not vouched.acceptable:
        _report(args.format, manifest, vouched, [])
        return ExitCode.FOUND
    omit = _omitted(args.root, path, args.detached, bundle) - manifest.entries.keys()
    if args.watch:
        return _watch(args, manifest, vouched, omit)
    found = tree.read(args.root, manifest.of, tree.excluding(manifest.excluded), omit, manifest.entries)
    told = differences(manifest.entries, found)
    _report(args.format, manifest, vouched, told)
    if any(one.what != "unreadable" for one in told):
        return ExitCode.FOUND
    return ExitCode.INCOMPLETE if told else ExitCode.CLEAN


def _vouched(args: argparse.Namespace, manifest: Manifest, path: str, bundle: str) -> Vouched:
    """Check what was asked to be checked; the first that is not right is told."""
    from detector.incident.manifest import signature

    if bool(args.cosign_identity) != bool(args.cosign_issuer):
        raise UsageError("--cosign-identity and --cosign-issuer belong together")
    keys = [signature.public_key(name) for name in args.public_key]
    detached = _contents(args.detached, signature.MAX_KEY) if args.detached else None
    if args.detached and not keys:
        raise UsageError("--detached needs a --public-key to check the signature with")
    by_key = signature.check(manifest, keys, detached)
    if not (args.cosign_key or args.cosign_identity) or not by_key.acceptable:
        return by_key
    by_cosign = signature.cosign_check(
        path, bundle, args.cosign_key, args.cosign_identity, args.cosign_issuer, args.cosign_option
    )
    if by_key.state != signature.GOOD or not by_cosign.acceptable:
        return by_cosign
    return by_cosign._replace(why=f"{by_key.why}; {by_cosign.why}")


def _contents(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise UsageError(f"{path}: is larger than {limit} bytes")
    return data


def _report(format_: str, manifest: Manifest, vouched: Vouched, told: Sequence[Difference]) -> None:
    if format_ == "json":
        print(json.dumps(_as_json(manifest, vouched, told), indent=2))
        return
    for one in told:
        print(_line(one))
    print(f"leakfirst: {_summary(manifest, vouched, told)}", file=sys.stderr)


def _summary(manifest: Manifest, vouched: Vouched, told: Sequence[Difference]) -> str:
    from collections import Counter

    if not vouched.acceptable:
        return f"not verified: {_shown(vouched.why)}"
    counts = Counter(one.what for one in told)
    words = {"mode": "of another mode", "link": "leading elsewhere", "kind": "of another kind"}
    told_of = [f"{count:,} {words.get(kind, kind)}" for kind, count in sorted(counts.items())]
    what = ", ".join(told_of) or "all as it should be"
    said = f"; {_shown(vouched.why)}" if vouched.why else ""
    return f"{_counts(len(manifest.entries))}, root {manifest.root[:16]}: {what}{said}"


def _as_json(manifest: Manifest, vouched: Vouched, told: Sequence[Difference]) -> dict[str, Any]:
    return {
        "root": manifest.root,
        "files": len(manifest.entries),
        "signature": vouched._asdict(),
        "verified": vouched.acceptable and not told,
        "differences": [one._asdict() for one in told],
    }


def _line(one: Difference) -> str:
    path = _shown(one.path)
    if one.what in ("added", "missing"):
        kind = one.found or one.expected
        return f"{one.what:10}  {path}{f' ({kind})' if kind != 'file' else ''}"
    if one.what == "changed":
        return f"{one.what:10}  {path}: {one.found[:12]}…, should be {one.expected[:12]}…"
    if one.what == "unreadable":
        return f"{one.what:10}  {path}: {one.found}"
    return f"{one.what:10}  {path}: {_shown(one.found)}, should be {_shown(one.expected)}"


def _counts(number: int) -> str:
    from detector.text.numbers import format_count

    return format_count(number, "file")


def _shown(text: str) -> str:
    from detector.text.untrusted import make_printable

    return make_printable(text)


# -- watch -------------------------------------------------------------------


def _watch(args: argparse.Namespace, manifest: Manifest, vouched: Vouched, omit: frozenset[str]) -> ExitCode:
    """Print differences as they come and go, until SIGINT or SIGTERM; 1 if there ever was one."""
    import signal
    import threading
    from datetime import UTC, datetime

    from detector.incident.manifest.watch import watch

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    said = f"; {_shown(vouched.why)}" if vouched.why else ""
    print(f"leakfirst: watching {_counts(len(manifest.entries))}, root {manifest.root[:16]}{said}", file=sys.stderr)
    ever = False
    for one, came in watch(manifest, args.root, omit, stop):
        ever = ever or came
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        if args.format == "json":
            print(json.dumps({"when": when, "now": came, **one._asdict()}), flush=True)
        else:
            print(f"{when}  {_line(one) if came else f'settled     {_shown(one.path)}'}", flush=True)
    print("leakfirst: stopped watching", file=sys.stderr)
    return ExitCode.FOUND if ever else ExitCode.CLEAN
