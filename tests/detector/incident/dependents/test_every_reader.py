"""The entries of small files of every kind, and malformed and hostile files."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from detector import registry
from detector.errors import UsageError
from detector.incident.dependents import Match
from detector.incident.dependents._contract import DependencyReader, WorkspaceReader
from detector.incident.dependents._readers import PACKAGE, load_readers
from detector.registry import check_contract, load, names
from tests.detector.incident.dependents.making import found, summarize, unread, write
from tests.protocols import check_with_mypy

Row = tuple[str, str, bool | None, tuple[str, ...]]

NPM_1 = {
    "lockfileVersion": 1,
    "dependencies": {
        "outer": {"version": "1.0.0", "requires": {"middle": "^2.0.0"}},
        "middle": {
            "version": "2.0.0",
            "requires": {"inner": "^3.0.0"},
            "dependencies": {"inner": {"version": "3.0.0"}},
        },
        "inner": {"version": "npm:renamed@9.0.0"},
    },
}
NPM_OF_2017 = {
    "lockfileVersion": 1,
    "dependencies": {
        "@scope/outer": {"version": "https://registry.acme.test/npm/@scope/outer/-/outer-1.0.0-rc.1.tgz"},
        "inner": {"version": "https://acme.test/inner-2.0.0.tgz"},
    },
}
NPM_3 = {
    "lockfileVersion": 3,
    "packages": {
        "": {"dependencies": {"outer": "*"}, "workspaces": ["tools"]},
        "tools": {"devDependencies": {"inner": "1"}},
        "node_modules/tools": {"resolved": "tools", "link": True},
        "node_modules/outer": {"version": "1.0.0", "optionalDependencies": {"other": "*"}},
        "node_modules/inner": {"version": "1.0.0", "dev": True},
        "node_modules/other": {"name": "@real/name", "version": "4.0.0", "dependencies": {"inner": "2"}},
        "node_modules/other/node_modules/inner": {"version": "2.0.0"},
    },
}
DISGUISED = "https://registry.acme.test/inner/-/inner-6.6.6.tgz"
"""The URL of a package with another name or version."""
YARN_1 = """# yarn lockfile v1


"@scope/outer@^1.0.0", "@scope/outer@^1.1.0":
  version "1.2.0"
  dependencies:
    inner "^2.0.0"

inner@^2.0.0, inner@~2.1.0:
  version "2.1.5"

"nick@npm:renamed@^1.0.0":
  version "1.0.7"
"""
BERRY = """__metadata:
  version: 8

"outer@npm:^1.0.0":
  version: 1.2.0
  resolution: "outer@npm:1.2.0"
  dependencies:
    inner: "npm:^2.0.0"
    nick: "npm:renamed@^1.0.0"
  checksum: 10c0/aa

"inner@npm:^2.0.0":
  version: 2.1.5
  resolution: "inner@npm:2.1.5"

"nick@npm:renamed@^1.0.0":
  version: 1.0.7
  resolution: "renamed@npm:1.0.7"

"root@workspace:.":
  version: 0.0.0-use.local
  resolution: "root@workspace:."
  dependencies:
    outer: "npm:^1.0.0"
"""
PNPM_5 = """lockfileVersion: 5.4
specifiers: {outer: ^1.0.0}
dependencies:
  outer: 1.0.0_peer@3.0.0
packages:
  /outer/1.0.0_peer@3.0.0:
    dependencies: {'@scope/inner': 2.10.0}
    dev: false
  /@scope/inner/2.10.0:
    dev: true
"""
PNPM_6 = """lockfileVersion: '6.0'
dependencies:
  outer: {specifier: ^1.0.0, version: 1.0.0(peer@3.0.0)}
packages:
  /outer@1.0.0(peer@3.0.0):
    dependencies: {'@scope/inner': 2.10.0}
  /@scope/inner@2.10.0: {}
"""
PNPM_9 = """lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      outer: {specifier: ^1.0.0, version: 1.0.0(peer@3.0.0)}
packages:
  outer@1.0.0: {}
  '@scope/inner@2.10.0': {}
snapshots:
  outer@1.0.0(peer@3.0.0):
    dependencies: {nick: '@scope/inner@2.10.0'}
  '@scope/inner@2.10.0': {}
"""
BUN = """{
  // written by bun
  "lockfileVersion": 1,
  "workspaces": {"": {"name": "root", "dependencies": {"outer": "^1.0.0"}},},
  "packages": {
    "outer": ["outer@1.0.0", "", {"dependencies": {"inner": "^2.0.0"}}, "sha512-x"],
    "inner": ["inner@1.0.0", "", {}, "sha512-y"],
    "outer/inner": ["inner@2.0.0", "", {}, "sha512-//z,]"],
  },
}
"""
POETRY = """[[package]]
name = "outer"
version = "1.0"
[package.dependencies]
In_ner = ">=2"
[[package]]
name = "in-ner"
version = "2.10"
[metadata]
lock-version = "2.0"
"""
UV = """version = 1
[[package]]
name = "root"
version = "0.1.0"
source = { editable = "." }
dependencies = [{ name = "outer" }]
[[package]]
name = "outer"
version = "1.0"
source = { registry = "https://example.test/simple" }
dependencies = [{ name = "inner" }]
[[package]]
name = "inner"
version = "2.0"
source = { registry = "https://example.test/simple" }
"""
CARGO = """version = 3
[[package]]
name = "root"
version = "0.1.0"
dependencies = ["outer"]
[[package]]
name = "outer"
version = "1.0.0"
source = "registry+https://example.test/index"
dependencies = ["in_ner 2.0.0"]
[[package]]
name = "in_ner"
version = "2.0.0"
source = "registry+https://example.test/index"
[[package]]
name = "in_ner"
version = "1.0.0"
source = "registry+https://example.test/index"
"""
GEMS = """GEM
  remote: https://example.test/
  specs:
    outer (1.0.0)
      inner (>= 2.0)
    inner (2.0.0-x86_64-linux)
    inner (2.0.0)

PLATFORMS
  ruby

DEPENDENCIES
  outer (~> 1.0)!

BUNDLED WITH
   2.4.0
"""
POM = """<?xml version="1.0"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <parent><groupId>org.example</groupId><artifactId>parent</artifactId><version>1</version></parent>
  <artifactId>child</artifactId>
  <properties><inner.version>${base.version}.1</inner.version></properties>
  <dependencies>
    <dependency><groupId>org.x</groupId><artifactId>inner</artifactId><version>${inner.version}</version></dependency>
    <dependency><groupId>org.x</groupId><artifactId>managed</artifactId></dependency>
    <dependency><groupId>org.x</groupId><artifactId>elsewhere</artifactId></dependency>
  </dependencies>
</project>
"""
PARENT = """<project>
  <groupId>org.example</groupId><artifactId>parent</artifactId><version>1</version>
  <properties><base.version>2.0</base.version></properties>
  <dependencyManagement><dependencies>
    <dependency><groupId>org.x</groupId><artifactId>managed</artifactId><version>[1.0,2.0)</version></dependency>
  </dependencies></dependencyManagement>
</project>
"""
NUGET = {
    "version": 1,
    "dependencies": {
        "net8.0": {
            "Outer": {"type": "Direct", "resolved": "1.0.0", "dependencies": {"Inner": "2.0.0"}},
            "Inner": {"type": "Transitive", "resolved": "2.0.0"},
        }
    },
}
MIX = """%{
  "outer": {:hex, :outer, "1.0.0", "aa", [:mix], [{:inner, "~> 2.0", [hex: :inner, repo: "hexpm"]}], "hexpm", "bb"},
  "inner": {:hex, :real_inner, "2.0.0", "cc", [:mix], [], "hexpm", "dd"},
  "own": {:git, "https://example.test/own.git", "0123456789012345678901234567890123456789", []},
}
"""
PUB = """packages:
  inner:
    dependency: transitive
    description: {name: inner, url: "https://pub.dev"}
    source: hosted
    version: "2.10.0"
  outer:
    dependency: "direct main"
    source: hosted
    version: "1.0.0"
sdks:
  dart: ">=3.0.0"
"""
DOCKER = """# syntax=docker/dockerfile:1
ARG VERSION=18.2.0
ARG BASE=docker.io/library/inner:${VERSION}-alpine
FROM --platform=linux/amd64 $BASE AS build
FROM build AS again
FROM ghcr.io/x/other:${UNSET:-main}
COPY --from=inner:3 /a /b
COPY --from=build /a /b
RUN echo \\
  FROM nothing
"""
WORKFLOW = """on: push
jobs:
  one:
    container: {image: "inner/image:1.2.3"}
    services: {db: {image: postgres}}
    steps:
      - uses: owner/action@v4
      - uses: owner/action/sub@0123456789012345678901234567890123456789 # v4.1.1
      - uses: ./local
      - uses: docker://inner/image
      - run: "uses: owner/action@v9"
  two:
    uses: owner/action/.github/workflows/shared.yml@main
"""
PRE_COMMIT = """repos:
  - repo: https://github.com/owner/hooks
    rev: v1.2.3
    hooks:
      - id: one
        additional_dependencies: ["inner==2.0", "@scope/inner@1.0.0", "types-x"]
  - repo: local
    hooks: [{id: two}]
  - repo: git@gitlab.com:owner/hooks.git
    rev: main
    hooks: []
"""
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "metadata": {"component": {"bom-ref": "root", "name": "root"}},
    "components": [
        {"bom-ref": "file", "type": "application", "name": "package-lock.json"},
        {
            "bom-ref": "a",
            "purl": "pkg:npm/outer@1.0.0",
            "components": [{"bom-ref": "b", "purl": "pkg:npm/%40s/inner@2.0.0"}],
        },
    ],
    "dependencies": [
        {"ref": "root", "dependsOn": ["file"]},
        {"ref": "file", "dependsOn": ["a"]},
        {"ref": "a", "dependsOn": ["b"]},
    ],
}


def purl(text: str) -> list[dict[str, str]]:
    return [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": text}]


SPDX = {
    "spdxVersion": "SPDX-2.3",
    "packages": [
        {"SPDXID": "SPDXRef-root", "name": "root", "externalRefs": purl("pkg:npm/root@1.0.0")},
        {"SPDXID": "SPDXRef-a", "versionInfo": "1.0.0", "externalRefs": purl("pkg:npm/outer@1.0.0")},
        {"SPDXID": "SPDXRef-b", "versionInfo": "2.0.0", "externalRefs": purl("pkg:npm/inner")},
        {"SPDXID": "SPDXRef-c", "externalRefs": purl("pkg:npm/loose@3.0.0")},
    ],
    "relationships": [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"},
        {"spdxElementId": "SPDXRef-root", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-a"},
        {"spdxElementId": "SPDXRef-b", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-a"},
        {"spdxElementId": "SPDXRef-root", "relationshipType": "CONTAINS", "relatedSpdxElement": "SPDXRef-c"},
    ],
}
SPDX_3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "SpdxDocument", "rootElement": ["urn:root"]},
        {"type": "software_Package", "spdxId": "urn:a", "software_packageUrl": "pkg:npm/outer@1.0.0"},
        {
            "type": "software_Package",
            "spdxId": "urn:b",
            "software_packageUrl": "pkg:npm/inner",
            "software_packageVersion": "2.0.0",
        },
        {"type": "Relationship", "from": "urn:root", "relationshipType": "dependsOn", "to": ["urn:a"]},
        {"type": "LifecycleScopedRelationship", "from": "urn:a", "relationshipType": "dependsOn", "to": ["urn:b"]},
    ],
}
REQUIREMENTS = {
    "requirements.txt": "-r sub/base.txt\n-c limits.txt\nOther == 1.0 ; python_version > '3'  # why\n-e git+https://h.test/x.git#egg=edited\n",
    "sub/base.txt": "--hash=sha256:aa\n-r ../requirements.txt\nIn.ner[extra]>=2, \\\n  <3 --hash=sha256:bb\n",
    "limits.txt": "in_ner==2.5\nhint==1\n",
}
COMPILED = """flask==3.0
    # via -r requirements.in
jinja2==3.1
    # via flask
markupsafe==3.0  # via jinja2, werkzeug
werkzeug==3.1
    # via
    #   flask
    #   another (pyproject.toml)
"""
PYPROJECT = """[build-system]
requires = ["inner>=1"]
[project]
name = "x"
dependencies = ["inner[y]~=1.4", "other @ https://h.test/o.whl"]
[project.optional-dependencies]
more = ["inner==1.5"]
[dependency-groups]
dev = ["inner!=2", {include-group = "x"}]
[tool.poetry.dependencies]
python = "^3.11"
Inner = {version = "^1.2", extras = ["x"]}
"""
CSPROJ = """<Project Sdk="x">
  <PropertyGroup><V>2.0.0</V></PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Inner" Version="$(V)" />
    <PackageReference Include="Central" />
    <PackageReference Include="Ranged"><Version>[1.0,2.0)</Version></PackageReference>
  </ItemGroup>
</Project>
"""
CENTRAL = '<Project><ItemGroup><PackageVersion Include="central" Version="3.0.0" /></ItemGroup></Project>'
GO_MOD = """module example.test/m

go 1.22

require (
	example.test/Direct v1.2.3
	example.test/x/v2 v2.0.1 // indirect
)
require example.test/old v1.0.0
replace (
	example.test/old => example.test/new/v3 v3.1.0
	example.test/gone => ../gone
)
"""
CATALOG = """[versions]
inner = "2.0"
[libraries]
one = { module = "org.x:inner", version.ref = "inner" }
two = "org.x:other:[1.0,2.0)"
three = { group = "org.x", name = "bare" }
[plugins]
p = { id = "org.x.plug", version = "1.1" }
"""
GRADLE = """dependencies {
    implementation "org.x:inner:2.0"
    api group: 'org.x', name: 'apart', version: '1.0'
    implementation("org.x:other:$v")
}
"""
CARGO_TOML = """[dependencies]
inner = "1.2"
[target.'cfg(unix)'.dev-dependencies]
nick = { package = "in_ner2", version = "=0.3.1" }
"""


def simple(version: str, *via: str, direct: bool | None = False) -> Row:
    return "", version, direct, via


CASES: list[tuple[str, Mapping[str, Any], list[Row]]] = [
    ("npm/inner", {"package-lock.json": NPM_1}, [simple("3.0.0", "outer@1.0.0", "middle@2.0.0", direct=None)]),
    (
        "npm/inner",
        {"package-lock.json": NPM_1, "package.json": {"dependencies": {"outer": "1"}}},
        [simple("3.0.0", "outer@1.0.0", "middle@2.0.0")],
    ),
    ("npm/renamed", {"package-lock.json": NPM_1}, [simple("9.0.0", direct=True)]),
    ("npm/%40scope/outer", {"package-lock.json": NPM_OF_2017}, [simple("1.0.0-rc.1", direct=True)]),
    ("npm/inner", {"package-lock.json": NPM_OF_2017}, [simple("https://acme.test/inner-2.0.0.tgz", direct=True)]),
    (
        "npm/inner",
        {"npm-shrinkwrap.json": NPM_3},
        [simple("1.0.0", direct=True), simple("2.0.0", "outer@1.0.0", "@real/name@4.0.0")],
    ),
    ("npm/tools", {"package-lock.json": NPM_3}, []),
    (
        "npm/inner@6.6.6",
        {
            "package-lock.json": {
                "lockfileVersion": 3,
                "packages": {
                    "": {"dependencies": {"harmless": "1"}},
                    "node_modules/harmless": {"version": "1.0.0", "resolved": DISGUISED},
                },
            }
        },
        [simple("6.6.6", direct=True)],
    ),
    (
        "npm/inner@6.6.6",
        {
            "package-lock.json": {
                "lockfileVersion": 1,
                "dependencies": {"inner": {"version": "1", "resolved": DISGUISED}},
            }
        },
        [simple("6.6.6", direct=True)],
    ),
    (
        "npm/inner",
        {"package-lock.json": {"lockfileVersion": 2, "packages": {}, "dependencies": {"inner": {"version": "1.0.0"}}}},
        [simple("1.0.0", direct=True)],
    ),
    (
        "npm/inner",
        {
            "bom.json": {
                "bomFormat": "CycloneDX",
                "components": [
                    {"type": "library", "name": "inner", "version": "1.0.0"},
                    {"type": "file", "name": "inner", "version": "9"},
                    {"bom-ref": "x", "purl": "pkg:npm/inner@3.0.0"},
                    {"bom-ref": "x", "purl": "pkg:npm/other@3.0.0"},
                ],
            }
        },
        [simple("3.0.0", direct=None), simple("1.0.0", direct=None)],
    ),
    (
        "npm/inner",
        {
            "a.spdx.json": {
                "spdxVersion": "SPDX-2.3",
                "packages": [
                    {"SPDXID": "a", "name": "inner", "versionInfo": "1"},
                    {
                        "SPDXID": "b",
                        "name": "inner",
                        "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/inner@2"}],
                    },
                ],
            }
        },
        [simple("1", direct=None)],
    ),
    (
        "npm/inner@6.6.6",
        {"yarn.lock": f'# yarn lockfile v1\n\nharmless@^1.0.0:\n  version "1.0.0"\n  resolved "{DISGUISED}#0f"\n'},
        [simple("6.6.6", direct=True)],
    ),
    ("npm/%40real/name", {"package-lock.json": NPM_3}, [simple("4.0.0", "outer@1.0.0")]),
    (
        "npm/inner",
        {
            "yarn.lock": YARN_1,
            "package.json": {"dependencies": {"@scope/outer": "^1.1.0", "nick": "npm:renamed@^1.0.0"}},
        },
        [simple("2.1.5", "@scope/outer@1.2.0")],
    ),
    ("npm/renamed", {"yarn.lock": YARN_1}, [simple("1.0.7", direct=True)]),
    ("npm/nick", {"yarn.lock": YARN_1}, []),
    ("npm/inner", {"yarn.lock": BERRY}, [simple("2.1.5", "outer@1.2.0")]),
    ("npm/renamed", {"yarn.lock": BERRY}, [simple("1.0.7", "outer@1.2.0")]),
    ("npm/root", {"yarn.lock": BERRY}, []),
    ("npm/%40scope/inner", {"pnpm-lock.yaml": PNPM_5}, [simple("2.10.0", "outer@1.0.0")]),
    ("npm/%40scope/inner", {"pnpm-lock.yaml": PNPM_6}, [simple("2.10.0", "outer@1.0.0")]),
    ("npm/%40scope/inner", {"pnpm-lock.yaml": PNPM_9}, [simple("2.10.0", "outer@1.0.0")]),
    ("npm/outer", {"pnpm-lock.yaml": PNPM_9}, [simple("1.0.0", direct=True)]),
    ("npm/inner", {"bun.lock": BUN}, [simple("1.0.0"), simple("2.0.0", "outer@1.0.0")]),
    (
        "npm/inner",
        {
            "package.json": {
                "dependencies": {"inner": "^1"},
                "devDependencies": {"nick": "npm:inner@2"},
                "resolutions": {"**/inner": "3.0.0", "@a/b/inner": "3.0.1"},
                "overrides": {"outer": {"inner@^1": "4.0.0", ".": "1"}},
                "pnpm": {"overrides": {"outer>inner": "5.0.0"}},
            }
        },
        [
            simple("^1", direct=True),
            simple("2", direct=True),
            *(simple(version, direct=None) for version in ("4.0.0", "3.0.0", "3.0.1", "5.0.0")),
        ],
    ),
    (
        "pypi/in-ner",
        {"poetry.lock": POETRY, "pyproject.toml": '[tool.poetry.dependencies]\nouter = "*"\n'},
        [simple("2.10", "outer@1.0")],
    ),
    ("pypi/outer", {"poetry.lock": POETRY}, [simple("1.0", direct=True)]),
    (
        "pypi/in.ner",
        {"pdm.lock": POETRY.replace('[package.dependencies]\nIn_ner = ">=2"', 'dependencies = ["in_ner>=2; x"]')},
        [simple("2.10", "outer@1.0", direct=None)],
    ),
    ("pypi/inner", {"uv.lock": UV}, [simple("2.0", "outer@1.0")]),
    ("pypi/root", {"uv.lock": UV}, []),
    (
        "pypi/inner",
        {
            "pylock.toml": 'lock-version = "1.0"\n[[packages]]\nname = "inner"\nversion = "2.0"\n'
            '[[packages]]\nname = "outer"\nversion = "1.0"\ndependencies = [{name = "inner"}]\n'
        },
        [simple("2.0", "outer@1.0", direct=None)],
    ),
    (
        "pypi/inner",
        {
            "Pipfile.lock": {"_meta": {}, "default": {"inner": {"version": "==2.0"}}, "develop": {}},
            "Pipfile": '[packages]\nouter = "*"\n[dev-packages]\n"in.ner" = {version = ">=1"}\n',
        },
        [simple("2.0")],
    ),
    ("pypi/in-ner", {"Pipfile": '[dev-packages]\n"in.ner" = {version = ">=1"}\n'}, [simple(">=1", direct=True)]),
    ("pypi/in-ner", REQUIREMENTS, [("sub/base.txt", "2.5", True, ())]),
    ("pypi/other", REQUIREMENTS, [simple("1.0", direct=True)]),
    ("pypi/edited", REQUIREMENTS, [simple("git+https://h.test/x.git", direct=True)]),
    ("pypi/hint", REQUIREMENTS, [("limits.txt", "==1", None, ())]),
    ("pypi/markupsafe", {"requirements.txt": COMPILED}, [simple("3.0", "werkzeug@3.1")]),
    ("pypi/jinja2", {"requirements.txt": COMPILED}, [simple("3.1", "flask@3.0")]),
    ("pypi/werkzeug", {"requirements.txt": COMPILED}, [simple("3.1", direct=True)]),
    (
        "pypi/inner",
        {"pyproject.toml": PYPROJECT},
        [simple(text, direct=True) for text in (">=1", "~=1.4", "1.5", "!=2", "^1.2")],
    ),
    (
        "pypi/inner",
        {"setup.cfg": "[options]\ninstall_requires =\n  inner>=1\n[options.extras_require]\nx = inner==2; y\n"},
        [simple(">=1", direct=True), simple("2", direct=True)],
    ),
    ("golang/example.test/direct", {"go.mod": GO_MOD}, [simple("v1.2.3", direct=True)]),
    ("golang/example.test/x", {"go.mod": GO_MOD}, [simple("v2.0.1")]),
    ("golang/example.test/x#v2", {"go.mod": GO_MOD}, [simple("v2.0.1")]),
    ("golang/example.test/x#v3", {"go.mod": GO_MOD}, []),
    ("golang/example.test/new", {"go.mod": GO_MOD}, [simple("v3.1.0", direct=True)]),
    ("golang/example.test/old", {"go.mod": GO_MOD, "go.sum": "example.test/old v1.0.0 h1:a=\n"}, []),
    (
        "golang/example.test/x",
        {"go.sum": "example.test/x v1.0.0 h1:a=\nexample.test/x v1.1.0/go.mod h1:a=\n"},
        [simple("v1.0.0")],
    ),
    ("cargo/in-ner", {"Cargo.lock": CARGO}, [simple("2.0.0", "outer@1.0.0"), simple("1.0.0")]),
    ("cargo/inner", {"Cargo.toml": CARGO_TOML}, [simple("1.2", direct=True)]),
    ("cargo/in-ner2", {"Cargo.toml": CARGO_TOML}, [simple("=0.3.1", direct=True)]),
    ("gem/inner", {"Gemfile.lock": GEMS}, [simple("2.0.0", "outer@1.0.0")]),
    ("gem/outer", {"Gemfile.lock": GEMS}, [simple("1.0.0", direct=True)]),
    (
        "gem/inner",
        {"Gemfile": 'gem "inner", "~> 2.0", ">= 2.0.1", require: false\n', "x.gemspec": 's.add_dependency("inner")\n'},
        [simple("~> 2.0, >= 2.0.1", direct=True), ("x.gemspec", "", True, ())],
    ),
    (
        "composer/v/inner",
        {
            "composer.lock": '{"packages": [{"name": "v\\/outer", "version": "v1.0.0", "require": {"v\\/Inner": "*"}}],'
            '"packages-dev": [{"name": "v\\/inner", "version": "2.0.0"}]}',
            "composer.json": {"require": {"v/outer": "^1.0"}},
        },
        [simple("2.0.0", "v/outer@v1.0.0")],
    ),
    ("composer/v/outer", {"composer.json": {"require-dev": {"V/Outer": "^1.0"}}}, [simple("^1.0", direct=True)]),
    ("maven/org.x/inner", {"sub/pom.xml": POM, "pom.xml": PARENT}, [("sub/pom.xml", "2.0.1", True, ())]),
    ("maven/org.x/managed", {"sub/pom.xml": POM, "pom.xml": PARENT}, [("sub/pom.xml", "[1.0,2.0)", True, ())]),
    ("maven/org.x/elsewhere", {"sub/pom.xml": POM}, [("sub/pom.xml", "(managed elsewhere)", True, ())]),
    ("maven/org.example/parent", {"sub/pom.xml": POM}, [("sub/pom.xml", "1", True, ())]),
    (
        "maven/org.x/inner",
        {"gradle.lockfile": "# remark\norg.x:inner:2.0=compileClasspath,runtimeClasspath\nempty=\n"},
        [simple("2.0", direct=None)],
    ),
    ("maven/org.x/inner", {"gradle/libs.versions.toml": CATALOG}, [simple("2.0", direct=True)]),
    ("maven/org.x/other", {"gradle/libs.versions.toml": CATALOG}, [simple("[1.0,2.0)", direct=True)]),
    ("maven/org.x.plug/org.x.plug.gradle.plugin", {"libs.versions.toml": CATALOG}, [simple("1.1", direct=True)]),
    ("maven/org.x/inner", {"build.gradle": GRADLE}, [simple("2.0", direct=True)]),
    ("maven/org.x/apart", {"build.gradle.kts": GRADLE}, [simple("1.0", direct=True)]),
    ("nuget/INNER", {"packages.lock.json": NUGET}, [simple("2.0.0", "Outer@1.0.0")]),
    ("nuget/inner", {"a/x.csproj": CSPROJ}, [("a/x.csproj", "2.0.0", True, ())]),
    (
        "nuget/central",
        {"a/x.csproj": CSPROJ, "Directory.Packages.props": CENTRAL},
        [("a/x.csproj", "3.0.0", True, ())],
    ),
    ("nuget/ranged", {"x.fsproj": CSPROJ}, [simple("[1.0,2.0)", direct=True)]),
    (
        "nuget/inner",
        {"packages.config": '<packages><package id="Inner" version="1.0.0" /></packages>'},
        [simple("1.0.0", direct=True)],
    ),
    (
        "hex/real_inner",
        {"mix.lock": MIX, "mix.exs": 'defp deps do [{:outer, "~> 1.0"}] end'},
        [simple("2.0.0", "outer@1.0.0")],
    ),
    ("hex/outer", {"mix.lock": MIX}, [simple("1.0.0", direct=True)]),
    ("pub/inner", {"pubspec.lock": PUB}, [simple("2.10.0")]),
    ("pub/outer", {"pubspec.lock": PUB}, [simple("1.0.0", direct=True)]),
    (
        "pub/inner",
        {"pubspec.yaml": "dependencies:\n  inner: ^2.0.0\n  flutter: {sdk: flutter}\n"},
        [simple("^2.0.0", direct=True)],
    ),
    ("docker/inner", {"Dockerfile": DOCKER}, [simple("18.2.0-alpine", direct=True), simple("3", direct=True)]),
    ("docker/x/other?repository_url=ghcr.io", {"web.dockerfile": DOCKER}, [simple("main", direct=True)]),
    ("docker/build", {"Dockerfile": DOCKER}, []),
    (
        "docker/inner",
        {"docker-compose.yml": "services:\n  a:\n    image: inner:${TAG:-2.0.1}\n  b:\n    build: .\n"},
        [simple("2.0.1", direct=True)],
    ),
    (
        "github/owner/action",
        {".github/workflows/ci.yml": WORKFLOW},
        [simple("main", direct=True), simple("v4", direct=True), simple("v4.1.1", direct=True)],
    ),
    (
        "docker/inner/image",
        {".github/workflows/ci.yml": WORKFLOW},
        [simple("latest", direct=True), simple("1.2.3", direct=True)],
    ),
    (
        "github/owner/action",
        {"action.yml": "runs:\n  using: composite\n  steps:\n    - uses: Owner/Action@v1.0.0\n"},
        [simple("v1.0.0", direct=True)],
    ),
    ("github/owner/hooks", {".pre-commit-config.yaml": PRE_COMMIT}, [simple("v1.2.3", direct=True)]),
    ("pypi/inner", {".pre-commit-config.yaml": PRE_COMMIT}, [simple("2.0", direct=True)]),
    ("npm/%40scope/inner", {".pre-commit-config.yaml": PRE_COMMIT}, [simple("1.0.0", direct=True)]),
    ("npm/%40s/inner", {"x.cdx.json": CYCLONEDX}, [simple("2.0.0", "outer@1.0.0")]),
    ("npm/outer", {"bom.json": CYCLONEDX}, [simple("1.0.0", direct=True)]),
    ("npm/inner", {"sbom.json": SPDX}, [simple("2.0.0", "outer@1.0.0")]),
    ("npm/outer", {"x.spdx.json": SPDX}, [simple("1.0.0", direct=True)]),
    ("npm/loose", {"x.spdx.json": SPDX}, [simple("3.0.0", direct=None)]),
    ("npm/root", {"x.spdx.json": SPDX}, []),
    ("npm/inner", {"x.spdx.json": SPDX_3}, [simple("2.0.0", "outer@1.0.0")]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES, ids=[f"{next(iter(case[1]))} {case[0]}" for case in CASES])
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    write(tmp_path, files)
    first = next(iter(files))
    entries = found(tmp_path, f"pkg:{wanted}")
    assert sorted(map(summarize, entries), key=str) == sorted(((path or first, *rest) for path, *rest in rows), key=str)


READERS = names(PACKAGE)


def test_there_are_readers() -> None:
    assert len(READERS) >= 36


def test_mypy_accepts_every_reader_as_a_reader() -> None:
    check_with_mypy(PACKAGE, DependencyReader)
    workspace_readers = [name for name in READERS if hasattr(load_reader(name), "make_workspace_filter")]
    check_with_mypy(PACKAGE, WorkspaceReader, workspace_readers)


def load_reader(name: str) -> ModuleType:
    return load(PACKAGE, name, what="reader")


@pytest.mark.parametrize("name", READERS)
def test_every_reader_fulfils_the_contract_and_has_a_case(name: str) -> None:
    reader = load_reader(name)
    check_contract(reader, DependencyReader, "reader")
    assert reader.FILES and isinstance(getattr(reader, "READS_ANY_NAME", False), bool)
    assert reader.LOCKS or not hasattr(reader, "make_workspace_filter"), "only a lock file covers a workspace"
    (pattern,) = [pattern for pattern, module in load_readers() if module is reader]
    assert any(pattern.fullmatch(file) for _, files, _ in CASES for file in files)


def test_a_reader_without_read_is_a_usage_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ModuleType(f"{PACKAGE}.pip_lock")
    vars(broken).update(FILES="pip.lock", LOCKS=True, read=lambda file, is_wanted: iter(()))
    monkeypatch.setattr(registry, "load", lambda *_, **__: broken)
    load_readers.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"^reader 'pip-lock' does not fulfil .*: FILES is a str, not a tuple$"):
            load_readers()
    finally:
        load_readers.cache_clear()


GARBAGE = [b"", b"\0\xff\xfe\n", b"[[[", b'{"a": [1, 2', b"<a><b></a>", b"- - - {", b"null", b"[]"]


@pytest.mark.parametrize("name", sorted({name for _, files, _ in CASES for name in files}))
@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_raises_no_exception(name: str, content: bytes, tmp_path: Path) -> None:
    write(tmp_path, {name: content})
    assert len(unread(tmp_path)) <= 1


MALFORMED = {
    "package-lock.json": '{"packages": {',
    "yarn.lock": "<<<<<<< HEAD\n",
    "pnpm-lock.yaml": "a: [",
    "bun.lock": "{,}",
    "poetry.lock": "[[package]\n",
    "go.mod": "hello world",
    "Cargo.lock": "[x]",
    "Gemfile.lock": "<<<<<<< HEAD\n",
    "composer.lock": "{}",
    "pom.xml": "<project>",
    "gradle.lockfile": "what is this",
    "packages.lock.json": "[]",
    "mix.lock": "%%{",
    "pubspec.lock": "a: b",
    ".github/workflows/x.yml": "a: b: c",
    "Pipfile.lock": "{}",
    "setup.cfg": "no section\n",
    "requirements.txt": "-r missing.txt\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_one_clear_line(name: str, tmp_path: Path) -> None:
    write(tmp_path, {name: MALFORMED[name]})
    (skipped,) = unread(tmp_path)
    assert skipped.where.endswith(name)
    assert len(skipped.reason) > 10 and skipped.reason.isprintable()


HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "json depth": ("package-lock.json", b"[" * 200_000, "nested too deeply"),
    "yaml depth": ("pubspec.lock", b"[" * 200_000, "nested too deeply"),
    "yaml block depth": ("pubspec.lock", b"- " * 100_000, "nested too deeply"),
    "toml depth": ("poetry.lock", b"a = " + b"[" * 200_000, "nested too deeply"),
    "xml depth": ("pom.xml", b"<a>" * 80_000, "nested too deeply"),
    "npm depth": (
        "package-lock.json",
        b'{"lockfileVersion":1,' + b'"dependencies":{"a":{' * 200 + b"}}" * 200 + b"}",
        "nested too deeply",
    ),
    "yaml aliases": (
        "pubspec.lock",
        b"a: &a [x]\n" + b"".join(b"k%d: [*a, *a, *a]\n" % n for n in range(200)),
        "more than 256 aliases",
    ),
    "yaml self": ("pubspec.lock", b"a: *a\n", "alias without an anchor"),
    "xml entities": (
        "pom.xml",
        b'<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><project>&b;</project>',
        "document type",
    ),
    "xml outside": ("pom.xml", b'<!DOCTYPE p SYSTEM "file:///etc/passwd"><project/>', "document type"),
    "include outside": ("requirements.txt", b"-r ../../etc/requirements.txt\n", "outside of the repository"),
    "include absolute": ("requirements.txt", b"-r /etc/passwd\n", "outside of the repository"),
    "include url": ("requirements.txt", b"-r https://h.test/r.txt\n", "not fetched"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case: str, tmp_path: Path) -> None:
    name, content, reason = HOSTILE[case]
    write(tmp_path / "repo", {name: content})
    (skipped,) = unread(tmp_path / "repo")
    assert reason in skipped.reason


def test_a_file_of_a_hundred_megabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "package-lock.json", "wb") as stream:
        stream.truncate(100 << 20)
    (skipped,) = unread(tmp_path)
    assert "over the limit" in skipped.reason


def test_includes_may_be_circular_but_not_too_many(tmp_path: Path) -> None:
    circle = {f"requirements{n}.txt": f"-r requirements{(n + 1) % 5}.txt\nx{n}==1\n" for n in range(5)}
    write(tmp_path, circle)
    assert len(found(tmp_path, "x3")) == 1
    fan = {f"sub/{n}.txt": "a\n" for n in range(100)}
    write(tmp_path / "fan", {"requirements.txt": "".join(f"-r {name}\n" for name in fan), **fan})
    (skipped,) = unread(tmp_path / "fan")
    assert "more than 64 files" in skipped.reason


def test_no_pattern_backtracks(tmp_path: Path) -> None:
    """A pattern that backtracks would take minutes for one of these."""
    long = {
        "bun.lock": b'{"lockfileVersion":1}' + b"/*" * 200_000,
        "build.gradle": b"'" + b"a." * 200_000,
        "Gemfile": b"gem '" + b"a-" * 200_000,
        "requirements.txt": b"a[" * 200_000,
        "Dockerfile": b"COPY " + b"--from " * 100_000,
        "yarn.lock": b"__metadata:\n" + b'    "' + b"a" * 400_000,
        ".github/workflows/x.yml": b"a: |\n " + b"uses: " * 100_000,
    }
    write(tmp_path, {name: content + b" left-pad" for name, content in long.items()})
    list(unread(tmp_path))


def test_a_version_in_a_lock_file_is_locked(tmp_path: Path) -> None:
    write(tmp_path, {"package-lock.json": json.dumps(NPM_3)})
    (entry,) = found(tmp_path, "pkg:npm/inner@2.0.0")
    assert entry.match == Match.LOCKED and entry.locked
