"""`leakfirst rules`: list, show, check and document the rules."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from detector.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from detector.model import Rule
    from detector.rules.loader import ParsedRules

SUMMARY = "list, show and check the rules, or write the table of providers"

EXAMPLE = """examples:
  leakfirst rules list 'aws.*'
  leakfirst rules show github.pat-classic
  leakfirst rules check my-rules.toml      examples, near-misses, anchors, overlaps, hostile text
  leakfirst rules docs --output docs/providers.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `rules`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|check|docs")
    listed = actions.add_parser("list", help="one line for each rule")
    listed.add_argument("globs", nargs="*", metavar="GLOB", help="only rules whose id matches, such as 'aws.*'")
    shown = actions.add_parser("show", help="everything about one rule")
    shown.add_argument("id", metavar="ID")
    for action in (listed, shown):
        action.add_argument(
            "--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder"
        )
        action.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    checked = actions.add_parser("check", help="report errors in rules; default: the shipped rules")
    checked.add_argument("files", nargs="*", metavar="FILE", help="a rule file or a folder of them")
    docs = actions.add_parser("docs", help="write the table of providers and their rules")
    docs.add_argument(
        "--output",
        "-o",
        default=os.path.join("docs", "providers.md"),
        metavar="FILE",
        help="default: docs/providers.md",
    )
    docs.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is out of date")


def run(args: argparse.Namespace) -> int:
    """Run the action; return the exit code."""
    actions = {"list": _print_list, "show": _print_rule, "check": _check_rules, "docs": _write_docs}
    return int(actions[args.action](args))


def _load_rules(paths: Sequence[str], *, shipped: bool = True) -> ParsedRules:
    from detector.rules import pack
    from detector.rules.loader import load_all

    files = pack.list_rule_files(pack.shipped_folder()) if shipped else []
    for path in paths:
        files += pack.list_rule_files(path) if os.path.isdir(path) else [path]
    return load_all(files)


def _print_list(args: argparse.Namespace) -> ExitCode:
    rules = sorted(_load_rules(args.patterns).rules)
    if args.globs:
        if unmatched := [glob for glob in args.globs if not any(fnmatch.fnmatchcase(rule.id, glob) for rule in rules)]:
            raise UsageError(f"no rule matches {' or '.join(unmatched)}; `leakfirst rules list` prints all ids")
        rules = [rule for rule in rules if any(fnmatch.fnmatchcase(rule.id, glob) for glob in args.globs)]
    if args.format == "json":
        print(json.dumps([_rule_to_json(rule) for rule in rules], indent=2, ensure_ascii=False))
        return ExitCode.CLEAN
    width = max((len(rule.id) for rule in rules), default=0)
    for rule in rules:
        print(f"{rule.id:{width}}  {rule.severity:8}  {rule.confidence:6}  {rule.finds}")
    return ExitCode.CLEAN


def _print_rule(args: argparse.Namespace) -> ExitCode:
    rules = {rule.id: rule for rule in _load_rules(args.patterns).rules}
    rule = rules.get(args.id)
    if rule is None:
        from difflib import get_close_matches

        near = get_close_matches(args.id, rules, n=3)
        raise UsageError(f"there is no rule {args.id!r}{f'; did you mean {near[0]}?' if near else ''}")
    if args.format == "json":
        print(json.dumps(_rule_to_json(rule), indent=2, ensure_ascii=False))
        return ExitCode.CLEAN
    for name, value in _rule_to_json(rule).items():
        texts = value if isinstance(value, list) else [value]
        for number, text in enumerate(texts):
            shown = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
            if shown not in ("", "null", "{}"):
                print(f"{name if not number else '':12} {shown}")
    return ExitCode.CLEAN


def _rule_to_json(rule: Rule) -> dict[str, object]:
    """Return the rule as in a rule file; examples are shapes, not values."""
    return {
        "id": rule.id,
        "service": rule.service,
        "finds": rule.finds,
        "harm": rule.harm,
        "severity": rule.severity,
        "confidence": rule.confidence,
        "anchors": [
            f"{'(?i)' if anchor.ignore_case else ''}{anchor.text.decode('utf-8', 'replace')}{anchor.tail}"
            for anchor in rule.anchors
        ],
        "pattern": rule.pattern,
        "min_entropy": rule.min_entropy,
        "checks": list(rule.checks),
        "companions": [
            {"name": part.name, "required": part.required, "secret": part.secret} for part in rule.companions
        ],
        "probe": dict(rule.probe),
        "revoke": rule.revoke,
        "links": list(rule.links),
        "examples": list(rule.examples),
        "misses": list(rule.misses),
        "source": rule.source,
    }


def _check_rules(args: argparse.Namespace) -> ExitCode:
    from detector.rules.check import check

    loaded = _load_rules(args.files, shipped=not args.files)
    others = _load_rules(()).rules if args.files else ()
    for note in loaded.notes:
        print(f"note: {note}")
    errors = warnings = 0
    for problem in check(loaded.rules, others):
        errors, warnings = errors + problem.is_error, warnings + (not problem.is_error)
        where = f"{problem.source}: " if problem.source else ""
        print(f"{where}{'error' if problem.is_error else 'warning'}: {problem.rule}: {problem.text}")
    print(f"{len(loaded.rules)} rules, {errors} errors, {warnings} warnings", file=sys.stderr)
    return ExitCode.FOUND if errors else ExitCode.CLEAN


def _write_docs(args: argparse.Namespace) -> ExitCode:
    from detector.files.writing import write_file
    from detector.rules.provider_index import render

    page, known = render(_load_rules(()).rules), None
    try:
        with suppress(FileNotFoundError), open(args.output, encoding="utf-8", newline="") as file:
            known = file.read()
        if args.check:
            if known != page:
                print(f"{args.output} is out of date; run `leakfirst rules docs`")
            return ExitCode.FOUND if known != page else ExitCode.CLEAN
        if known != page:
            write_file(args.output, page.encode())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{args.output}: {getattr(error, 'strerror', 'is not UTF-8 text')}") from None
    return ExitCode.CLEAN
