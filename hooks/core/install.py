"""Install our git hooks beside existing ones, and remove them without leaving anything behind.

An existing hook is renamed to ``<name>.before-leakfirst`` and called first, with the
same arguments and input; if it fails, the hook fails. Uninstalling renames it back.
Nothing is ever overwritten.

With a global folder (`core.hooksPath`) git no longer runs the hooks in the folder of
each repository. So the global folder gets a script for every hook that git knows:
ours for the chosen hooks, and all of them call the repository's own hook of that name.
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
BACKUP_SUFFIX = ".before-leakfirst"
SUFFIXES = ("", ".legacy", ".old")
"""Suffixes of a hook of ours: pre-commit and lefthook rename the hooks that they find."""

EVERY_HOOK = (
    "applypatch-msg", "commit-msg", "post-applypatch", "post-checkout", "post-commit", "post-index-change",
    "post-merge", "post-receive", "post-rewrite", "post-update", "pre-applypatch", "pre-auto-gc", "pre-commit",
    "pre-merge-commit", "pre-push", "pre-rebase", "pre-receive", "prepare-commit-msg", "reference-transaction",
    "sendemail-validate", "update",
)  # fmt: skip
"""The hooks that git calls, except those whose presence changes what git does (push-to-checkout, proc-receive)."""

WITH_INPUT = ("post-receive", "post-rewrite", "pre-push", "pre-receive", "reference-transaction")
"""Hooks that read their standard input."""


class HookFolder(NamedTuple):
    """A folder of hooks: that of one repository, or the user's global one. `root` is that of the repository."""

    path: str
    is_global: bool = False
    is_bare: bool = False
    root: str = ""


class HookState(NamedTuple):
    """Whether one hook is installed; `chained` is the path of the hook that it calls first, "" if there is none."""

    hook: str
    path: str
    is_installed: bool
    chained: str = ""


def run_git(*arguments: str, cwd: str = "") -> str | None:
    """Return the output of git, or None if it fails or the folder *cwd* does not exist."""
    if cwd and not os.path.isdir(cwd):
        return None
    done = subprocess.run(["git", *arguments], capture_output=True, cwd=cwd or None, check=False)
    return os.fsdecode(done.stdout).rstrip("\n") if done.returncode == 0 else None


def find_repository_folder(path: str) -> HookFolder:
    """Return the folder from which git runs the hooks of the repository at *path*. Raises `UsageError`."""
    bare = run_git("rev-parse", "--is-bare-repository", cwd=path)
    if bare is None:
        raise UsageError(f"{path}: not a git repository")
    top = path if bare == "true" else run_git("rev-parse", "--show-toplevel", cwd=path) or path
    hooks = run_git("rev-parse", "--git-path", "hooks", cwd=top) or ""
    hooks = os.path.normpath(os.path.join(os.path.abspath(top), hooks))
    chosen = run_git("config", "--local", "core.hooksPath", cwd=path)
    if chosen and ".husky" in chosen:
        raise UsageError(
            "husky manages the hooks of this repository; "
            "add the line 'leakfirst hook run pre-commit' to .husky/pre-commit instead"
        )
    if not chosen and run_git("config", "core.hooksPath", cwd=path):
        common = run_git("rev-parse", "--git-common-dir", cwd=top) or ""
        hooks = os.path.join(os.path.normpath(os.path.join(os.path.abspath(top), common)), "hooks")
    return HookFolder(hooks, is_bare=bare == "true", root=os.path.abspath(top))


def find_global_folder() -> HookFolder:
    """Return the user's global folder of hooks: `core.hooksPath`, else a folder of ours."""
    chosen = run_git("config", "--global", "--type=path", "core.hooksPath")
    if chosen:
        return HookFolder(chosen, is_global=True)
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return HookFolder(os.path.join(base, "leakfirst", "git-hooks"), is_global=True)


def install(folder: HookFolder, hooks: Sequence[str], options: Sequence[str]) -> list[HookState]:
    """Write the scripts of *hooks*; existing hooks are kept and called first. May be repeated. Raises `UsageError`."""
    chosen = "" if folder.is_global else run_git("config", "--type=path", "core.hooksPath", cwd=folder.root)
    if chosen and os.path.normpath(os.path.join(folder.root, chosen)) != folder.path:
        for hook in hooks:
            if not is_ours(os.path.join(chosen, hook)):
                raise UsageError(
                    f"git runs the hooks in {chosen} (core.hooksPath); use `leakfirst hook install --global`"
                )
    os.makedirs(folder.path, exist_ok=True)
    for hook in EVERY_HOOK if folder.is_global else hooks:
        path = os.path.join(folder.path, hook)
        kept = path + BACKUP_SUFFIX
        if os.path.lexists(path) and not is_ours(path):
            if os.path.lexists(kept):
                raise UsageError(f"cannot rename {path}: {kept} exists; move one of the two")
            os.rename(path, kept)
        if hook in hooks:
            _write(path, build_script(hook, options, is_global=folder.is_global))
        elif not os.path.lexists(path):
            _write(path, build_forwarding_script(hook))
    if folder.is_global and not run_git("config", "--global", "core.hooksPath"):
        run_git("config", "--global", "core.hooksPath", folder.path)
    return read_status(folder, hooks)


def uninstall(folder: HookFolder, hooks: Sequence[str]) -> list[HookState]:
    """Remove our scripts and restore the hooks that they replaced; return what was removed."""
    removed = []
    rest = [hook for hook in HOOKS if hook not in hooks and _is_installed(folder, hook)]
    for hook in hooks if rest or not folder.is_global else EVERY_HOOK:
        path = os.path.join(folder.path, hook)
        for ours in [path + moved for moved in SUFFIXES if is_ours(path + moved)]:
            if rest and folder.is_global:
                _write(ours, build_forwarding_script(hook))
            else:
                os.unlink(ours)
                if os.path.lexists(path + BACKUP_SUFFIX) and not os.path.lexists(path):
                    os.rename(path + BACKUP_SUFFIX, path)
            removed.append(HookState(hook, ours, False))
    if folder.is_global and not rest and run_git("config", "--global", "--type=path", "core.hooksPath") == folder.path:
        leftover = os.listdir(folder.path) if os.path.isdir(folder.path) else []
        if not leftover and os.path.basename(folder.path) == "git-hooks":
            run_git("config", "--global", "--unset", "core.hooksPath")
            if os.path.isdir(folder.path):
                os.rmdir(folder.path)
    return removed


def read_status(folder: HookFolder, hooks: Sequence[str] = HOOKS) -> list[HookState]:
    """Return the state of each of *hooks*."""
    found = []
    for hook in hooks:
        path = os.path.join(folder.path, hook)
        kept = path + BACKUP_SUFFIX
        found.append(HookState(hook, path, _is_installed(folder, hook), kept if os.path.lexists(kept) else ""))
    return found


def _is_installed(folder: HookFolder, hook: str) -> bool:
    path = os.path.join(folder.path, hook)
    return any(f" {hook}\n" in (_read_head(path + moved) or "") for moved in SUFFIXES)


def is_ours(path: str) -> bool:
    """Tell whether the file at *path* is a script of ours."""
    head = _read_head(path)
    return head is not None and MARK in head


def _read_head(path: str) -> str | None:
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
    os.chmod(beside, 0o755)  # noqa: S103 - everybody who uses the repository has to run it
    os.replace(beside, path)


# -- the scripts -------------------------------------------------------------

_HEAD = f"""\
#!/bin/sh
{MARK} %s
# Written by `leakfirst hook install`; `leakfirst hook uninstall` removes it and restores the hook that was here.
"""

_WITHOUT_INPUT = """\
call() { "$@"; }
"""

_WITH_INPUT = """\
input=$(cat; echo .)
call() { printf %s "${input%.}" | "$@"; }
"""

_CALL_BACKUP = f"""\
if [ -x "$0{BACKUP_SUFFIX}" ]; then call "$0{BACKUP_SUFFIX}" "$@" || exit $?; fi
"""

_FIND_OWN = """\
own=${GIT_DIR:-.git}
[ -d "$own/hooks" ] || own=$(git rev-parse --git-common-dir)
own="$own/hooks/%s"
"""

_CALL_OWN_OF_OURS = f"""\
if [ -x "$own" ] && grep -q '{MARK}' "$own"; then call "$own" "$@"; exit $?; fi
"""

_CALL_OWN = """\
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
echo 'leakfirst: the Python that installed this hook does not exist any more.' >&2
echo 'Install leakfirst again and run: leakfirst hook install   (to skip the hook once: --no-verify)' >&2
exit 1
"""


def build_script(hook: str, options: Sequence[str], *, is_global: bool = False) -> str:
    """Return the script of *hook*, which passes *options* to it."""
    has_input = hook in WITH_INPUT
    parts = [_HEAD % hook, _WITH_INPUT if has_input else _WITHOUT_INPUT, _CALL_BACKUP]
    if is_global:
        parts += [_FIND_OWN % hook, _CALL_OWN_OF_OURS, _CALL_OWN]
    code = shlex.quote(build_start_code(hook, options))
    call = "call" if has_input else "exec"
    parts.append(
        _RUN.format(python=shlex.quote(sys.executable), call=call, code=code, hook=hook, options=shlex.join(options))
    )
    return "".join(parts)


def build_forwarding_script(hook: str) -> str:
    """Return a script that only calls the repository's own hook, which git does not do with a global folder."""
    parts = [_HEAD % "(forwards)", _WITHOUT_INPUT, _FIND_OWN % hook, _CALL_OWN]
    if hook in WITH_INPUT:
        parts[1] = _WITH_INPUT
    return "".join([*parts[:2], _CALL_BACKUP, *parts[2:]])


def build_start_code(hook: str, options: Sequence[str]) -> str:
    """Return the Python code that starts *hook* from the folders where leakfirst is installed now."""
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
