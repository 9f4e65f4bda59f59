"""What would be uploaded: our list is npm's list, and Python's archives are what they are."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from detector.config import Config
from detector.errors import SourceError
from detector.git.history import NoState
from detector.model import Skipped
from detector.rules.shapes import expand
from detector.scan import pipeline
from detector.sources import published
from detector.sources._published import list_npm_files, list_python_files
from tests.detector.sources.sample import TOKEN, Sample
from tests.fakes.hidden import source_map, tarred


def make_sample(folder: Path) -> Sample:
    (folder / "package").mkdir()
    (folder / "package" / "package.json").write_text('{"name": "acme", "version": "1.0.0"}')
    (folder / "package" / "index.js").write_text(f"key = '{TOKEN}'\n")
    return Sample(str(folder / "package"), Config(as_published=True))


MANY = {
    "README.md": "x", "LICENSE": "x", "LICENCE.txt": "x", "index.js": "x", "lib/a.js": "x", "lib/a.js.map": "x",
    "lib/deep/b.js": "x", "src/a.ts": "x", "src/secret.env": "x", "test/t.js": "x", ".env": "x", ".npmrc": "x",
    ".gitignore": "dist\n*.log\n", "dist/out.js": "x", "debug.log": "x", "package-lock.json": "{}", "yarn.lock": "x",
    "node_modules/dep/index.js": "x", "node_modules/dep/package.json": '{"name": "dep", "version": "1.0.0"}',
    ".git/config": "x", "a.orig": "x", ".DS_Store": "x", "lib/.gitignore": "deep\n", "cli": "x", "CHANGELOG.md": "x",
    "tsconfig.json": "{}", "sub/package.json": "{}", "sub/.npmignore": "*.md\n", "sub/r.md": "x", "sub/s.js": "x",
    "lib/.npmrc": "x", "docs/README.md": "x",
}  # fmt: skip

PACKAGES: dict[str, tuple[dict[str, object], dict[str, str]]] = {
    "nothing said": ({}, {}),
    "files": ({"files": ["lib", "src/*.ts"]}, {}),
    "files with a star and a negation": ({"files": ["lib/**/*.js", "!lib/deep", "./sub/"]}, {}),
    "files and what is always in": ({"files": ["docs"], "main": "index.js", "bin": {"x": "./cli"}}, {}),
    "main without its ending": ({"files": ["docs"], "main": "./index"}, {}),
    "npmignore in place of gitignore": ({}, {".npmignore": "test\nsrc/*\n!src/a.ts\n*.map\n"}),
    "npmignore beside files": ({"files": ["lib", "test"]}, {".npmignore": "test\nlib/a.js\n"}),
    "bundled": ({"bundleDependencies": ["dep"], "dependencies": {"dep": "1.0.0"}}, {}),
    "an empty list": ({"files": []}, {}),
}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_list_is_that_of_npm(tmp_path: Path, name: str) -> None:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    package, more = PACKAGES[name]
    write(tmp_path, {**MANY, **more, "package.json": json.dumps({"name": "x", "version": "1.0.0", **package})})
    os.symlink("/etc/passwd", tmp_path / "lib" / "link.js")
    command = ["npm", "pack", "--dry-run", "--json", "--ignore-scripts", "--offline"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path.parent),
        "npm_config_cache": str(tmp_path.parent / "npm"),
    }
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    theirs = sorted(entry["path"] for entry in json.loads(done.stdout)[0]["files"])
    ours = list_npm_files(str(tmp_path))
    assert (sorted({*ours} - {*theirs}), sorted({*theirs} - {*ours})) == ([], [])


def test_a_hostile_package_names_nothing_outside(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "p/package.json": json.dumps({"main": "../out.js", "bundleDependencies": ["../.."], "files": ["../"]}),
            "out.js": "x",
        },
    )
    assert list_npm_files(str(tmp_path / "p")) == ["package.json"]


@pytest.mark.parametrize("name", ["{out}", "../out", "link"])
def test_what_is_bundled_lies_within(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    write(tmp_path, {"out/x.txt": "x", "p/node_modules/dep/i.js": "x"})
    bundled = [name.format(out=out), "dep"]
    write(tmp_path, {"p/package.json": json.dumps({"files": [], "bundleDependencies": bundled})})
    os.symlink(out, tmp_path / "p" / "node_modules" / "link")
    assert list_npm_files(str(tmp_path / "p")) == ["node_modules/dep/i.js", "package.json"]


def test_everything_may_be_bundled(tmp_path: Path) -> None:
    package = {"files": [], "bundleDependencies": True, "dependencies": {"dep": "1.0.0"}}
    write(tmp_path, {"package.json": json.dumps(package), "node_modules/dep/i.js": "x"})
    assert list_npm_files(str(tmp_path)) == ["node_modules/dep/i.js", "package.json"]


@pytest.mark.parametrize("text", ['{"files": 5}', '{"files": ["!", "\\\\", "\\ud800"], "bin": 5, "dependencies": 5}'])
def test_a_package_that_npm_would_not_take_ends_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"package.json": text})
    (tmp_path / os.fsdecode(b"odd\xff.js")).write_text("x")
    assert "package.json" in list_npm_files(str(tmp_path))


@pytest.mark.parametrize("text", ["tool = 5", "[tool]\nhatch = 3", "[tool.poetry]\nexclude = 5", "a = " + "[" * 50_000])
def test_an_odd_pyproject_ends_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"pyproject.toml": text, "a.py": "x"})
    assert "a.py" in list_python_files(str(tmp_path))


def test_python_takes_the_archives_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "", "a.py": "x", "dist/x.txt": "x"})
    (tmp_path / "dist" / "a-1.0.tar.gz").write_bytes(tarred({"a.py": b"x"}, "w:gz"))
    found = list(published.split(str(tmp_path), Config(), NoState()))
    assert [file[0] for share in found for file in share.files] == [str(tmp_path / "dist" / "a-1.0.tar.gz")]


def test_python_without_archives_is_an_estimate_and_says_so(tmp_path: Path) -> None:
    hatch = '[tool.hatch.build.targets.sdist]\nexclude = ["/docs"]\n'
    manifest = "include LICENSE\nexclude secret.txt\nprune tests\nglobal-exclude *.bak\nrecursive-exclude data *.csv\n"
    names = (
        "a.py",
        "docs/x",
        "secret.txt",
        "sub/secret.txt",
        "tests/t.py",
        "x.bak",
        "data/a/b.csv",
        "data/c.txt",
        "out.log",
    )
    write(
        tmp_path,
        {**dict.fromkeys(names, "x"), "pyproject.toml": hatch, "MANIFEST.in": manifest, ".gitignore": "*.log\n"},
    )
    expected = [".gitignore", "MANIFEST.in", "a.py", "data/c.txt", "pyproject.toml", "sub/secret.txt"]
    assert list_python_files(str(tmp_path)) == expected
    notes = [item for item in published.split(str(tmp_path), Config(), NoState()) if isinstance(item, Skipped)]
    assert len(notes) == 1 and notes[0].expected and "estimated" in notes[0].reason


def test_no_project_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"needs a package\.json"):
        list(published.split(str(tmp_path), Config(), NoState()))
    (tmp_path / "package.json").write_text("{")
    with pytest.raises(SourceError, match="not valid JSON"):
        list(published.split(str(tmp_path), Config(), NoState()))


def test_what_would_go_out_is_scanned_and_nothing_else(tmp_path: Path) -> None:
    inside, outside = (expand("ghp_{alnum:30}{check:github-crc32}", seed) for seed in (1, 2))
    write(
        tmp_path, {"package.json": '{"files": ["lib"]}', "lib/a.js": f"k = '{inside}'", "src/b.js": f"k = '{outside}'"}
    )
    (tmp_path / "lib" / "a.js.map").write_bytes(source_map({"../src/b.ts": "x = 1\n"}))
    result = pipeline.scan(Config(targets=(str(tmp_path),), as_published=True, only=("github.*", "exposure.*"), jobs=1))
    assert {finding.rule.id for finding in result.findings} == {"github.pat-classic", "exposure.source-map"}
    assert [f.secret.reveal().decode() for f in result.findings if f.rule.id == "github.pat-classic"] == [inside]
