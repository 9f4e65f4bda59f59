"""Comparison with the package managers on the same files. Nothing needs the network."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.detector.incident.dependents.making import found, write

MANIFEST = {
    "name": "root",
    "version": "1.0.0",
    "workspaces": ["tools"],
    "dependencies": {"outer": "^1.0.0", "nick": "npm:renamed@^2.0.0"},
}
LOCK = {
    "name": "root",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": MANIFEST,
        "tools": {"version": "1.0.0", "dependencies": {"inner": "^1.0.0"}},
        "node_modules/tools": {"resolved": "tools", "link": True},
        "node_modules/outer": {"version": "1.2.0", "dependencies": {"inner": "^2.0.0", "@scope/deep": "1.x"}},
        "node_modules/inner": {"version": "1.5.0"},
        "node_modules/outer/node_modules/inner": {"version": "2.0.1"},
        "node_modules/@scope/deep": {"version": "1.0.0", "dependencies": {"inner": "1.x"}},
        "node_modules/nick": {"name": "renamed", "version": "2.2.0", "dependencies": {"outer": "1.x"}},
    },
}


def test_npm_lists_the_same_packages(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed")
    write(
        tmp_path,
        {
            "package.json": MANIFEST,
            "tools/package.json": {"name": "tools", "version": "1.0.0", "dependencies": {"inner": "^1.0.0"}},
            "package-lock.json": LOCK,
        },
    )

    def query(selector: str) -> set[tuple[str, str]]:
        environment = {**os.environ, "npm_config_offline": "true", "npm_config_cache": str(tmp_path / "cache")}
        done = subprocess.run(
            [npm, "query", selector, "--package-lock-only"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        rows = json.loads(done.stdout)
        return {
            (row["name"], row["version"])
            for row in rows
            if "node_modules/" in row["location"] and "tools" not in row["name"]
        }

    names = ("outer", "inner", "@scope/deep", "renamed")
    entries = [entry for name in names for entry in found(tmp_path, name, ecosystem="npm") if entry.is_locked]
    assert {(entry.name, entry.version) for entry in entries} == query("*")
    asked_for = query(":root > *") | query(".workspace > *")
    assert {(entry.name, entry.version) for entry in entries if entry.direct} == asked_for


def test_go_lists_the_same_modules(tmp_path: Path) -> None:
    go = shutil.which("go")
    if not go:
        pytest.skip("go is not installed")
    text = (
        "module example.test/m\ngo 1.21\nrequire example.test/one v1.0.0 // indirect\n"
        'require (\n\t"example.test/two/v2" v2.0.1\n\texample.test/three v0.0.0-20240101000000-0123456789ab // indirect; why\n)\n'
        "replace example.test/one v1.0.0 => example.test/other v1.5.0\n"
    )
    write(tmp_path, {"go.mod": text})
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "HOME": str(tmp_path)}
    done = subprocess.run(
        [go, "mod", "edit", "-json"], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
    )
    theirs = json.loads(done.stdout)
    replaced = {row["Old"]["Path"]: (row["New"]["Path"], row["New"]["Version"]) for row in theirs["Replace"]}
    expected = {
        (*replaced.get(row["Path"], (row["Path"], row["Version"])), not row.get("Indirect", False))
        for row in theirs["Require"]
    }
    names = ("one", "two", "three", "other")
    entries = [entry for name in names for entry in found(tmp_path, f"pkg:golang/example.test/{name}")]
    assert {(entry.name, entry.version, entry.direct) for entry in entries} == expected


def test_cargo_lists_the_same_packages(tmp_path: Path) -> None:
    cargo = shutil.which("cargo")
    if not cargo:
        pytest.skip("cargo is not installed")

    def crate(name: str, *needs: str) -> dict[str, str]:
        lines = [f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]']
        lines += [f'{need} = {{ path = "../{need}" }}' for need in needs]
        return {f"{name}/Cargo.toml": "\n".join(lines), f"{name}/src/lib.rs": ""}

    files = {**crate("root", "outer"), **crate("outer", "inner"), **crate("inner")}
    write(tmp_path, files)
    done = subprocess.run(
        [cargo, "metadata", "--format-version", "1", "--offline"],
        cwd=tmp_path / "root",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CARGO_HOME": str(tmp_path / "home")},
    )
    if done.returncode:
        pytest.skip(f"cargo does not run here: {done.stderr[:100]}")
    lock = (tmp_path / "root" / "Cargo.lock").read_text()
    # path dependencies have no source; registry packages have one
    for name in ("outer", "inner"):
        lock = lock.replace(
            f'name = "{name}"\nversion = "0.1.0"', f'name = "{name}"\nversion = "0.1.0"\nsource = "registry+x"'
        )
    (tmp_path / "root" / "Cargo.lock").write_text(lock)
    graph = {node["id"]: node["dependencies"] for node in json.loads(done.stdout)["resolve"]["nodes"]}
    outer = next(need for need in graph if "/outer#" in need or need.startswith("outer "))
    assert len(graph[outer]) == 1
    (direct,) = found(tmp_path / "root", "pkg:cargo/outer@0.1.0")
    (indirect,) = found(tmp_path / "root", "pkg:cargo/inner")
    assert (direct.direct, indirect.direct, indirect.via) == (True, False, ("outer@0.1.0",))
