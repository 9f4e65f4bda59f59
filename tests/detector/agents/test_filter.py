import subprocess
import sys
from pathlib import Path

from detector.agents import filter as output_filter
from tests import program
from tests.detector.agents.making import DOTENV, PEM, VALUES

RUN = [sys.executable, "-m", "leakfirst", "agents", "filter"]


def run(data: bytes, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*RUN, *words], input=data, capture_output=True, env=program.environment(**more), check=False)


def test_values_are_replaced_and_the_rest_passes() -> None:
    done = run(b"\xff\xfe\x00raw\n" + DOTENV.encode() + PEM.encode() + b"no line break")
    assert done.returncode == 0
    assert done.stdout.startswith(b"\xff\xfe\x00raw\nAWS_ACCESS_KEY_ID=<leakfirst ")
    assert done.stdout.endswith(b"no line break")
    assert not any(value.encode() in done.stdout for value in (*VALUES, PEM))


def test_lines_come_while_the_command_runs(tmp_path: Path) -> None:
    with subprocess.Popen(RUN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=program.environment()) as child:
        assert child.stdin and child.stdout
        child.stdin.write(b"ready\nhalf a li")
        child.stdin.flush()
        assert child.stdout.readline() == b"ready\n"
        child.stdin.close()
        assert child.stdout.read() == b"half a li"


def test_a_failure_shows_the_output_with_a_warning_or_withholds_it(monkeypatch, capfd) -> None:
    import os

    for words, left in ([], b"value\n"), (["--strict"], b""):
        read, write = os.pipe()
        os.write(write, b"value\n")
        os.close(write)
        kept = os.dup(0)
        os.dup2(read, 0)
        monkeypatch.setattr("detector.agents.hook.load_redactor", lambda cwd: 1 / 0)
        assert output_filter.run(words) == 0
        os.dup2(kept, 0)
        out, error = capfd.readouterr()
        assert out.encode() == left
        assert "ZeroDivisionError" in error
