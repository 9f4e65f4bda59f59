"""`leakfirst hook`: put the git hooks in place, take them away, say how it stands."""

from __future__ import annotations

import argparse
import os

from detector.errors import ExitCode, UsageError
from hooks import _install

SUMMARY = "install, remove or show the git hooks that keep credentials out of commits and pushes"

EXAMPLE = """examples:
  leakfirst hook install                      pre-commit and pre-push here; pre-receive in a bare repository
  leakfirst hook install --global             for all repositories of this user (core.hooksPath)
  leakfirst hook install pre-receive --repository /srv/git/app.git
  leakfirst hook status
  leakfirst hook uninstall

  Hooks that are there already keep working: they are called first.
  `leakfirst hook run NAME` is what husky, lefthook or a script of your own calls.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `hook`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=("install", "uninstall", "status"), help="what to do")
    parser.add_argument(
        "hooks", nargs="*", metavar="HOOK", help=f"{', '.join(_install.HOOKS)}; default: those that fit"
    )
    parser.add_argument("--global", dest="everywhere", action="store_true", help="for all repositories of this user")
    parser.add_argument("--repository", default=".", metavar="PATH", help="the repository; default: the one here")
    handed = parser.add_argument_group("handed to the hook each time")
    handed.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    handed.add_argument("--baseline", default="", metavar="FILE", help="findings that are known")
    handed.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    handed.add_argument("--min-confidence", default="", choices=("low", "medium", "high"), help="default: medium")
    handed.add_argument(
        "--no-repository-ignores", action="store_true", help="obey no baseline or allow-list of the repository itself"
    )
    handed.add_argument("--strict", action="store_true", help="refuse also what could not be looked at (exit 3)")


def run(args: argparse.Namespace) -> int:
    """Do it and say what was done."""
    unknown = [name for name in args.hooks if name not in _install.HOOKS]
    if unknown:
        raise UsageError(f"unknown hook {unknown[0]!r}; known: {', '.join(_install.HOOKS)}")
    place = _install.global_place() if args.everywhere else _install.repository_place(args.repository)
    if args.action == "install":
        _try(_handed(args))
    try:
        return _do(args, place)
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be changed ({error.strerror})") from None


def _do(args: argparse.Namespace, place: _install.Place) -> int:
    if args.action == "install":
        hooks = args.hooks or (["pre-receive"] if place.bare else ["pre-commit", "pre-push"])
        for state in _install.install(place, hooks, _handed(args)):
            print(f"{state.hook}: installed in {state.path}")
            if state.chained:
                print(f"  the hook that was there is called first ({state.chained})")
    elif args.action == "uninstall":
        removed = _install.uninstall(place, args.hooks or _install.HOOKS)
        for state in removed:
            print(f"{state.hook}: removed from {state.path}")
        if not removed:
            print(f"nothing of ours in {place.folder}")
    else:
        for state in _install.status(place, args.hooks or _install.HOOKS):
            chained = f", after {state.chained}" if state.chained else ""
            print(f"{state.hook}: {'installed' + chained if state.installed else 'not installed'} ({state.path})")
        chosen = _install.git("config", "core.hooksPath", cwd=args.repository)
        if chosen:
            print(f"git takes its hooks from {chosen} (core.hooksPath)")
    return int(ExitCode.CLEAN)


def _try(handed: list[str]) -> None:
    """Read what the hook will read, so that none is installed that cannot work. Raises `LeakfirstError`.

    The rules are compiled by that: the first commit need not wait for it.
    """
    from detector.config import operator_file
    from detector.ignores.loader import load_policy
    from hooks import _examine

    chosen = _examine.options(handed)
    operator = operator_file(chosen.config) if chosen.config else {}
    load_policy(None, operator=operator, baseline_file=chosen.baseline)
    _examine.engine_for(chosen)


def _handed(args: argparse.Namespace) -> list[str]:
    """Return the options as the hook gets them; paths are made absolute, for a hook runs elsewhere."""
    handed = [word for path in args.patterns for word in ("--patterns", os.path.abspath(path))]
    if args.baseline:
        handed += ["--baseline", _absolute(args.baseline)]
    if args.config:
        handed += ["--config", os.path.abspath(args.config)]
    if args.min_confidence:
        handed += ["--min-confidence", args.min_confidence]
    if args.no_repository_ignores:
        handed.append("--no-repository-ignores")
    if args.strict:
        handed.append("--strict")
    return handed


def _absolute(named: str) -> str:
    from detector.ignores.loader import NO_BASELINE, split_format

    if named == NO_BASELINE:
        return named
    kind, path = split_format(named)
    return f"{kind}:{os.path.abspath(path)}" if kind else os.path.abspath(path)
