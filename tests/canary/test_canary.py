"""No found credential leaves the program, whatever is asked of it.

Unmistakable credentials are planted, every command and format runs at full
verbosity, and all that was printed or written is searched for them: plain, in
base64 at any alignment, hex, URL- and JSON-escaped. The last test shows that
the search itself would notice.
"""

import base64
import json
import os
import sqlite3
import subprocess
import sys
import urllib.parse
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from detector.registry import list_names
from detector.rules.shapes import expand
from tests import program

TOKENS = [
    expand("ghp_{alnum:30}{check:github-crc32}", 11),
    expand("glpat-{alnum:20}", 12),
    expand("sk_live_{alnum:24}", 13),
]
PASSWORD = expand("{[A-HJ-NP-Z]:3}{[2-9]:2}-{[a-km-z]:5}!{[2-9]:3}/{[A-HJ-NP-Z]:4}", 14)
CANARIES = [*TOKENS, PASSWORD]


def disguises(canary: str) -> set[bytes]:
    """Return the forms in which *canary* might hide in an output."""
    raw = canary.encode()
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1]}
    forms.add(urllib.parse.quote(canary, safe="").encode())
    forms.add(json.dumps(canary)[1:-1].encode())
    forms.add(json.dumps(canary)[1:-1].replace("/", "\\/").encode())
    forms.add(raw.decode().encode("utf-16-le"))
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(b"\0" * shift + raw)[4 if shift else 0 : -4].rstrip(b"="))
    # more than half of a token is as good as all of it
    forms.add(raw[4 : 4 + len(raw) * 2 // 3])
    return {form for form in forms if len(form) >= 8}


def leaks(text: bytes) -> list[str]:
    return [canary[:4] for canary in CANARIES if any(form in text for form in disguises(canary))]


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("planted") / "repo"
    folder.mkdir()

    def git(*words: str) -> None:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{who}_NAME": "Ada Example", f"GIT_{who}_EMAIL": "ada@example.test"}
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=environment)

    git("init", "-q")
    (folder / "app.py").write_text(f'token = "{TOKENS[0]}"\nother = "{TOKENS[1]}"  # {TOKENS[2]}\n')
    (folder / "settings.yml").write_text(
        f"database:\n  password: '{PASSWORD}'\n  url: postgres://app:{PASSWORD}@db/x\n"
    )
    git("add", ".")
    git("commit", "-qm", f"Add settings, {TOKENS[2]}")
    (folder / "app.py").write_text("token = None\n")
    git("commit", "-qam", "Remove it")
    (folder / "loose.env").write_text(f"GITHUB_TOKEN={TOKENS[0]}\n")
    return folder


def run(words: list[str], folder: Path, home: Path, code: tuple[int, ...] = (0, 1)) -> bytes:
    """Run the program; return everything that it printed or wrote."""
    environment = program.environment(LEAKFIRST_HOME=str(home / "state"))
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home), "XDG_STATE_HOME": str(home), "TMPDIR": str(home)}
    done = subprocess.run([sys.executable, "-m", "detector", *words], cwd=folder, capture_output=True, env=environment)
    assert done.returncode in code, done.stderr.decode()
    kept = [
        home,
        Path(os.environ["LEAKFIRST_CACHE"]),
    ]  # the compiled rules are shared by all tests, and searched by all
    written = b"".join(path.read_bytes() for folder in kept for path in sorted(folder.rglob("*")) if path.is_file())
    return done.stdout + done.stderr + written


@pytest.mark.parametrize("format_", list_names("detector.reports"))
def test_no_format_shows_it(format_: str, planted: Path, tmp_path: Path) -> None:
    words = [
        "scan",
        "--format",
        format_,
        "--min-confidence",
        "low",
        "--show-ignored",
        "--explain",
        "-vv",
        "--jobs",
        "2",
        ".",
    ]
    output = run(words, planted, tmp_path, (1,))
    assert output
    assert leaks(output) == []


def test_reports_in_files_do_not_show_it(planted: Path, tmp_path: Path) -> None:
    words = [word for name in list_names("detector.reports") for word in ("--report", f"{name}={tmp_path / name}")]
    assert (
        leaks(run(["scan", *words, "--state", str(tmp_path / "state.db"), "-vv", "."], planted, tmp_path, (1,))) == []
    )


@pytest.mark.parametrize("agent", list_names("detector.agents.dialects"))
def test_no_answer_to_an_agent_and_no_record_shows_it(agent: str, tmp_path: Path) -> None:
    from detector.agents.hook import load_dialect

    texts = [f"token = '{token}'" for token in TOKENS] + [f"password: '{PASSWORD}'", f"postgres://app:{PASSWORD}@db/x"]
    for options in ([], ["--strict"]):
        for event in (
            load_dialect(agent).SAMPLE.replace("@TEXT@", json.dumps("\n".join(texts))[1:-1]),
            "\n".join(texts),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "leakfirst", "agents", "hook", agent, *options],
                input=event.encode(), capture_output=True, check=False, cwd=tmp_path,
                env=program.environment(LEAKFIRST_HOME=str(tmp_path / "state")),
            )  # fmt: skip
            assert done.stdout + done.stderr
            assert leaks(done.stdout + done.stderr) == []
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"lf1:" in kept and leaks(kept) == []


@pytest.fixture(scope="module")
def named(tmp_path_factory) -> Path:
    """Plant credentials that stand in names, too: of files, folders, members, tags, branches, authors."""
    folder = tmp_path_factory.mktemp("named") / "repo"
    inner = folder / f"of_{TOKENS[1]}"
    inner.mkdir(parents=True)

    def git(*words: str) -> None:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{who}_NAME": f"Ada {TOKENS[2]}", f"GIT_{who}_EMAIL": f"{TOKENS[0]}@example.test"}
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=environment)

    git("init", "-q")
    (folder / f"dump_{TOKENS[0]}.txt").write_text(f"token = {TOKENS[0]}\n")
    with zipfile.ZipFile(inner / "kept.zip", "w") as archive:
        archive.writestr(f"in/{TOKENS[1]}.env", f"GITLAB={TOKENS[1]}\n")
    (folder / f"login_{PASSWORD}.yml").parent.mkdir()  # it holds a slash
    (folder / f"login_{PASSWORD}.yml").write_text(f"database:\n  password: '{PASSWORD}'\n")
    git("add", ".")
    git("commit", "-qm", "Keep what was dumped")
    git("tag", "-am", f"With {TOKENS[2]}", f"v_{TOKENS[2]}")
    git("branch", f"fix_{TOKENS[1]}")
    git("rm", "-q", f"dump_{TOKENS[0]}.txt")
    git("commit", "-qm", "Remove it")
    (folder / f"loose_{TOKENS[2]}.env").write_text(f"KEY={TOKENS[2]}  # leakfirst:allow\nSTRIPE={TOKENS[2]}\n")
    return folder


@pytest.mark.parametrize("format_", list_names("detector.reports"))
def test_no_format_shows_it_in_a_name(format_: str, named: Path, tmp_path: Path) -> None:
    words = ["scan", "--format", format_, "--min-confidence", "low", "--show-ignored", "--explain", "-vv", "."]
    state = ["--state", str(tmp_path / "state.db"), "--report", f"json={tmp_path / 'report.json'}"]
    assert leaks(run([*words, *state], named, tmp_path, (1,))) == []
    first = json.loads((tmp_path / "report.json").read_text())
    paths = {place["path"] for finding in first["findings"] for place in finding["locations"]}
    assert any(path.startswith("dump_ghp_\N{HORIZONTAL ELLIPSIS}") for path in paths), "it is found, and shown redacted"
    assert leaks(run([*words, *state], named, tmp_path, (1,))) == []
    again = json.loads((tmp_path / "report.json").read_text())
    assert again["findings"] == first["findings"], "a state gives the same names"


def test_a_target_is_told_without_it(named: Path, tmp_path: Path) -> None:
    output = run(["scan", "--format", "json", f"loose_{TOKENS[2]}.env"], named, tmp_path, (1,))
    assert b'"target": "loose_' in output
    assert leaks(output) == []


def test_a_sweep_keeps_and_shows_no_names_with_it(named: Path, tmp_path: Path) -> None:
    words = ["sweep", "-vv", "--min-confidence", "low", "--jobs", "1", str(named.parent)]
    for _ in range(2):
        assert leaks(run(words, named, tmp_path, (0, 1))) == []
        with closing(sqlite3.connect(tmp_path / "state" / "sweep.db")) as state:
            kept = [row[0] for row in state.execute("SELECT attributions FROM repositories")]
        assert leaks(b"".join(zlib.decompress(row) for row in kept if row)) == []
    for format_ in list_names("detector.fleet.reports"):
        output = run(["sweep", "report", "--format", format_], named, tmp_path, (0,))
        assert b"github.pat-classic" in output
        assert leaks(output) == []


def test_it_would_be_noticed(planted: Path, tmp_path: Path) -> None:
    output = run(["scan", "--format", "json", "--show-secrets", "."], planted, tmp_path, (1,))
    assert leaks(output) == [canary[:4] for canary in CANARIES], "all are found, and the search sees them"
    for canary in CANARIES:
        assert leaks(b"x" + base64.b64encode(b"?" + canary.encode())) == [canary[:4]]
        assert leaks(urllib.parse.quote(canary, safe="").encode()) == [canary[:4]]


def test_rules_that_are_left_out_show_nothing_of_their_own(planted: Path, tmp_path: Path) -> None:
    words = ["scan", "--format", "json", "--min-confidence", "low", "--skip", "github*,gitlab*,stripe*,uri*", "."]
    assert leaks(run(words, planted, tmp_path, (0, 1))) == []


def test_a_sweep_keeps_and_shows_nothing_of_it(planted: Path, tmp_path: Path) -> None:
    words = ["sweep", "-vv", "--min-confidence", "low", "--jobs", "2"]
    assert leaks(run([*words, str(planted.parent)], planted, tmp_path, (1,))) == []
    for format_ in list_names("detector.fleet.reports"):
        output = run(["sweep", "report", "--format", format_], planted, tmp_path, (0,))
        assert b"github.pat-classic" in output
        assert leaks(output) == []


def test_what_a_manifest_asks_for_is_told_without_the_token_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    address = f"git+https://me:{TOKENS[0]}@git.example.test/lib.git?token={TOKENS[1]}"
    (folder / "package.json").write_text(json.dumps({"dependencies": {"lib": address}}))
    (folder / "requirements.txt").write_text(f"lib @ {address}\n-r {address}\n")
    for format_ in ("text", "json"):
        output = run(["dependents", "lib@1.0", "--format", format_, "."], folder, tmp_path / "home", (1,))
        assert b"git.example.test" in output
        assert leaks(output) == []
