"""Start the program from its own packages, whatever else the search path offers.

Python searches the folders of ``PYTHONPATH``, and with ``-m`` the current
directory, before the folder of installed packages. Names such as `hooks` are
common, and the current directory is often the repository to scan: without a
check its code would run in place of ours. So before anything else is imported

* folders of the current directory are taken off the search path, and
* `detector`, `hooks`, `rotators` and `patterns` must lie beside `leakfirst`;
  otherwise the program prints one line and exits with 2.

Code that Python itself runs earlier cannot be stopped from here: a
``sitecustomize`` or another `leakfirst` in a folder of ``PYTHONPATH``.
``python -I -m leakfirst`` and installed git hooks use neither.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder in which all of our packages lie."""

PACKAGES = ("detector", "hooks", "rotators")
RULES = "patterns"

USAGE, BUG = 2, 70


class ForeignPackageError(ImportError):
    """One of our packages would be imported from somewhere else."""


def check_packages() -> None:
    """Raise `ForeignPackageError` unless all of our packages lie beside this one. Nothing is imported."""
    for name in PACKAGES:
        ours = os.path.join(HOME, name, "__init__.py")
        spec = _found(name)
        origin = spec.origin if spec else None
        if origin != ours and not (origin and _is_same_file(origin, ours)):
            raise ForeignPackageError(
                f"the package {name!r} is {_described(origin, spec is not None)}, but must lie in {HOME}, "
                "beside leakfirst: change PYTHONPATH or the current directory, or install leakfirst again"
            )
    if not os.path.isdir(os.path.join(HOME, RULES)):
        raise ForeignPackageError(
            f"{HOME} holds no folder {RULES!r}: install leakfirst as files in a folder, not as a zip archive"
        )


def _found(name: str) -> ModuleSpec | None:
    """Return the specification of the top-level package *name*; `importlib.util` would cost a millisecond."""
    if name in sys.modules:
        return sys.modules[name].__spec__
    for finder in sys.meta_path:
        if spec := finder.find_spec(name, None, None):
            return spec
    return None


def _described(origin: str | None, is_found: bool) -> str:
    if origin:
        return f"found in {os.path.dirname(origin)}"
    return "a folder without __init__.py" if is_found else "not found"


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def forget_current_directory() -> None:
    """Take the current directory, and what ``PYTHONPATH`` names within it, off the search path.

    The folder that holds leakfirst stays: it may be a checkout, or ``pip install --target``.
    """
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        here = ""
    asked = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if here and entry]
    within = {entry for entry in asked if f"{entry}{os.sep}".startswith(f"{here.rstrip(os.sep)}{os.sep}")}
    unwanted = {"", os.curdir, here, *within} - {HOME}
    if here and _is_same_file(here, HOME):
        unwanted -= {here, "", os.curdir}
    sys.path[:] = [entry for entry in sys.path if entry not in unwanted]


def run() -> None:
    """Run the command line of this process and exit with its code."""
    _prepare()
    from leakfirst._program import run as run_program

    run_program()


def run_hook(name: str, arguments: list[str]) -> None:
    """Run the git hook *name* and leave the process at once with its exit code.

    The script of the hook starts Python isolated and without `site`: no user
    folders, no .pth files, nothing of the environment or of the repository is
    imported. It names the folders to import from itself.
    """
    _run_and_leave(["hook", "run", name, *arguments])


def run_agents(what: str, arguments: list[str]) -> None:
    """Run ``leakfirst agents`` *what* (`hook` or `filter`) as `run_hook` runs a git hook."""
    _run_and_leave(["agents", what, *arguments])


def _run_and_leave(words: list[str]) -> None:
    import gc

    gc.disable()  # a hook lives for some milliseconds
    _prepare()
    from leakfirst._program import main

    try:
        code = main(words)
    except Exception as bug:
        from detector.errors import describe_bug

        print(describe_bug(bug), file=sys.stderr)
        code = BUG
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing down modules and automata is work for nothing


def open_closed_streams() -> None:
    """Open the null device in the place of each standard stream that is closed (cron, supervisors, ``>&-``).

    Otherwise the first file that is opened gets its number, and what is printed lands in that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False, encoding="utf-8"))  # noqa: SIM115


def _prepare() -> None:
    open_closed_streams()
    forget_current_directory()
    try:
        check_packages()
    except ForeignPackageError as problem:
        line = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(problem))
        print(f"leakfirst: {line}", file=sys.stderr)
        sys.exit(USAGE)
