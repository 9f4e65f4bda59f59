"""Put our hook into the settings of agents, and take it out again without a trace.

A file of somebody else's is never written anew: members are inserted, what was inserted where is
kept in the state folder (our own texts, nothing of the file), and taking it out gives back the same
bytes. The commands name a script of ours whose path no upgrade changes: Codex asks a person to trust each new command.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from detector.agents import entries, json_edit
from detector.agents.event import Dialect
from detector.agents.hook import load_dialect, load_redactor
from detector.agents.seen import find_folder
from detector.agents.wrap import SHELL_PREFIX, build_python_code
from detector.errors import UsageError
from detector.files.writing import write_file

RECORD = "installed.json"
PORTABLE = "leakfirst agents hook"

_HOOK = """\
#!/bin/sh
# Written by `leakfirst agents install`: answers an event of a coding agent.
if [ -x {python} ]; then exec {python} -I -S -c {code} "$@"; fi
if command -v leakfirst >/dev/null 2>&1; then exec leakfirst agents hook "$@"; fi
echo 'leakfirst: NOT looked at: it is not installed any more (leakfirst agents uninstall)' >&2
case " $* " in *' --strict '*) exit 2;; esac
printf '{{"systemMessage": "leakfirst: NOT looked at: it is not installed any more"}}\\n'
"""

_SHELL = """\
#!/bin/sh
# Written by `leakfirst agents install`: Claude Code runs its commands through this; what they print is filtered.
# Its hooks and servers come this way, too, and must not be touched: only commands of its shell end like this.
case "$1" in
  *'pwd -P >| '*) ;;
  *) exec "${{SHELL:-/bin/sh}}" -c "$1" ;;
esac
if [ -x {python} ] && command -v bash >/dev/null 2>&1; then
  exec bash -c '"${{SHELL:-bash}}" -c "$1" 2>&1 | {python} -I -S -c "$2"; exit "${{PIPESTATUS[0]}}"' leakfirst \\
    "$1" {code}
fi
exec "${{SHELL:-/bin/sh}}" -c "$1"
"""


class Place(NamedTuple):
    """Where one agent is told about us: `path` is a file, or a folder of executables."""

    agent: str
    dialect: Dialect
    path: str
    command: str
    is_project: bool = False

    @property
    def files(self) -> list[str]:
        """The files that are written."""
        if self.dialect.SHAPE == "executables":
            return [os.path.join(self.path, event) for event in self.dialect.EVENTS]
        return [self.path]


class State(NamedTuple):
    """Whether an agent calls us: `state` is a word for people, `note` what they should know."""

    agent: str
    path: str
    state: str
    note: str = ""


def find_places(agents: Iterable[str], project: str = "", *, strict: bool = False) -> Iterator[Place]:
    """Yield the places of *agents* in the home folder, or in the folder *project*. Raises `UsageError`."""
    home = os.path.expanduser("~")
    if not project and not os.path.isabs(home):
        raise UsageError("this user has no home folder")
    for agent in agents:
        dialect = load_dialect(agent)
        relative = dialect.PROJECT_FILE if project else dialect.USER_FILE
        command = build_command(agent, bool(project), strict)
        yield Place(agent, dialect, os.path.join(project or home, relative), command, bool(project))


def build_command(agent: str, is_portable: bool, strict: bool = False) -> str:
    """Return the command of the hook; a portable one names no path of this machine."""
    folder = find_folder()
    start = PORTABLE if is_portable or not folder else shlex.quote(os.path.join(folder, "hook"))
    return f"{start} {agent}{' --strict' if strict else ''}"


def is_present(place: Place) -> bool:
    """Return whether this agent seems to be used here: its folder is there."""
    parts = (place.dialect.PROJECT_FILE if place.is_project else place.dialect.USER_FILE).split("/")
    base = place.path[: -len("/".join(parts))]
    depth = 2 if parts[0] in (".config", ".codeium", "Documents") else 1
    return os.path.isdir(os.path.join(base, *parts[:depth]))


# -- install -------------------------------------------------------------------


def install(place: Place) -> State:
    """Make the agent call us; may be repeated. Raises `UsageError`, and then has changed nothing of the agent's."""
    if not place.is_project:
        write_scripts()
        load_redactor(os.getcwd())  # compiles the rules, for which an event has no time
    shape = place.dialect.SHAPE
    if shape in entries.MERGED:
        return _merge(place)
    done = []
    for path in place.files:
        content = entries.build_text(shape, place.dialect.EVENTS, place.command).encode()
        if shape == "vibe-toml":
            done.append(_append(path, content))
        else:
            done.append(_write_own(path, content, executable=shape == "executables"))
    return State(place.agent, place.path, "installed" if any(done) else "installed before", _advise(place))


def write_scripts() -> None:
    """Write the scripts that the commands name. Raises `UsageError` for a user without a home folder."""
    import sys

    folder = find_folder()
    if not folder:
        raise UsageError("this user has no home folder for the script of the hook")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    python = shlex.quote(sys.executable)
    for name, text, what in (("hook", _HOOK, "hook"), ("shell", _SHELL, "filter")):
        path = os.path.join(folder, name)
        script = text.format(python=python, code=shlex.quote(build_python_code(what, [])))
        write_file(path, script.encode())
        os.chmod(path, 0o700)


def _merge(place: Place) -> State:
    text = _read_settings(place.path)
    try:
        insertions = entries.find_missing(text or "{}", place.dialect.SHAPE, place.dialect.EVENTS, place.command)
        note = _advise(place)
        if place.agent == "claude-code" and not place.is_project:
            more, problem = _find_missing_prefix(text or "{}", insertions)
            insertions, note = [*insertions, *more], problem or note
    except UsageError as problem:
        raise UsageError(f"{place.path}: {problem}, so nothing is merged into it; --print shows what to add") from None
    if not insertions:
        return State(place.agent, place.path, "installed before", note)
    if text is None:
        new = entries.build_text(place.dialect.SHAPE, place.dialect.EVENTS, place.command)
        extra = _find_missing_prefix(new, [])[0] if place.agent == "claude-code" and not place.is_project else []
        _write_own(place.path, json_edit.apply(new, extra).encode())
        return State(place.agent, place.path, "installed", note)
    new = json_edit.apply(text, insertions)
    json_edit.parse(new)
    _write(place.path, new.encode("utf-8", "surrogatepass"))
    _remember(place.path, new, insertions)
    return State(place.agent, place.path, "installed", note)


def _find_missing_prefix(text: str, before: list[json_edit.Insertion]) -> tuple[list[json_edit.Insertion], str]:
    """Return what makes Claude Code run its commands through our filter, and what stands in the way."""
    root = json_edit.parse(text)
    prefix = os.path.join(find_folder(), "shell")
    member = f"{json.dumps(SHELL_PREFIX)}: {json.dumps(prefix)}"
    environment = root.members.get("env")
    if environment is None:
        entry = f'"env": {{{member}}}'
        is_empty = not root.members and not root.has_comma and not any(one.at == root.last for one in before)
        return [json_edit.Insertion(root.last, f" {entry}" if is_empty or root.has_comma else f", {entry}")], ""
    if environment.kind != "object":
        return [], "its env is no object, so the output of commands that fail is filtered less well"
    there = environment.members.get(SHELL_PREFIX)
    if there is None:
        return [json_edit.insert(environment, member)], ""
    return [], "" if there.text == prefix else f"{SHELL_PREFIX} is set to something else and stays"


def _advise(place: Place) -> str:
    if place.agent == "codex":
        return "start codex and trust the hook once with /hooks: before that Codex does not run it"
    if place.is_project:
        return "it runs the leakfirst that each person has on the PATH"
    return ""


def _read_settings(path: str) -> str | None:
    """Return the text of settings, None if there is no file. Raises `UsageError` for what must not be changed."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise UsageError(f"{path}: is a symbolic link, which is not followed; --print shows what to add")
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path}: is no plain file")
    if not found.st_mode & stat.S_IWUSR:
        raise UsageError(f"{path}: is read-only, so it is left as it is; --print shows what to add")
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is no text in UTF-8, so nothing is merged into it") from None
    return text if text.strip("\ufeff \t\r\n") else _refuse_empty(path)


def _refuse_empty(path: str) -> str:
    raise UsageError(f"{path}: is empty; remove it, or write {{}} into it")


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_file(path, content)


def _write_own(path: str, content: bytes, *, executable: bool = False) -> bool:
    """Write a file of our own; return whether it is new. Raises `UsageError` if somebody else's is there."""
    try:
        with open(path, "rb") as file:
            old = file.read()
    except FileNotFoundError:
        old = None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    if old == content:
        return False
    if old is not None and _load_record().get(os.path.abspath(path), {}).get("created") != _digest(old):
        raise UsageError(f"{path}: is there already and not ours; --print shows what to add")
    _write(path, content)
    if executable:
        os.chmod(path, 0o755)  # noqa: S103 - a program that the agent runs; it holds no secret
    _save({os.path.abspath(path): {"created": _digest(content)}})
    return True


def _append(path: str, content: bytes) -> bool:
    """Append a block to a file in TOML; return whether it was not there before."""
    text = _read_settings(path)
    if text is None:
        return _write_own(path, content)
    block = content.decode()
    if block in text:
        return False
    if entries.BEGIN in text:
        raise UsageError(f"{path}: holds another block of leakfirst; uninstall it first")
    added = block if text.endswith("\n") else f"\n{block}"
    _write(path, (text + added).encode("utf-8"))
    _remember(path, text + added, [json_edit.Insertion(len(text), added)])
    return True


# -- the record -------------------------------------------------------------------


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _load_record() -> dict[str, Any]:
    try:
        with open(os.path.join(find_folder(), RECORD), encoding="utf-8") as file:
            table = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return {name: row for name, row in table.items() if isinstance(row, dict)} if isinstance(table, dict) else {}


def _save(rows: Mapping[str, Any]) -> None:
    table = {name: row for name, row in {**_load_record(), **rows}.items() if row}
    os.makedirs(find_folder(), mode=0o700, exist_ok=True)
    write_file(os.path.join(find_folder(), RECORD), json.dumps(table, indent=1).encode(), private=True)


def _remember(path: str, new: str, insertions: list[json_edit.Insertion]) -> None:
    """Keep what was inserted and where it now is; of an earlier installation the texts alone."""
    name = os.path.abspath(path)
    earlier = [[-1, text] for _, text in _load_record().get(name, {}).get("inserted", [])]
    placed, shift = [], 0
    for at, text in sorted(insertions, key=lambda one: one.at):
        placed.append([at + shift, text])
        shift += len(text)
    _save({name: {"inserted": [*earlier, *placed], "digest": _digest(new.encode("utf-8", "surrogatepass"))}})


# -- uninstall ----------------------------------------------------------------------


def uninstall(place: Place) -> State:
    """Take out what was put in. Raises `UsageError`."""
    record = _load_record()
    states = [_take_out(path, record.get(os.path.abspath(path))) for path in place.files]
    problems = [problem for _, problem in states if problem]
    if problems:
        return State(place.agent, place.path, "NOT removed", problems[0])
    return State(place.agent, place.path, "removed" if any(done for done, _ in states) else "not installed")


def _take_out(path: str, row: dict[str, Any] | None) -> tuple[bool, str]:
    if row is None:
        return False, ""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        _save({os.path.abspath(path): None})
        return False, ""
    if "created" in row:
        if _digest(data) != row["created"]:
            return False, f"{path} was changed since; remove what is ours by hand"
        os.unlink(path)
        _save({os.path.abspath(path): None})
        return True, ""
    text = _cut(data.decode("utf-8", "surrogateescape"), row, _digest(data) == row.get("digest"))
    if text is None:
        return False, f"{path} was changed since; remove the entries with {find_folder()} by hand"
    _write(path, text.encode("utf-8", "surrogateescape"))
    _save({os.path.abspath(path): None})
    return True, ""


def _cut(text: str, row: dict[str, Any], is_unchanged: bool) -> str | None:
    """Return *text* without what was inserted, None if that cannot be told from what others wrote."""
    inserted = [(at, added) for at, added in row.get("inserted", []) if isinstance(at, int) and isinstance(added, str)]
    if is_unchanged and all(at >= 0 for at, _ in inserted):
        for at, added in sorted(inserted, reverse=True):
            text = text[:at] + text[at + len(added) :]
        return text
    texts = [added for _, added in inserted]
    for added in sorted(set(texts), key=len, reverse=True):
        if text.count(added) != texts.count(added):
            return None
        text = text.replace(added, "")
    return text
