"""Put our hooks beside those that are there, and take them away again without a trace.

An existing hook is moved to ``<name>.before-leakfirst`` and called first, with
the same arguments and input; if it says no, that stands. Uninstalling moves it
back. Nothing is ever overwritten.

One global folder for all repositories (`core.hooksPath`) replaces the folder
of each repository in git's eyes. So it gets a script for every hook that git
knows: ours for those that were asked for, and all of them hand over to the
repository's own hook of that name.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from detector.errors import UsageError

HOOKS = ("pre-commit", "pre-push", "pre-receive")
MARK = "# leakfirst-hook 1"
BEFORE = ".before-leakfirst"
MOVED = ("", ".legacy", ".old")
"""Where a hook of ours may be: in its place, or where pre-commit or lefthook have moved it."""

EVERY_HOOK = (
    "applypatch-msg", "commit-msg", "post-applypatch", "post-checkout", "post-commit", "post-index-change",
    "post-merge", "post-receive", "post-rewrite", "post-update", "pre-applypatch", "pre-auto-gc", "pre-commit",
    "pre-merge-commit", "pre-push", "pre-rebase", "pre-receive", "prepare-commit-msg", "reference-transaction",
    "sendemail-validate", "update",
)  # fmt: skip
"""What git calls, but for those whose mere presence changes what it does (push-to-checkout, proc-receive)."""

WITH_INPUT = ("post-receive", "post-rewrite", "pre-push", "pre-receive", "reference-transaction")
"""Hooks that git tells things on their standard input."""


class Place(NamedTuple):
    """A folder of hooks: that of one repository, or the user's for all of them."""

    folder: str
    is_global: bool = False
    bare: bool = False
    top: str = ""


class State(NamedTuple):
    """How it stands with one hook in one place."""

    hook: str
    path: str
    installed: bool
    chained: str = ""


def git(*arguments: str, cwd: str = "") -> str | None:
    """Return what git prints, or None where it says no, or where there is no folder to ask in."""
    if cwd and not os.path.isdir(cwd):
        return None
    done = subprocess.run(["git", *arguments], capture_output=True, cwd=cwd or None, check=False)
    return os.fsdecode(done.stdout).rstrip("\n") if done.returncode == 0 else None


def repository_place(path: str) -> Place:
    """Return the folder from which git takes the hooks of the repository at *path*. Raises `UsageError`."""
    bare = git("rev-parse", "--is-bare-repository", cwd=path)
    if bare is None:
        raise UsageError(f"{path}: is no git repository")
    top = path if bare == "true" else git("rev-parse", "--show-toplevel", cwd=path) or path
    folder = git("rev-parse", "--git-path", "hooks", cwd=top) or ""
    folder = os.path.normpath(os.path.join(os.path.abspath(top), folder))
    chosen = git("config", "--local", "core.hooksPath", cwd=path)
    if chosen and ".husky" in chosen:
        raise UsageError(
            "husky looks after the hooks of this repository; add the line "
            "'leakfirst hook run pre-commit' to .husky/pre-commit instead"
        )
    if not chosen and git("config", "core.hooksPath", cwd=path):
        common = git("rev-parse", "--git-common-dir", cwd=top) or ""
        folder = os.path.join(os.path.normpath(os.path.join(os.path.abspath(top), common)), "hooks")
    return Place(folder, bare=bare == "true", top=os.path.abspath(top))


def global_place() -> Place:
    """Return the user's folder of hooks: what `core.hooksPath` says, or one of ours."""
    chosen = git("config", "--global", "--type=path", "core.hooksPath")
    if chosen:
        return Place(chosen, is_global=True)
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Place(os.path.join(base, "leakfirst", "git-hooks"), is_global=True)


def install(place: Place, hooks: Sequence[str], options: Sequence[str]) -> list[State]:
    """Write the hooks; what was there is called first from now on. Repeating it does no harm."""
    chosen = "" if place.is_global else git("config", "--type=path", "core.hooksPath", cwd=place.top)
    if chosen and os.path.normpath(os.path.join(place.top, chosen)) != place.folder:
        for hook in hooks:
            if not is_ours(os.path.join(chosen, hook)):
                raise UsageError(f"git takes all hooks from {chosen} (core.hooksPath); use: hook install --global")
    os.makedirs(place.folder, exist_ok=True)
    for hook in EVERY_HOOK if place.is_global else hooks:
        path = os.path.join(place.folder, hook)
        kept = path + BEFORE
        if os.path.lexists(path) and not is_ours(path):
            if os.path.lexists(kept):
                raise UsageError(f"{path}: {kept} is in the way; move one of the two")
            os.rename(path, kept)
        if hook in hooks:
            _write(path, script(hook, options, is_global=place.is_global))
        elif not os.path.lexists(path):
            _write(path, handing_over(hook))
    if place.is_global and not git("config", "--global", "core.hooksPath"):
        git("config", "--global", "core.hooksPath", place.folder)
    return status(place, hooks)


def uninstall(place: Place, hooks: Sequence[str]) -> list[State]:
    """Remove our hooks and put back what was there before; return what was removed."""
    removed = []
    rest = [hook for hook in HOOKS if hook not in hooks and _own(place, hook)]
    for hook in hooks if rest or not place.is_global else EVERY_HOOK:
        path = os.path.join(place.folder, hook)
        for ours in [path + moved for moved in MOVED if is_ours(path + moved)]:
            if rest and place.is_global:
                _write(ours, handing_over(hook))
            else:
                os.unlink(ours)
                if os.path.lexists(path + BEFORE) and not os.path.lexists(path):
                    os.rename(path + BEFORE, path)
            removed.append(State(hook, ours, False))
    if place.is_global and not rest and git("config", "--global", "--type=path", "core.hooksPath") == place.folder:
        leftover = os.listdir(place.folder) if os.path.isdir(place.folder) else []
        if not leftover and os.path.basename(place.folder) == "git-hooks":
            git("config", "--global", "--unset", "core.hooksPath")
            if os.path.isdir(place.folder):
                os.rmdir(place.folder)
    return removed


def status(place: Place, hooks: Sequence[str] = HOOKS) -> list[State]:
    """Say how it stands with *hooks*."""
    found = []
    for hook in hooks:
        path = os.path.join(place.folder, hook)
        kept = path + BEFORE
        found.append(State(hook, path, _own(place, hook), kept if os.path.lexists(kept) else ""))
    return found


def _own(place: Place, hook: str) -> bool:
    path = os.path.join(place.folder, hook)
    return any(f" {hook}\n" in (_head(path + moved) or "") for moved in MOVED)


def is_ours(path: str) -> bool:
    """Tell whether we wrote the script at *path*."""
    head = _head(path)
    return head is not None and MARK in head


def _head(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            head = file.read(4096)
    except OSError:
        return None
    return head if MARK in head else None


def _write(path: str, text: str) -> None:
    beside = f"{path}.{os.getpid()}.tmp"
    with open(beside, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        file.write(text)
    os.chmod(beside, 0o755)  # noqa: S103 - git runs what is executable, for whoever uses the repository
    os.replace(beside, path)


# -- the scripts -------------------------------------------------------------

_HEAD = f"""\
#!/bin/sh
{MARK} %s
# Made by `leakfirst hook install`; `leakfirst hook uninstall` takes it away and restores what was here before.
"""

_WITHOUT_INPUT = """\
call() { "$@"; }
"""

_WITH_INPUT = """\
input=$(cat; echo .)
call() { printf %s "${input%.}" | "$@"; }
"""

_BEFORE = f"""\
if [ -x "$0{BEFORE}" ]; then call "$0{BEFORE}" "$@" || exit $?; fi
"""

_REPOSITORY = """\
own=${GIT_DIR:-.git}
[ -d "$own/hooks" ] || own=$(git rev-parse --git-common-dir)
own="$own/hooks/%s"
"""

_OURS_TOO = f"""\
if [ -x "$own" ] && grep -q '{MARK}' "$own"; then call "$own" "$@"; exit $?; fi
"""

_OWN = """\
if [ -x "$own" ]; then call "$own" "$@" || exit $?; fi
"""

_RUN = """\
if [ -x {python} ]; then
  {call} {python} -I -S -c {code} "$@"
  exit $?
fi
if command -v leakfirst >/dev/null 2>&1; then
  {call} leakfirst hook run {hook} {options} "$@"
  exit $?
fi
echo 'leakfirst: the program that installed this hook is gone.' >&2
echo 'Install leakfirst again and run: leakfirst hook install   (or go on without it once: --no-verify)' >&2
exit 1
"""


def script(hook: str, options: Sequence[str], *, is_global: bool = False) -> str:
    """Return the script of *hook*; *options* are handed to it each time."""
    has_input = hook in WITH_INPUT
    parts = [_HEAD % hook, _WITH_INPUT if has_input else _WITHOUT_INPUT, _BEFORE]
    if is_global:
        parts += [_REPOSITORY % hook, _OURS_TOO, _OWN]
    code = shlex.quote(starting_code(hook, options))
    call = "call" if has_input else "exec"
    parts.append(
        _RUN.format(python=shlex.quote(sys.executable), call=call, code=code, hook=hook, options=shlex.join(options))
    )
    return "".join(parts)


def handing_over(hook: str) -> str:
    """Return a script that only calls the repository's own hook: git does not, once a global folder is set."""
    parts = [_HEAD % "(hands over)", _WITHOUT_INPUT, _REPOSITORY % hook, _OWN]
    if hook in WITH_INPUT:
        parts[1] = _WITH_INPUT
    return "".join([*parts[:2], _BEFORE, *parts[2:]])


def starting_code(hook: str, options: Sequence[str]) -> str:
    """Return the Python that starts *hook* from the folders where it is installed now."""
    import regex

    import detector

    folders = [os.path.dirname(os.path.dirname(os.path.abspath(str(module.__file__)))) for module in (detector, regex)]
    try:
        import hyperscan

        folders.append(os.path.dirname(os.path.dirname(os.path.abspath(str(hyperscan.__file__)))))
    except ImportError:
        import ahocorasick

        folders.append(os.path.dirname(os.path.abspath(str(ahocorasick.__file__))))
    wanted = list(dict.fromkeys(folders))
    return (
        f"import sys; sys.path += {wanted!r}; "
        f"from leakfirst._start import run_hook; run_hook({hook!r}, {list(options)!r} + sys.argv[1:])"
    )
