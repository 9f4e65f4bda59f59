import subprocess

import pytest

from detector.agents.wrap import build_filter_command, build_python_code, wrap_command


@pytest.mark.parametrize(
    ("command", "code", "printed"),
    [
        ("echo a; exit 3", 3, "A\n"),
        ("echo a # comment", 0, "A\n"),
        ("false", 1, ""),
        ("cat <<E\nx\nE", 0, "X\n"),
        ("echo a >&2; false || exit 7", 7, "A\n"),
        ("echo 'it''s' \"$HOME\" | wc -l && true", 0, "1\n"),
    ],
)
def test_output_and_errors_go_through_the_filter_and_the_exit_code_stays(command: str, code: int, printed: str) -> None:
    wrapped = wrap_command(command, "tr a-z A-Z")
    assert wrapped
    assert command in wrapped, "the agent's rules see the command"
    done = subprocess.run(["bash", "-c", wrapped], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, printed, "")


@pytest.mark.parametrize("command", ["", "  ", "sleep 9 &", "server & echo x", "leakfirst scan .", "echo \\", "a\0b"])
def test_what_would_not_work_is_left_alone(command: str) -> None:
    assert wrap_command(command, "cat") is None


def test_a_command_that_uses_ampersands_otherwise_is_wrapped() -> None:
    assert wrap_command("make 2>&1 && echo a &> /dev/null", "cat")


def test_the_filter_needs_nothing_of_the_environment() -> None:
    assert " -I -S -c " in build_filter_command()
    assert "--strict" in build_filter_command(strict=True)
    compile(build_python_code("hook", ["codex"]), "code", "exec")
