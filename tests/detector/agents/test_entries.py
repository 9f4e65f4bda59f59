import json
import tomllib
from pathlib import Path

import pytest

from detector.agents import entries, hook, json_edit
from detector.errors import UsageError
from detector.registry import list_names


@pytest.mark.parametrize("agent", list_names("detector.agents.dialects"))
def test_every_shape_has_a_text_that_calls_the_command_at_each_event(agent: str) -> None:
    dialect = hook.load_dialect(agent)
    text = entries.build_text(dialect.SHAPE, dialect.EVENTS, "'/a b/hook' x")
    assert dialect.SHAPE in (*entries.OWN_FILES, *entries.MERGED)
    if dialect.SHAPE == "vibe-toml":
        assert [row["type"] for row in tomllib.loads(text)["hooks"]] == list(dialect.EVENTS)
    elif dialect.SHAPE not in ("executables", "opencode-plugin"):
        assert json.loads(text)["hooks"].keys() == set(dialect.EVENTS)
        assert entries.list_commands(json_edit.parse(text)) == ["'/a b/hook' x"] * len(dialect.EVENTS)


@pytest.mark.parametrize("text", ["[]", '{"hooks": []}', '{"hooks": {"PreToolUse": {}}}', "{"])
def test_settings_that_mean_something_else_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        entries.find_missing(text, "matchers", ["PreToolUse"], "x")


def test_what_is_there_is_not_inserted_again() -> None:
    text = entries.build_text("matchers", ["PreToolUse"], "x")
    assert entries.find_missing(text, "matchers", ["PreToolUse"], "x") == []
    assert len(entries.find_missing(text, "matchers", ["PreToolUse", "PostToolUse"], "x")) == 1


@pytest.mark.parametrize(("agent", "name"), [("claude-code", "hooks"), ("codex", "codex")])
def test_the_plug_in_folder_holds_what_would_be_printed(agent: str, name: str) -> None:
    plugin = Path(__file__).parents[3] / "plugin"
    dialect = hook.load_dialect(agent)
    printed = entries.build_text(dialect.SHAPE, dialect.EVENTS, f"leakfirst agents hook {agent}")
    assert (plugin / "hooks" / f"{name}.json").read_text() == printed
    for about in plugin.glob(".*-plugin/plugin.json"):
        assert json.loads(about.read_text())["name"] == "leakfirst"
