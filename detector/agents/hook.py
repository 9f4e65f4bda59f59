"""Answer one event of an agent: JSON in, JSON out.

Whatever happens, the answer is built first and written once: half an answer would be read as none, or
stop the agent. What cannot be looked at is let through with a warning that the person sees; with
``--strict`` it is refused. A message never holds more of a problem than the name of its type.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from detector.agents.decide import Guard
    from detector.agents.event import Answer, Dialect, Event
    from detector.agents.redact import Found, Redactor

MAX_INPUT = 64 << 20
SECONDS = 25.0
"""Time for one event. Agents wait longer and then go on as if nothing had been answered."""

BLOCK = 2
"""Exit code with which most agents refuse an event whose answer they cannot read."""


class Options(NamedTuple):
    """What the installed command says beside the name of the agent."""

    agent: str = ""
    strict: bool = False
    wrap: bool = True


class TooLong(Exception):
    """An event takes longer than `SECONDS`, or is larger than `MAX_INPUT`."""


def run(words: Sequence[str]) -> int:
    """Read an event from standard input and answer it; return the exit code that the agent expects."""
    options = parse_options(words)
    try:
        _start_clock()
        answer = answer_event(_read_input(), options)
    except BaseException as problem:
        _record_problem(options, problem)
        answer = _answer_problem(problem, options)
        if isinstance(problem, TooLong):
            _compile_rules()
    finally:
        _stop_clock()
    _write_answer(answer)
    return answer.code


def parse_options(words: Sequence[str]) -> Options:
    """Return the options; what is unknown is left out, because an older hook may meet a newer command line."""
    names = [word for word in words if not word.startswith("-")]
    return Options(names[0] if names else "", "--strict" in words, "--no-wrap" not in words)


def answer_event(data: bytes, options: Options) -> Answer:
    """Return the answer to the event in *data*. Raises whatever goes wrong."""
    import json

    from detector.agents.decide import CONTEXT, decide
    from detector.agents.event import Action, EventKind, Verdict

    payload = json.loads(data)
    if not isinstance(payload, dict):
        raise ValueError("an event is an object")
    agent = find_caller(payload, options.agent)
    dialect = load_dialect(agent)
    event = dialect.read(payload)
    if event.kind in (EventKind.OTHER, EventKind.SESSION_END):
        return dialect.answer(event, Verdict())
    if event.kind is EventKind.SESSION_START:
        return dialect.answer(event, Verdict(Action.CONTEXT, CONTEXT))
    found: list[Found] = []
    guard = _make_guard(event, agent, options, found)
    verdict = decide(event, guard)
    is_refused_prompt = verdict.action is Action.REFUSE and event.kind is EventKind.PROMPT
    if is_refused_prompt or (verdict.action is Action.REPLACE and event.keeps_original):
        _scrub_soon(event, guard, found)
    return dialect.answer(event, verdict)


def find_caller(payload: dict[str, Any], named: str) -> str:
    """Return the agent that sends *payload*: some run the hooks that were installed for another one."""
    if "cursor_version" in payload:
        return "cursor"
    if named == "claude-code":
        if "turn_id" in payload or "/.codex/" in str(payload.get("transcript_path")):
            return "codex"
        if "hook_event_name" not in payload and "toolName" in payload:
            return "copilot"
        if "timestamp" in payload and "permission_mode" not in payload and "transcript_path" not in payload:
            return "vscode"
    return named


def load_dialect(agent: str) -> Dialect:
    """Return the dialect of *agent*. Raises `UsageError` for an unknown one."""
    from importlib import import_module

    name = agent.replace("-", "_")
    if name.isidentifier() and not name.startswith("_"):
        try:
            module: Any = import_module(f"detector.agents.dialects.{name}")
            return cast("Dialect", module)
        except ModuleNotFoundError:
            pass
    from detector.registry import load_plugin

    return cast("Dialect", load_plugin("detector.agents.dialects", agent, what="agent"))  # says which there are


def load_redactor(cwd: str) -> Redactor:
    """Return a redactor with the shipped rules that lets pass what a person allowed."""
    from detector.agents.allowances import Allowances
    from detector.agents.redact import Redactor
    from detector.rules import pack as packs

    engine = packs.build_engine(packs.load_pack([]))
    return Redactor(engine, _load_key, Allowances(cwd or os.getcwd(), engine, _load_key))


def _load_key() -> bytes:
    from detector.fingerprint import load_project_key

    return load_project_key()


def _make_guard(event: Event, agent: str, options: Options, collected: list[Found]) -> Guard:
    """Return what `decide` needs; what it records is also *collected*."""
    from detector.agents.decide import Guard

    def record(found: Iterable[Found], done: str, reached: bool) -> None:
        from detector.agents import seen

        found = list(found)
        collected.extend(found)
        seen.record(event, agent, found, done, reached=reached)

    def wrap(command: str) -> str | None:
        from detector.agents.wrap import build_filter_command, wrap_command

        return wrap_command(command, build_filter_command(strict=options.strict))

    return Guard(load_redactor(event.cwd), wrap if options.wrap else None, record)


# -- transcripts -----------------------------------------------------------------


def _scrub_soon(event: Event, guard: Guard, found: Sequence[Found]) -> None:
    """Remove from the transcript what the agent writes there after we answered."""
    if event.transcript and hasattr(os, "fork"):
        from detector.agents import transcripts

        transcripts.scrub_later(event.transcript, guard.redactor, [one.secret for one in found])


# -- the process -------------------------------------------------------------------


def _read_input() -> bytes:
    parts, size = [], 0
    while part := os.read(0, 1 << 20):
        parts.append(part)
        size += len(part)
        if size > MAX_INPUT:
            raise TooLong
    return b"".join(parts)


def _start_clock() -> None:
    import signal

    if not hasattr(signal, "setitimer"):
        return

    def stop(_number: int, _frame: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)


def _stop_clock() -> None:
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def _compile_rules() -> None:
    """Compile the rules in a process of its own, if that is what took so long: the next event finds them ready."""
    from detector.agents.process import run_detached

    def work() -> None:
        from fcntl import LOCK_EX, LOCK_NB, flock

        from detector.agents import seen

        os.makedirs(seen.find_folder(), mode=0o700, exist_ok=True)
        lock = os.open(os.path.join(seen.find_folder(), "compiling"), os.O_WRONLY | os.O_CREAT, 0o600)
        flock(lock, LOCK_EX | LOCK_NB)  # one is enough
        load_redactor("/")

    run_detached(work)


def _record_problem(options: Options, problem: BaseException) -> None:
    try:
        from detector.agents import seen
        from detector.errors import locate_error

        seen.record_problem(options.agent, f"{type(problem).__name__} in {locate_error(problem)}")
    except Exception:
        return


def _answer_problem(problem: BaseException, options: Options) -> Answer:
    """Return the answer to an event that could not be looked at, in words that every agent takes."""
    from detector.agents.event import Answer
    from detector.errors import UsageError

    reason = str(problem) if isinstance(problem, UsageError) and "unknown agent" in str(problem) else ""
    text = f"leakfirst: NOT looked at: {reason or type(problem).__name__}"
    if options.strict:
        return Answer(None, f"{text}; refused (--strict)", BLOCK)
    return Answer({"systemMessage": text}, text)


def write_all(data: bytes) -> None:
    """Write *data* to standard output completely. Raises `OSError` if nobody reads it any more."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _write_answer(answer: Answer) -> None:
    import json

    text = "" if answer.output is None else json.dumps(answer.output) + "\n"
    try:
        if answer.error:
            sys.stderr.write(f"{answer.error}\n")
            sys.stderr.flush()
        write_all(text.encode())
    except OSError:
        return  # the agent has gone
