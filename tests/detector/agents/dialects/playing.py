"""Give a payload to the hook as an agent does, with the engine of this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from detector.agents import hook
from detector.agents.event import Answer
from tests.detector.agents.making import DOTENV, GITHUB, VALUES, redactor

TOKEN = f"token = '{GITHUB}'\n"
PLACEHOLDER = "<leakfirst lf1:"

__all__ = ["DOTENV", "GITHUB", "PLACEHOLDER", "TOKEN", "play"]


def play(monkeypatch: Any, agent: str, payload: Mapping[str, Any], **options: Any) -> Answer:
    """Return the answer to *payload*; it holds no value and can be written as JSON."""
    monkeypatch.setattr(hook, "load_redactor", lambda cwd: redactor())
    answer = hook.answer_event(json.dumps(payload).encode(), hook.Options(agent, **options))
    said = f"{json.dumps(answer.output)}{answer.error}"
    assert not any(value in said for value in VALUES)
    return answer
