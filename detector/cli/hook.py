"""`leakfirst hook`: install, remove or show the git hooks."""

from __future__ import annotations

import argparse
import os

from detector.errors import ExitCode, UsageError
from detector.model import SEVERITIES
from hooks.core import install

SUMMARY = "install, remove or show the git hooks that keep credentials out of commits and pushes"

EXAMPLE = """examples:
  leakfirst hook install                      pre-commit and pre-push here; pre-receive in a bare repository
  leakfirst hook install --global             for all repositories of this user (core.hooksPath)
  leakfirst hook install pre-receive --repository /srv/git/app.git
  leakfirst hook status
  leakfirst hook uninstall

  Existing hooks keep working: they are called first.
  husky, lefthook or your own scripts can call `leakfirst hook run NAME`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `hook`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=("install", "uninstall", "status"), help="what to do")
    parser.add_argument(
        "hooks", nargs="*", metavar="HOOK", help=f"{', '.join(install.HOOKS)}; default: those that apply"
    )
    parser.add_argument("--global", dest="everywhere", action="store_true", help="for all repositories of this user")
    parser.add_argument("--repository", default=".", metavar="PATH", help="the repository; default: the one here")
    parser.add_argument(
        "--tracked",
        action="store_true",
        help="also change a folder of hooks that git tracks (core.hooksPath); they run the leakfirst of the PATH",
    )
    passed = parser.add_argument_group("options of the installed hook")
    passed.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    passed.add_argument("--baseline", default="", metavar="FILE", help="list of known findings")
    passed.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    passed.add_argument("--min-confidence", default="", choices=("low", "medium", "high"), help="default: medium")
    passed.add_argument(
        "--no-repository-ignores", action="store_true", help="do not apply baselines and allowlists of the repository"
    )
    passed.add_argument(
        "--inline-marks",
        action=argparse.BooleanOptionalAction,
        help="obey comments such as leakfirst:allow, or not; default: obey, but not in pre-receive",
    )
    passed.add_argument(
        "--fail-on",
        default="",
        choices=tuple(map(str, SEVERITIES)),
        help="the least severity that refuses; what lies below is told; default: medium",
    )
    passed.add_argument("--timeout", type=int, metavar="SECONDS", help="end the hook after this time; default: 3600")
    passed.add_argument("--strict", action="store_true", help="fail if some content could not be scanned (exit 3)")
    passed.add_argument(
        "--allow-incomplete",
        action="store_true",
        help="pre-receive: accept a push of which some content could not be scanned (refused by default)",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out the action and print what was done; return the exit code."""
    unknown = [name for name in args.hooks if name not in install.HOOKS]
    if unknown:
        raise UsageError(f"unknown hook {unknown[0]!r}; known: {', '.join(install.HOOKS)}")
    folder = install.find_global_folder() if args.everywhere else install.find_repository_folder(args.repository)
    if args.action == "install":
        _check_options(_make_options(args))
    try:
        return _carry_out(args, folder)
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be changed ({error.strerror})") from None


def _carry_out(args: argparse.Namespace, folder: install.HookFolder) -> int:
    if args.action == "install":
        hooks = args.hooks or (["pre-receive"] if folder.is_bare else ["pre-commit", "pre-push"])
        for state in install.install(folder, hooks, _make_options(args), share=args.tracked):
            print(f"{state.hook}: installed in {state.path}")
            if state.chained:
                print(f"  the existing hook is called first ({state.chained})")
            if state.note:
                print(f"  {state.note}")
    elif args.action == "uninstall":
        removed = install.uninstall(folder, args.hooks or install.HOOKS)
        for state in removed:
            print(f"{state.hook}: removed from {state.path}")
        if not removed:
            print(f"no hook of leakfirst in {folder.path}")
    else:
        for state in install.read_status(folder, args.hooks or install.HOOKS):
            chained = f", after {state.chained}" if state.chained else ""
            print(f"{state.hook}: {'installed' + chained if state.is_installed else 'not installed'} ({state.path})")
            if state.note:
                print(f"  {state.note}")
        chosen = install.run_git("config", "core.hooksPath", cwd=args.repository)
        if chosen:
            print(f"git runs the hooks in {chosen} (core.hooksPath)")
    return int(ExitCode.CLEAN)


def _check_options(options: list[str]) -> None:
    """Load what the hook will load, so that no broken hook is installed. Raises `LeakfirstError`.

    This also compiles the rules, so the first commit does not have to wait for that.
    """
    from detector.config import load_operator_file
    from detector.ignores.loader import load_policy
    from hooks.core import examine

    chosen = examine.parse_options(options)
    operator = load_operator_file(chosen.config) if chosen.config else {}
    load_policy(None, operator=operator, baseline_file=chosen.baseline)
    examine.load_engine(chosen)


def _make_options(args: argparse.Namespace) -> list[str]:
    """Return the options for the script of the hook; paths are absolute, because a hook runs in another folder."""
    options = [word for path in args.patterns for word in ("--patterns", os.path.abspath(path))]
    if args.baseline:
        options += ["--baseline", _make_absolute(args.baseline)]
    if args.config:
        options += ["--config", os.path.abspath(args.config)]
    if args.min_confidence:
        options += ["--min-confidence", args.min_confidence]
    if args.fail_on:
        options += ["--fail-on", args.fail_on]
    if args.timeout is not None:
        options += ["--timeout", str(args.timeout)]
    if args.no_repository_ignores:
        options.append("--no-repository-ignores")
    if args.inline_marks is not None:
        options.append("--inline-marks" if args.inline_marks else "--no-inline-marks")
    if args.strict:
        options.append("--strict")
    if args.allow_incomplete:
        options.append("--allow-incomplete")
    return options


def _make_absolute(named: str) -> str:
    from detector.ignores.loader import NO_BASELINE, split_format

    if named == NO_BASELINE:
        return named
    kind, path = split_format(named)
    return f"{kind}:{os.path.abspath(path)}" if kind else os.path.abspath(path)
