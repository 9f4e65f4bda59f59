"""Decide what an agent is answered: which event is let through, refused, or changed.

What the model reads of this is fixed sentences, names of rules and places: nothing of the file, nothing
that a provider or a repository wrote beyond a path that is made printable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.agents.event import Action, Event, EventKind, ToolKind, Verdict

if TYPE_CHECKING:
    from detector.agents.named_files import NamedFile
    from detector.agents.redact import Found, Redaction, Redactor

MAX_LISTED = 10
"""Credentials that an answer names; the others are counted."""

CONTEXT = (
    "leakfirst guards this session: a credential in the output of a tool is replaced by a placeholder of the form "
    "<leakfirst lf1:… rule>. Refer to the value by its variable or its file, and leave lines with a placeholder as "
    "they are. Do not try to read the value in another form; ask the person instead."
)
WRITE_REMEDY = (
    "Write a reference instead: read the value from an environment variable or a secret store. If the value itself "
    "is needed, the person puts it into a file that git ignores."
)
COMMAND_REMEDY = (
    "Refer to the value by a variable that is already set ($NAME), or let the program read it from its file."
)
READ_REMEDY = "Read other lines of it, or ask the person."
OVERWRITES = (
    "the text holds a placeholder of leakfirst. It stands for a value that you have not seen; writing it would "
    "overwrite the value. Change other lines only, or ask the person."
)
SWITCHES_OFF = "this would change or switch off the guard of leakfirst. A person does that, in a terminal."
PROMPT_ADVICE = "Ask the agent to read the file with a tool: values in the output of tools are replaced."
TRANSCRIPT_ADVICE = "The agent may keep a refused prompt in its transcript: `leakfirst agents scrub` removes it there."

_GUARD_FILES = re.compile(
    r"(?:^|/)(?:\.(?:claude|codex|gemini|cursor|windsurf|vibe|copilot)/|\.github/hooks/|\.codeium/windsurf/|"
    r"\.clinerules/hooks/|(?:\.opencode|opencode)/plugins?/|leakfirst/agents/|Cline/Hooks/)"
)
_GUARD = re.compile(r"leakfirst.{0,80}agents|agents.{0,40}leakfirst", re.DOTALL)
_SWITCH_OFF = re.compile(r"leakfirst\S*\s+(?:\S+\s+)?agents\s+(?:uninstall|pass|install)\b|leakfirst/agents/passes")


class Guard(NamedTuple):
    """What a decision needs: the redactor, how a command is wrapped (None: not at all), and how to record."""

    redactor: Redactor
    wrap: Callable[[str], str | None] | None = None
    record: Callable[[Iterable[Found], str, bool], None] | None = None


def decide(event: Event, guard: Guard) -> Verdict:
    """Return the answer to *event*."""
    if event.kind is EventKind.PROMPT:
        return _decide_prompt(event, guard)
    if event.kind is EventKind.BEFORE_TOOL:
        return _decide_before(event, guard)
    if event.kind is EventKind.AFTER_TOOL:
        return _decide_after(event, guard)
    if event.kind is EventKind.FAILED_TOOL:
        return _decide_failed(event, guard)
    return Verdict()


def _record(guard: Guard, found: Iterable[Found], done: str, reached: bool) -> None:
    if guard.record:
        guard.record(found, done, reached)


# -- prompts -------------------------------------------------------------------


def _decide_prompt(event: Event, guard: Guard) -> Verdict:
    prompt = guard.redactor.redact_prompt(event.prompt)
    files, unread = _look_at_files(event, guard)
    warning = _describe_unfinished([*prompt.unfinished, *unread])
    if prompt.found and not files and event.can_change_prompt:
        _record(guard, prompt.found, "replaced in the prompt", False)
        return Verdict(Action.REPLACE, value=prompt.value, warning=_join(_count(prompt.found) + " replaced", warning))
    if not prompt.found and not files:
        return Verdict(warning=warning)
    _record(guard, [*prompt.found, *(one for _, found in files for one in found)], "prompt refused", False)
    lines = ["leakfirst: the prompt was not sent, because credentials would go with it:"]
    lines += _list(prompt.found, "the prompt")
    lines += [line for name, found in files for line in _list(found, name)]
    if files:
        lines.append(PROMPT_ADVICE)
    if prompt.found:
        lines += [TRANSCRIPT_ADVICE, "The prompt without them:", "", prompt.value]
    return Verdict(Action.REFUSE, "\n".join(lines), warning=warning)


def _look_at_files(event: Event, guard: Guard) -> tuple[list[tuple[str, tuple[Found, ...]]], list[str]]:
    """Return the files that go with a prompt and hold credentials, and what could not be looked at."""
    if "@" not in event.prompt and not event.files:
        return [], []
    from detector.agents.named_files import read_mentioned

    return _examine_files(read_mentioned(event.prompt, event.files, event.cwd), guard)


def _examine_files(files: Iterable[NamedFile], guard: Guard) -> tuple[list[tuple[str, tuple[Found, ...]]], list[str]]:
    found, unread = [], []
    for file in files:
        if file.problem:
            unread.append(f"{_show(file.name, guard)} {file.problem}")
            continue
        result = guard.redactor.redact_text(file.content, file.name)
        unread += result.unfinished
        if result.found:
            found.append((_show(file.name, guard), result.found))
    return found, unread


# -- before a tool ---------------------------------------------------------------


def _decide_before(event: Event, guard: Guard) -> Verdict:
    from detector.agents.redact import PLACEHOLDER

    if reason := _find_tampering(event):
        return Verdict(Action.REFUSE, f"leakfirst: not done: {reason}")
    texts = event.written if event.tool_kind is ToolKind.WRITE else (event.command,)
    is_written = event.tool_kind in (ToolKind.WRITE, ToolKind.SHELL) and any(map(PLACEHOLDER.search, texts))
    if is_written and not _holds_same_placeholders(event, texts):
        return Verdict(Action.REFUSE, f"leakfirst: not done: {OVERWRITES}")
    if event.tool_kind is ToolKind.WRITE:
        return _decide_write(event, guard)
    if event.tool_kind is ToolKind.READ:
        return Verdict() if event.can_replace else _decide_read(event, guard)
    result = guard.redactor.redact_json(event.arguments if event.arguments is not None else event.command)
    warning = _describe_unfinished(result.unfinished)
    if result.found:
        _record(guard, result.found, "call refused", False)
        remedy = COMMAND_REMEDY if event.tool_kind is ToolKind.SHELL else "Leave the value out."
        what = "the command" if event.tool_kind is ToolKind.SHELL else "the arguments"
        lines = [f"leakfirst: not run: {what} would hold credentials:", *_list(result.found, what), remedy]
        return Verdict(Action.REFUSE, "\n".join(lines), warning=warning)
    if event.tool_kind is ToolKind.SHELL:
        return _decide_command(event, guard, warning)
    return Verdict(warning=warning)


def _decide_command(event: Event, guard: Guard, warning: str) -> Verdict:
    """Let the output of a command through our filter, or look at the files that it names."""
    if event.can_rewrite and guard.wrap and not event.is_background and (wrapped := guard.wrap(event.command)):
        return Verdict(Action.REWRITE, value=wrapped, warning=warning)
    if event.can_replace or event.can_rewrite:
        return Verdict(warning=warning)
    from detector.agents.named_files import read_in_command

    files, _ = _examine_files(read_in_command(event.command, event.cwd), guard)
    if not files:
        return Verdict(warning=warning)
    _record(guard, [one for _, found in files for one in found], "command refused", False)
    lines = ["leakfirst: not run: the command names files that hold credentials, and this agent shows a model all "]
    lines[0] += "that a command prints:"
    lines += [line for name, found in files for line in _list(found, name)]
    return Verdict(Action.REFUSE, "\n".join([*lines, COMMAND_REMEDY]), warning=warning)


def _decide_write(event: Event, guard: Guard) -> Verdict:
    """Refuse a new credential in a file that git does not ignore."""
    found: dict[str, Found] = {}
    unfinished: list[str] = []
    for text in event.written:
        result = guard.redactor.redact_text(text, event.path)
        found.update({one.fingerprint: one for one in result.found})
        unfinished += result.unfinished
    warning = _describe_unfinished(unfinished)
    if not found:
        return Verdict(warning=warning)
    path = os.path.join(event.cwd, event.path)
    known = {one.fingerprint for text in (_read(path), *event.replaced) if text
             for one in guard.redactor.redact_text(text, event.path).found}  # fmt: skip
    new = [one for name, one in found.items() if name not in known]
    if not new or _is_ignored(path):
        _record(guard, found.values(), "written", True)
        return Verdict(warning=warning)
    _record(guard, new, "write refused", True)
    name = _show(event.path, guard) or "the file"
    lines = [f"leakfirst: not written: {name} would hold credentials:", *_list(new, name), WRITE_REMEDY]
    return Verdict(Action.REFUSE, "\n".join(lines), warning=warning)


def _decide_read(event: Event, guard: Guard) -> Verdict:
    """Refuse to read a file with credentials where the output cannot be replaced; say which lines may be read."""
    from detector.agents.named_files import read_file

    file = read_file(os.path.join(event.cwd, event.path), event.path)
    if file.problem:
        return Verdict()  # the agent will not be able to read it either, or say so itself
    result = guard.redactor.redact_text(file.content, event.path)
    if not result.found:
        return Verdict(warning=_describe_unfinished(result.unfinished))
    _record(guard, result.found, "read refused", False)
    name = _show(event.path, guard)
    lines = [f"leakfirst: not read: {name} holds credentials:", *_list(result.found, name)]
    if free := _list_free_lines(file.content, guard):
        lines.append(f"Lines without them: {free}.")
    return Verdict(Action.REFUSE, "\n".join([*lines, READ_REMEDY]))


def _list_free_lines(text: str, guard: Guard) -> str:
    """Return the ranges of lines that hold nothing that was found; "" if that is not certain."""
    result = guard.redactor.redact_text(text)
    before, after = text.splitlines(), result.value.splitlines()
    if len(before) != len(after):
        return ""
    free = [number for number, (old, new) in enumerate(zip(before, after, strict=True), 1) if old == new]
    ranges: list[list[int]] = []
    for number in free:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in ranges[:20])


def _find_tampering(event: Event) -> str:
    """Return why the event changes the guard itself, "" if it does not."""
    if event.tool_kind is ToolKind.SHELL:
        is_meant = _SWITCH_OFF.search(event.command) or (
            _GUARD_FILES.search(event.command) and "leakfirst" in event.command
        )
        return SWITCHES_OFF if is_meant else ""
    if event.tool_kind is not ToolKind.WRITE or not _GUARD_FILES.search(event.path.replace(os.sep, "/")):
        return ""
    current = _read(os.path.join(event.cwd, event.path))
    if not _GUARD.search(current):
        return ""
    if event.replaced:
        return SWITCHES_OFF if any("leakfirst" in text for text in event.replaced) else ""
    return "" if any(map(_GUARD.search, event.written)) else SWITCHES_OFF


def _holds_same_placeholders(event: Event, texts: Sequence[str]) -> bool:
    """Return whether the file already holds, as text of its own, every placeholder that is written."""
    from detector.agents.redact import PLACEHOLDER

    if event.tool_kind is not ToolKind.WRITE:
        return False
    current = _read(os.path.join(event.cwd, event.path))
    return all(match[0] in current for text in texts for match in PLACEHOLDER.finditer(text))


def _is_ignored(path: str) -> bool:
    """Return whether git ignores the file at *path*, and does not track it."""
    import subprocess

    folder = os.path.dirname(path) or "."
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "check-ignore", "--quiet", "--", path],
            cwd=folder, env=environment, capture_output=True, check=False, timeout=5,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


# -- after a tool ------------------------------------------------------------------


def _decide_after(event: Event, guard: Guard) -> Verdict:
    result = guard.redactor.redact_json(event.result)
    warning = _describe_unfinished(result.unfinished)
    if not result.found:
        return Verdict(warning=warning)
    if event.can_replace:
        _record(guard, result.found, "replaced in the output", False)
        return Verdict(Action.REPLACE, value=result.value, warning=warning)
    return _report_exposure(event, guard, result, warning)


def _decide_failed(event: Event, guard: Guard) -> Verdict:
    result = guard.redactor.redact_json(event.result)
    warning = _describe_unfinished(result.unfinished)
    return _report_exposure(event, guard, result, warning) if result.found else Verdict(warning=warning)


def _report_exposure(event: Event, guard: Guard, result: Redaction, warning: str) -> Verdict:
    _record(guard, result.found, "not replaced", True)
    tool = _show(event.tool, guard) or "a tool"
    text = (
        f"leakfirst: the output of {tool} held {_count(result.found)}, which this agent sends to the model as it is. "
        "Replace them: leakfirst agents seen"
    )
    return Verdict(warning=_join(text, warning))


# -- words ---------------------------------------------------------------------------


def _count(found: Sequence[Any]) -> str:
    return "a credential" if len(found) == 1 else f"{len(found)} credentials"


def _list(found: Sequence[Found], where: str) -> list[str]:
    lines = []
    for one in found[:MAX_LISTED]:
        place = f"{where}, line {one.line}" if one.line > 0 else where
        lines.append(f"- {one.rule.finds} in {place}: {one.placeholder}")
    if len(found) > MAX_LISTED:
        lines.append(f"- and {len(found) - MAX_LISTED} more")
    return lines


def _show(name: str, guard: Guard) -> str:
    """Return a path or a name that somebody else chose, printable, short, and without credentials."""
    from detector.text.untrusted import make_printable

    return make_printable(str(guard.redactor.redact_text(name).value))[:200]


def _describe_unfinished(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    return f"leakfirst: NOT looked at completely: {'; '.join(dict.fromkeys(problems))}"[:500]


def _join(*texts: str) -> str:
    return " ".join(filter(None, texts))


def _read(path: str) -> str:
    from detector.agents.named_files import read_file

    return read_file(path).content
