"""`leakfirst dependents` from the command line: table, JSON and exit codes."""

import json
from pathlib import Path

import pytest

from leakfirst._program import main
from tests.detector.incident.dependents.making import commit, git, write

LOCK = {
    "lockfileVersion": 3,
    "packages": {
        "": {"dependencies": {"outer": "*"}},
        "node_modules/outer": {"version": "1.0.0", "dependencies": {"inner": "*"}},
        "node_modules/inner": {"version": "2.0.0"},
    },
}


def test_the_table_shows_match_and_dependency_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(tmp_path / "app", {"package-lock.json": LOCK})
    commit(tmp_path / "lib", {"package.json": {"dependencies": {"inner": "^2.0.0"}}})
    commit(tmp_path / "none", {"package.json": {"dependencies": {"inner": "^3.0.0"}}})
    assert main(["dependents", "inner@2.0.0", str(tmp_path)]) == 1
    output = capsys.readouterr()
    rows = [" ".join(line.split()) for line in output.out.replace(str(tmp_path), "").splitlines()]
    assert rows == [
        "REPOSITORY FILE ECOSYSTEM PACKAGE MATCH VIA",
        "/app package-lock.json npm inner 2.0.0 locked outer@1.0.0",
        "/lib package.json npm inner ^2.0.0 allowed direct",
    ]
    assert output.err == "leakfirst: 2 of 3 places depend on inner 2.0.0 (npm): 1 locked, 1 allowed\n"


def test_exit_code_0_without_dependents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"package-lock.json": LOCK})
    assert main(["dependents", "left-pad", str(tmp_path)]) == 0
    output = capsys.readouterr()
    assert output.out == "" and "1 place searched: nothing depends on left-pad (any ecosystem)" in output.err


def test_an_ecosystem_before_the_name_selects_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"package-lock.json": LOCK})
    assert main(["dependents", "npm:inner@2.0.0", str(tmp_path)]) == 1
    assert main(["dependents", "pypi:inner", str(tmp_path)]) == 0
    assert "nothing depends on inner (pypi)" in capsys.readouterr().err
    assert main(["dependents", "cobol:inner", str(tmp_path)]) == 2
    assert "no ecosystem is named 'cobol'; known: npm, pypi" in capsys.readouterr().err


def test_exit_code_3_if_a_file_could_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"package-lock.json": LOCK, "sub/yarn.lock": "rubbish\x1b[2J"})
    assert main(["dependents", "left-pad", str(tmp_path)]) == 3
    assert "not read: " in capsys.readouterr().err
    assert main(["dependents", "inner", str(tmp_path)]) == 1
    assert main(["dependents", "inner", str(tmp_path / "nothing")]) == 3
    assert "no such file or folder" in capsys.readouterr().err


def test_json_contains_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tip = commit(tmp_path / "app", {"package-lock.json": LOCK})
    assert main(["dependents", "pkg:npm/inner", "--history", "-f", "json", str(tmp_path / "app")]) == 1
    data = json.loads(capsys.readouterr().out)
    (row,) = data["dependents"]
    assert data["packages"] == [{"ecosystem": "npm", "name": "inner", "range": ""}]
    assert data["repositories"] == [str(tmp_path / "app")] and data["skipped"] == []
    assert (row["version"], row["via"], row["direct"], row["since"], row["until"]) == (
        "2.0.0",
        ["outer@1.0.0"],
        False,
        tip,
        "",
    )


def test_a_list_of_repositories_is_cloned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(tmp_path / "app", {"package-lock.json": LOCK})
    git(tmp_path, "clone", "-q", "--bare", "app", "bare.git")
    (tmp_path / "fleet.txt").write_text(f"file://{tmp_path}/bare.git\nfile://{tmp_path}/gone.git\n")
    words = ["dependents", "inner", "--clones", str(tmp_path / "clones"), f"file:{tmp_path}/fleet.txt"]
    assert main(words) == 1
    output = capsys.readouterr()
    assert f"{tmp_path}/clones" not in output.out and "bare" in output.out
    assert "not read: " in output.err and "gone" in output.err


def test_a_list_of_packages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(tmp_path / "app", {"package-lock.json": LOCK, "requirements.txt": "Inner==1.0\nthird>=2\n"})
    names = "\n".join(f"pkg:npm/other{number}@1.0.0" for number in range(100))
    (tmp_path / "many").write_text(
        f"# compromised\npkg:npm/inner@2.0.0   # since May\n\n{names}\npkg:pypi/third@1.0\ninner@1.0\n"
    )
    assert main(["dependents", "--list", str(tmp_path / "many"), "-f", "json", str(tmp_path / "app")]) == 1
    data = json.loads(capsys.readouterr().out)
    assert len(data["packages"]) == 103
    assert [(row["ecosystem"], row["name"], row["version"]) for row in data["dependents"]] == [
        ("npm", "inner", "2.0.0"),
        ("pypi", "Inner", "1.0"),
    ]
    (tmp_path / "many").write_text("fine\nnot>=fine\n")
    assert main(["dependents", "--list", str(tmp_path / "many")]) == 2
    assert "many:2: 'not>=fine' is not a package" in capsys.readouterr().err
    assert main(["dependents"]) == 2


def test_an_sbom_may_have_any_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    components = [{"bom-ref": "a", "purl": "pkg:npm/inner@2.0.0"}]
    write(tmp_path, {"image.json": {"bomFormat": "CycloneDX", "components": components}})
    assert main(["dependents", "inner", str(tmp_path / "image.json")]) == 1
    assert f"{tmp_path}  image.json  npm        inner 2.0.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["a>=1"], ["pkg:x/y"], ["x", "--ecosystem", "cobol"], ["x@>=>"], ["x", "nowhere:acme"]]
)
def test_a_malformed_argument_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dependents", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
