"""`leakfirst manifest`: create a manifest of a tree of files, and verify the tree with it."""

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
    from detector.incident.manifest.signature import SignatureResult

SUMMARY = "write a signed SHA-256 manifest of a tree of files, verify it, or watch the tree"

EXAMPLE = """examples:
  leakfirst manifest create vendor dist                    writes MANIFEST.sha256, which sha256sum -c reads too
  leakfirst manifest create --key signing.pem -o dist.sha256 --root dist
  leakfirst manifest verify                                what was added, changed or removed
  leakfirst manifest verify dist.sha256 --root dist --public-key signing.pub
  leakfirst manifest verify --watch                        report changes within a second until stopped

Paths are relative to the --root. By default that is the current folder, or for
verify the folder that contains the MANIFEST.sha256.

Exit code 0: the tree matches the manifest; 1: something differs, or a required
signature is missing or wrong; 3: files could not be read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `manifest`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|verify")
    create = actions.add_parser("create", help="write a manifest", allow_abbrev=False)
    create.add_argument("parts", nargs="*", metavar="PART", help="paths below the root; default: everything")
    create.add_argument(
        "--output", "-o", default="", metavar="FILE", help="default: MANIFEST.sha256; - is standard output"
    )
    create.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="exclude paths, as in a .gitignore; .git is always excluded",
    )
    create.add_argument("--key", default="", metavar="FILE", help="sign with this Ed25519 key (PEM or OpenSSH)")
    create.add_argument("--detached", default="", metavar="FILE", help="write the signature to a file of its own")
    create.add_argument("--cosign", action="store_true", help="sign with cosign, as yourself or with --cosign-key")
    verify = actions.add_parser("verify", help="compare a tree with its manifest", allow_abbrev=False)
    verify.add_argument(
        "manifest",
        nargs="?",
        default="",
        metavar="MANIFEST",
        help="a manifest or its folder; default: MANIFEST.sha256",
    )
    verify.add_argument(
        "--public-key",
        action="append",
        default=[],
        metavar="FILE",
        help="require a signature by this key",
    )
    verify.add_argument("--detached", default="", metavar="FILE", help="the file with the detached signature")
    verify.add_argument(
        "--cosign-identity", default="", metavar="WHO", help="require cosign's signature by this identity"
    )
    verify.add_argument("--cosign-issuer", default="", metavar="URL", help="the OIDC issuer of the identity")
    verify.add_argument("--format", "-f", choices=("text", "json"), default="text", help="default: text")
    verify.add_argument("--watch", action="store_true", help="report changes until stopped")
    for action in (create, verify):
        action.add_argument("--root", default="", metavar="FOLDER", help="the folder of relative paths; see below")
        action.add_argument("--cosign-key", default="", metavar="KEY", help="the key for cosign: a file or a KMS")
        action.add_argument(
            "--bundle", default="", metavar="FILE", help="cosign's bundle; default: MANIFEST.sigstore.json"
        )
        action.add_argument(
            "--cosign-option", action="append", default=[], metavar="WORD", help="pass this option to cosign"
        )


def run(args: argparse.Namespace) -> int:
    """Create or verify a manifest and return the exit code."""
    (_set_root_to_create if args.action == "create" else _set_paths_to_verify)(args)
    if not os.path.isdir(args.root):
        raise UsageError(f"{args.root}: no such folder")
    return int(_create(args) if args.action == "create" else _verify(args))


def _set_root_to_create(args: argparse.Namespace) -> None:
    """Use a single folder outside of the current one as the root."""
    if not args.root and len(args.parts) == 1 and os.path.isdir(args.parts[0]):
        inside = os.path.realpath(args.parts[0]) + os.sep
        if not inside.startswith(os.path.realpath(".").rstrip(os.sep) + os.sep):
            args.root, args.parts = args.parts[0], []
    args.root = args.root or "."


def _set_paths_to_verify(args: argparse.Namespace) -> None:
    """Set the path of the manifest from the root, and the root from a manifest with the default name."""
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
    unused = [name for name in ("cosign_key", "bundle", "cosign_option") if getattr(args, name)]
    if unused and not args.cosign:
        raise UsageError(
            f"--{unused[0].replace('_', '-')} is of use with --cosign alone: nothing would be signed by it"
        )
    if output == "-" and args.cosign:
        raise UsageError("cosign signs a file; name one with --output")
    key = signature.load_private_key(args.key) if args.key else None
    bundle = args.bundle or f"{output}.sigstore.json"
    parts = tuple(sorted({_make_relative(args.root, part) for part in args.parts} - {"."}))
    omit = _list_omitted(args.root, output, args.detached, bundle)
    read = tree.read_tree(args.root, parts, tree.make_exclude_filter(args.exclude), omit)
    entries = {path: entry for path, entry in read.items() if entry.kind in ("file", "link")}
    data = file_format.render(entries, parts, tuple(args.exclude))
    if key and args.detached:
        _write(args.detached, key.sign(data))
    elif key:
        data = file_format.append_signature(data, signature.make_signature(data, key))
    _write(output, data)
    if args.cosign:
        signature.sign_with_cosign(output, bundle, args.cosign_key, args.cosign_option)
    not_listed = [entry for path, entry in sorted(read.items()) if path not in entries]
    for entry in not_listed:
        why = entry.target if entry.kind == "unreadable" else f"is a {entry.kind}"
        print(f"leakfirst: not in the manifest: {_escape(entry.path)}: {why}", file=sys.stderr)
    summary = f"{_format_file_count(len(entries))}, root {_get_root_digest(data)[:16]}"
    print(f"leakfirst: {summary}{_format_signers(args, key)}", file=sys.stderr)
    return ExitCode.INCOMPLETE if not_listed else ExitCode.CLEAN


def _format_signers(args: argparse.Namespace, key: Any) -> str:
    from detector.incident.manifest.signature import compute_key_id

    by = [f"key {compute_key_id(key.public_key())}"] if key else []
    return ", signed by " + " and ".join([*by, *(["cosign"] if args.cosign else [])]) if by or args.cosign else ""


def _make_relative(root: str, part: str) -> str:
    """Return *part* relative to the root. Raises `UsageError` if it is not below it."""
    at = os.path.join(root, part)
    if not os.path.lexists(at):
        raise UsageError(f"{at}: no such file or folder")
    found = os.path.relpath(at, root).replace(os.sep, "/")
    if found == ".." or found.startswith("../"):
        raise UsageError(f"{part}: is not below {root}")
    return found


def _list_omitted(root: str, *paths: str) -> frozenset[str]:
    """Return *paths* relative to the root: the manifest and its signatures, which are not part of the tree."""
    real = os.path.realpath(root)
    here = (
        os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path)) for path in paths if path
    )
    return frozenset(os.path.relpath(at, real).replace(os.sep, "/") for at in here)


def _write(path: str, data: bytes) -> None:
    """Write a file atomically."""
    if path == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    from detector.files.writing import write_file

    write_file(path, data)


def _get_root_digest(data: bytes) -> str:
    return data.split(b"\n", 2)[1].rpartition(b" ")[2].decode()


# -- verify ------------------------------------------------------------------


def _verify(args: argparse.Namespace) -> ExitCode:
    from detector.incident.manifest import DifferenceKind, compare_entries, file_format, tree

    path = args.manifest
    bundle = args.bundle or f"{path}.sigstore.json"
    manifest = file_format.parse(_read_limited(path, file_format.MAX_SIZE), _escape(path))
    result = _check_signatures(args, manifest, path, bundle)
    if not result.is_acceptable:
        _print_differences(args.format, manifest, result, [])
        return ExitCode.FOUND
    omit = _list_omitted(args.root, path, args.detached, bundle) - manifest.entries.keys()
    if args.watch:
        return _watch(args, manifest, result, omit)
    found = tree.read_tree(args.root, manifest.of, tree.make_exclude_filter(manifest.excluded), omit, manifest.entries)
    differences = compare_entries(manifest.entries, found)
    _print_differences(args.format, manifest, result, differences)
    if any(one.what != DifferenceKind.UNREADABLE for one in differences):
        return ExitCode.FOUND
    return ExitCode.INCOMPLETE if differences else ExitCode.CLEAN


def _check_signatures(args: argparse.Namespace, manifest: Manifest, path: str, bundle: str) -> SignatureResult:
    """Check the signatures that were required; return the first result that is not valid."""
    from detector.incident.manifest import signature

    if bool(args.cosign_identity) != bool(args.cosign_issuer):
        raise UsageError("--cosign-identity and --cosign-issuer must be used together")
    keys = [signature.load_public_key(name) for name in args.public_key]
    detached = _read_limited(args.detached, signature.MAX_KEY) if args.detached else None
    if args.detached and not keys:
        raise UsageError("--detached needs a --public-key to check the signature with")
    by_key = signature.check_signature(manifest, keys, detached)
    if not (args.cosign_key or args.cosign_identity) or not by_key.is_acceptable:
        return by_key
    by_cosign = signature.check_with_cosign(
        path, bundle, args.cosign_key, args.cosign_identity, args.cosign_issuer, args.cosign_option
    )
    if by_key.state != signature.SignatureState.GOOD or not by_cosign.is_acceptable:
        return by_cosign
    return by_cosign._replace(why=f"{by_key.why}; {by_cosign.why}")


def _read_limited(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise UsageError(f"{path}: is larger than {limit} bytes")
    return data


def _print_differences(
    format_: str, manifest: Manifest, result: SignatureResult, differences: Sequence[Difference]
) -> None:
    if format_ == "json":
        print(json.dumps(_to_json(manifest, result, differences), indent=2))
        return
    for one in differences:
        print(_format_difference(one))
    print(f"leakfirst: {_format_summary(manifest, result, differences)}", file=sys.stderr)


def _format_summary(manifest: Manifest, result: SignatureResult, differences: Sequence[Difference]) -> str:
    from collections import Counter

    if not result.is_acceptable:
        return f"not verified: {_escape(result.why)}"
    counts = Counter(one.what for one in differences)
    labels = {"mode": "with another mode", "link": "with another target", "kind": "of another kind"}
    parts = [f"{count:,} {labels.get(kind, kind)}" for kind, count in sorted(counts.items())]
    what = ", ".join(parts) or "no difference"
    suffix = f"; {_escape(result.why)}" if result.why else ""
    return f"{_format_file_count(len(manifest.entries))}, root {manifest.root[:16]}: {what}{suffix}"


def _to_json(manifest: Manifest, result: SignatureResult, differences: Sequence[Difference]) -> dict[str, Any]:
    return {
        "root": manifest.root,
        "files": len(manifest.entries),
        "signature": result._asdict(),
        "verified": result.is_acceptable and not differences,
        "differences": [one._asdict() for one in differences],
    }


def _format_difference(one: Difference) -> str:
    from detector.incident.manifest import DifferenceKind

    path = _escape(one.path)
    if one.what in (DifferenceKind.ADDED, DifferenceKind.MISSING):
        kind = one.found or one.expected
        return f"{one.what:10}  {path}{f' ({kind})' if kind != 'file' else ''}"
    if one.what == DifferenceKind.CHANGED:
        return f"{one.what:10}  {path}: {one.found[:12]}…, expected {one.expected[:12]}…"
    if one.what == DifferenceKind.UNREADABLE:
        return f"{one.what:10}  {path}: {one.found}"
    return f"{one.what:10}  {path}: {_escape(one.found)}, expected {_escape(one.expected)}"


def _format_file_count(number: int) -> str:
    from detector.text.numbers import format_count

    return format_count(number, "file")


def _escape(text: str) -> str:
    from detector.text.untrusted import make_printable

    return make_printable(text)


# -- watch -------------------------------------------------------------------


def _watch(args: argparse.Namespace, manifest: Manifest, result: SignatureResult, omit: frozenset[str]) -> ExitCode:
    """Print each difference when it appears and when it is gone, until SIGINT or SIGTERM."""
    import signal
    import threading
    from datetime import UTC, datetime

    from detector.incident.manifest.watch import watch

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    suffix = f"; {_escape(result.why)}" if result.why else ""
    print(
        f"leakfirst: watching {_format_file_count(len(manifest.entries))}, root {manifest.root[:16]}{suffix}",
        file=sys.stderr,
    )
    found_any = False
    for one, is_new in watch(manifest, args.root, omit, stop):
        found_any = found_any or is_new
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        if args.format == "json":
            print(json.dumps({"when": when, "now": is_new, **one._asdict()}), flush=True)
        else:
            print(f"{when}  {_format_difference(one) if is_new else f'resolved    {_escape(one.path)}'}", flush=True)
    print("leakfirst: stopped watching", file=sys.stderr)
    return ExitCode.FOUND if found_any else ExitCode.CLEAN
